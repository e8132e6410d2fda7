package render_test

import (
	"strings"
	"testing"

	"ccaas-template-builder/internal/render"
)

func TestParse(t *testing.T) {
	for document, want := range map[string]string{
		`{}`:                 "",
		" \n{ } \t":          "",
		`{"a":"b","c":true}`: "",
		"{\n\"a\": {{ .X }},\n\"b\": {{ .Y }}\n}": "",
		``: "c.json:1:1: a connection.json must be a JSON object, { … }, but " +
			"this begins with the end of the file",
		`null`:                             `begins with "null"`,
		`[]`:                               `begins with "["`,
		`"x"`:                              `begins with "\""`,
		`{`:                                "expected a key in quotes, found the end of the file",
		`{"a"}`:                            `c.json:1:5: expected : after the key a, found "}"`,
		`{"a":}`:                           `c.json:1:6: a: expected a value, found "}"`,
		`{"a":"b",}`:                       "c.json:1:10: there is a comma before the closing }: remove it",
		`{"a":"b" "c":"d"}`:                `c.json:1:10: expected , or } after the value, found "\""`,
		`{"a":"b"} x`:                      `c.json:1:11: "x" follows the end of the object`,
		`{"a":"b"}{}`:                      `"{" follows the end of the object`,
		"{\"a\":\"b\nc\"}":                 `"\n" is not allowed in a string`,
		`{"a":"b`:                          "c.json:1:6: the string that begins here is not closed",
		`{"a":"\x"}`:                       "c.json:1:7: this is not a JSON escape",
		`{"a":"\ud800"}`:                   "c.json:1:7: this is not a JSON escape",
		`{"a":"\u12"}`:                     "c.json:1:7: this is not a JSON escape",
		`{"a":"\u12`:                       "c.json:1:7: this is not a JSON escape",
		`{"a":"\u0061`:                     "c.json:1:6: the string that begins here is not closed",
		`{"a":null}`:                       "c.json:1:6: a: is null, which is not a value",
		`{"a":{"b":1}}`:                    "c.json:1:6: a: must be a string, true or false, not an object or a list",
		`{"a":["b"]}`:                      "not an object or a list",
		`{"a":nope}`:                       `expected a value, found "nope"`,
		`{"a":01x}`:                        `expected a value, found "01x"`,
		`{a:"b"}`:                          `expected a key in quotes, found "a"`,
		`{"a":"b","a":"c"}`:                "c.json:1:10: a: the key appears twice, first at line 1:2",
		`{"a":"b","\u0061":"c"}`:           "the key appears twice",
		`{"{{ .X }}":"b"}`:                 "c.json:1:2: a key cannot hold an action",
		`{ {{ if .X }} "a":"b" {{ end }}}`: "c.json:1:3: an action cannot be a key",
		`{"a":"b", {{ if .X }} "c":"d" {{ end }}}`: "an action cannot be a key",
		"\ufeff{}":               "begins with a byte order mark",
		"{\"ä\":\"\xff\"}":       "c.json:1:7: is not valid UTF-8",
		"{\"a\":\"\x00\"}":       `"\x00" is not allowed in a string`,
		"{\"a\nb\":1}":           "is not allowed in a string",
		`{{ if .X }}{}{{ end }}`: "c.json:1:1: the document cannot begin with an action",
		"{\"a\": {{ .X }},\n\"b\": \"{{ env \\\"Y\\\" }}\"}": "c.json:2:7: " +
			`the action that begins here has a \ outside quotes`,
		`{"a\nb":null}`: `"a\nb": is null`,
		`{"a":"` + strings.Repeat("x", render.MaxSource-8) + `"}`: "",
		`{"a":"` + strings.Repeat("x", render.MaxSource-7) + `"}`: "c.json: is larger than 65536 bytes",
		`{"a":` + strings.Repeat("n", 40) + `}`:                   `found "` + strings.Repeat("n", 40) + `"`,
		`{"a":` + strings.Repeat("n", 41) + `}`:                   `found "` + strings.Repeat("n", 40) + `"`,
		`{"` + strings.Repeat("k", 64) + `":null}`:                "c.json:1:69: " + strings.Repeat("k", 64) + ": is null",
		`{"` + strings.Repeat("k", 65) + `":null}`:                `"` + strings.Repeat("k", 64) + `"…: is null`,
		strings.Repeat("[", 60000):                                `begins with "["`,
		`{"a":` + strings.Repeat("[", 60000):                      "not an object or a list",
	} {
		t.Run(document[:min(len(document), 40)], func(t *testing.T) {
			_, err := render.Parse("c.json", []byte(document))
			switch {
			case want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("got %v, want it to hold %q", err, want)
			}
		})
	}
}

// Positions count lines and characters of the file, also after JSON escapes.
func TestPositions(t *testing.T) {
	for document, want := range map[string]string{
		"{\n\n  \"ä\": \"ö\\n\\u00e9{{ foo }}\"\n}": "c.json:3:21: ä: there is no function",
		"{\n  \"a\": \"x\",\n  \"b\": {{ foo }}\n}": "c.json:3:11: b: there is no function",
		"{\"a\": \"{{ foo\n\n}}\"}":                 "c.json:1:11: a: there is no function",
	} {
		t.Run(document, func(t *testing.T) {
			if _, err := render.Parse("c.json", []byte(document)); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%q: got %v, want %q", document, err, want)
			}
		})
	}
}

// A member without actions has a literal value. A member whose template is wrong is not readable
// and has no literal value.
func TestLiteral(t *testing.T) {
	for value, want := range map[string]any{
		`true`: true, `false`: false, `0`: int64(0), `1.5`: 1.5, `""`: "", `"a\nb"`: "a\nb",
		`"a{{ 1 }}"`: nil, `{{ 1 }}`: nil, `"{{ oops }}"`: nil,
	} {
		d, err := render.Parse("c.json", []byte(`{"k": `+value+`}`))
		m := d.Member("k")
		got, ok := m.Literal()
		if got != want || ok != (want != nil) || m.Readable() != (err == nil) {
			t.Errorf("%s: got %v, %t, readable %t", value, got, ok, m.Readable())
		}
	}
}

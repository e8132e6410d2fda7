package render_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ccaas-template-builder/internal/golden"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/must"
	"ccaas-template-builder/internal/render"
	"ccaas-template-builder/pkg/environ"
)

// values returns the values that the tests' templates read.
func values() render.Values {
	environment := map[string]any{"HOST": "cc", "KEY": environ.Secret(1), "QUOTES": "a\"b\\c\n{{ .Address }}"}
	find := func(name string) (environ.Var, error) {
		if name == "BROKEN" {
			return environ.Var{}, errors.New("BROKEN cannot be read")
		}
		return environ.Var{Name: name, Value: environment[name]}, nil
	}
	extra := map[string]any{"port": int64(7052)}
	tls := map[string]any{"on": true, "key": environ.Secret(2), "ports": []any{int64(1), int64(2)}}
	return render.Values{
		Root: map[string]any{
			"Address":     environ.Var{Name: "ADDRESS"},
			"DialTimeout": environ.Var{Name: "TIMEOUT", Value: "3s"},
			"TLSRequired": environ.Var{Name: "TLS", Value: true},
			"ClientKey":   environ.Var{Name: "CLIENT_KEY", Value: environ.Secret(0)},
			"Peer":        environ.Group{"ID": {Name: "PEER_ID", Value: "peer0"}, "MSPID": {Name: "MSP_ID"}},
			"Chaincode":   environ.Group{"Label": {Why: "there is no label"}, "Extra": {Value: extra}},
			"peername":    environ.Var{Name: "LEGACY", Value: "peer0org1"},
			"a-b":         environ.Var{Name: "LEGACY", Value: "dashed"},
			"tls":         environ.Var{Name: "LEGACY", Value: tls},
			"big":         environ.Var{Name: "LEGACY", Value: strings.Repeat("x", 60000)},
			"largest":     environ.Var{Name: "LEGACY", Value: strings.Repeat("x", 65536)},
			"counted":     environ.Var{Name: "LEGACY", Value: strings.Repeat("x", 65520)}, // counts as 64 KiB: sizeOf adds 16
			"oneKey":      environ.Var{Name: "LEGACY", Value: map[string]any{strings.Repeat("x", 40000): strings.Repeat("x", 25488)}},
			"noKey":       environ.Var{Name: "LEGACY", Value: map[string]any{}},
		},
		Unknown: func(name string) error { return fmt.Errorf("there is no .%s", name) },
		Env:     find,
		EnvFile: find,
	}
}

// renderValue renders the document {"k": JSON}, where JSON is the text of the value.
func renderValue(t *testing.T, json string) (render.Result, error) {
	t.Helper()
	d, err := render.Parse("c.json", []byte(`{"k": `+json+`}`))
	if err != nil {
		return render.Result{}, err
	}
	return d.Member("k").Render(values())
}

// In a trial, a value is supplied where one is needed and not set. If none is, the variable is missing.
func TestSupply(t *testing.T) {
	trial := values()
	trial.Supply = func(name string) any {
		if name == "ADDRESS" {
			return "supplied"
		}
		return nil
	}
	for document, want := range map[string]string{
		`{"k": "{{ .Address }}:1"}`:                "supplied:1",
		`{"k": "{{ .Address | upper }}:1"}`:        "SUPPLIED:1",
		`{"k": "{{ .Peer.MSPID }}:1"}`:             "MSP_ID is not set",
		`{"k": "{{ .Address }}{{ .Peer.MSPID }}"}`: "MSP_ID is not set",
	} {
		parsed := must.Get(render.Parse("c.json", []byte(document)))(t)
		result, err := parsed.Member("k").Render(trial)
		if got := fmt.Sprint(result.Value, err); !strings.Contains(got, want) {
			t.Errorf("%s: got %s", document, got)
		}
	}
}

// Steps counts expressions, and the work of functions in units of 16 bytes.
func TestSteps(t *testing.T) {
	for template, want := range map[string][2]int{
		`"x"`:                              {0, 0},
		`"{{ 1 }}{{ 2 }}{{ 3 }}"`:          {3, 3},
		`"{{ with upper .big }}{{ end }}"`: {2 * 60000 / 16, 2*60000/16 + 10},
		`"{{ .Address }}"`:                 {100, 110},
	} {
		if result, _ := renderValue(t, template); result.Steps < want[0] || result.Steps > want[1] {
			t.Errorf("%s takes %d steps, want %d to %d", template, result.Steps, want[0], want[1])
		}
	}
}

func TestRender(t *testing.T) {
	for template, want := range map[string]any{
		// plain values
		`"cc:9999"`:                             "cc:9999",
		`""`:                                    "",
		`true`:                                  true,
		`10`:                                    int64(10),
		`1.5e3`:                                 1500.0,
		`"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é"`: "\"\\/\b\f\n\r\té😀é",
		// the environment
		`"{{ .Peer.ID }}.cc:9999"`:                                   "peer0.cc:9999",
		`"{{ .Env.HOST }}:1"`:                                        "cc:1",
		`"{{ env "HOST" }}:1"`:                                       "cc:1",
		`"{{ env \"HOST\" }}:1"`:                                     "cc:1",
		"\"{{ env `HOST` }}:1\"":                                     "cc:1",
		`"{{ env "NONE" }}"`:                                         "",
		`"{{ env "NONE" | default "x" }}"`:                           "x",
		`"{{ envFile "HOST" }}"`:                                     "cc",
		`"{{ envFile "NONE" | default "x" }}"`:                       "x",
		`"{{ .Address | default "x:1" }}"`:                           "x:1",
		`"{{ or .Address "x:1" }}"`:                                  "x:1",
		`"{{ or .Peer.ID .Env.NONE }}"`:                              "peer0",
		`"{{ coalesce .Address .Peer.MSPID .Peer.ID }}"`:             "peer0",
		`"{{ required "give it" .Peer.ID }}"`:                        "peer0",
		`"{{ if .Address }}a{{ else if .Peer.ID }}b{{ end }}"`:       "b",
		`"{{ with .Peer.ID }}{{ . }}{{ end }}"`:                      "peer0",
		`"{{ with .Address }}{{ . }}{{ else }}none{{ end }}"`:        "none",
		`"{{ with .tls }}{{ .on }} {{ $.peername }}{{ end }}"`:       "true peer0org1",
		`"{{ with .tls }}{{ if true }}{{ .on }}{{ end }}{{ end }}"`:  "true",
		`"{{ with 1 }}{{ with 2 }}{{ . }}{{ end }}{{ . }}{{ end }}"`: "21",
		`"{{ .tls.on }}"`:                                            "true",
		`"{{ index . "a-b" }}"`:                                      "dashed",
		`"{{ index . "tls" "ports" 1 }}"`:                            "2",
		`"{{ index .tls.ports 0 }}"`:                                 "1",
		`"{{ "on" | index .tls }}"`:                                  "true",
		`"{{ .Chaincode.Extra.port }}"`:                              "7052",
		`"{{ (.tls).on }}"`:                                          "true",
		`"{{ $x := .peername }}{{ $x }}{{ $x = "b" }}{{ $x }}"`:      "peer0org1b",
		`"{{ if true }}{{ $x := 1 }}{{ end }}{{ $.peername }}"`:      "peer0org1",
		`"a {{- /* said */ -}} b"`:                                   "ab",
		`"{{/* }} " */}}b"`:                                          "b",
		"\"{{ `}}` }}\"":                                             "}}",
		"\"{{ `}}\"` }}\"":                                           "}}\"",
		`"{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}"`: "1",
		// a value cannot change the structure and is not a template
		`"{{ .Env.QUOTES }}"`: "a\"b\\c\n{{ .Address }}",
		// functions
		`"{{ .Peer.ID | upper | trimPrefix "PEER" | atoi | add 9000 }}"`:                    "9000",
		`"{{ printf "%s:%04d %q %t %v%%" "a" 7 "b" true 1.5 }}"`:                            `a:0007 "b" true 1.5%`,
		`"{{ splitList "." "a.b" | join "-" }}"`:                                            "a-b",
		`"{{ eq .Peer.ID "x" "peer0" }} {{ ne 1 2 }} {{ lt 1 1.5 }}"`:                       "true true true",
		`"{{ ge "b" "a" }}{{ gt 1 2 }}{{ le 1 1 }}{{ not "" }}"`:                            "truefalsetruetrue",
		`"{{ len "abc" }}{{ len .tls.ports }}"`:                                             "32",
		`"{{ ternary "a" "b" (eq 1 1) }}{{ empty .Address }}"`:                              "atrue",
		`"{{ and .TLSRequired .Peer.ID }}"`:                                                 "peer0",
		`"{{ "a" | and true }}"`:                                                            "a",
		`"{{ trunc 2 "abc" }}{{ substr 1 2 "abc" }}{{ b64enc "a" }}"`:                       "abbYQ==",
		`"{{ slice "abcd" 1 3 }}{{ slice .peername 4 }}{{ slice .tls.ports 1 | join "" }}"`: "bc0org12",
		`"{{ print "a" 1 true }}{{ println 1 2 }}"`:                                         "a1 true1 2\n",
		`"{{ html "<a>" }}{{ js "'" }}{{ urlquery "a b" }}"`:                                `&lt;a&gt;\'a+b`,
		`"{{ printf "%.0f %5.1f %g" 7052 1.25 3 }}"`:                                        "7052   1.2 3",
		// outside quotes a value keeps its type
		`{{ .TLSRequired }}`: true,
		`{{ .DialTimeout }}`: "3s",
		`{{ 10 }}`:           int64(10),
		`{{ if .TLSRequired }}true{{ else }}false{{ end }}`: true,
		`{{ $x := 1 }} {{ eq $x 1 }}`:                       true,
		// }} in a string or a comment does not end the action
		`{{ print "a\"}}b" }}`:               `a"}}b`,
		"\"{{ print `` }}{{ print `}}` }}\"": "}}",
		`"{{/* }} " */}}x"`:                  "x",
		// an assignment sets the variable of the block that declared it
		`"{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}"`: "2",
		`"{{ $x := 1 }}{{ $y := 2 }}{{ $x }}{{ $y }}"`:              "12",
		// empty values
		`"{{ empty 0 }} {{ empty 0.0 }} {{ empty (list) }} {{ empty .noKey }} {{ empty false }}"`:   "true true true true true",
		`"{{ empty 1 }} {{ empty 0.5 }} {{ empty (list 0) }} {{ empty .tls }} {{ empty .oneKey }}"`: "false false false false false",
		`"{{ coalesce "" 0 }}{{ coalesce 0 "" }}"`:                                                  "0",
		// ordering and bounds
		`"a{{ 1.25 }}"`: "a1.25",
		`"{{ lt "a" "a" }} {{ le "a" "a" }} {{ lt 1.5 1.5 }} {{ ge 1.5 1.5 }} {{ lt 1 1 }}"`: "false true false true false",
		`"{{ slice "abc" 0 1 }} {{ slice "abc" 1 3 }} {{ slice "abc" 1 1 }}"`:                "a bc ",
		// a private key as the whole value
		`"{{ .ClientKey }}"`:                            environ.Secret(0),
		`"\n{{ .ClientKey }} "`:                         environ.Secret(0),
		`{{ .ClientKey }}`:                              environ.Secret(0),
		`"{{ env "KEY" }}"`:                             environ.Secret(1),
		`"{{ .tls.key }}"`:                              environ.Secret(2),
		`"{{ or .Address .ClientKey }}"`:                environ.Secret(0),
		`"{{ .ClientKey | default "x" }}"`:              environ.Secret(0),
		`"{{ $k := .ClientKey }}{{ $k }}"`:              environ.Secret(0),
		`"{{ if .ClientKey }}is set{{ end }}"`:          "is set",
		`"{{ with .ClientKey }}{{ . }}{{ end }}"`:       environ.Secret(0),
		`"{{ required "give it" (env "KEY") }}"`:        environ.Secret(1),
		`"{{ ternary .ClientKey "" true }}"`:            environ.Secret(0),
		`"{{ index .tls "key" }}"`:                      environ.Secret(2),
		`"{{ not .ClientKey }} {{ empty .ClientKey }}"`: "false false",
	} {
		t.Run(template, func(t *testing.T) {
			got, err := renderValue(t, template)
			if err != nil || got.Value != want {
				t.Errorf("got %#v, %v, want %#v", got.Value, err, want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for template, want := range map[string]string{
		// missing values
		`"{{ .Address }}"`:                               "c.json:1:11: k: ADDRESS is not set",
		`"{{ .Address | upper }}"`:                       "c.json:1:22: k: ADDRESS is not set",
		`"{{ .Peer.MSPID }}"`:                            "c.json:1:11: k: MSP_ID is not set",
		`"{{ .Env.NONE }}"`:                              "c.json:1:11: k: NONE is not set",
		`"{{ if .Env.NONE }}{{ end }}"`:                  "c.json:1:14: k: NONE is not set",
		`"{{ envFile "NONE" }}"`:                         "c.json:1:11: k: NONE is not set",
		`"{{ env "BROKEN" }}"`:                           "c.json:1:11: k: BROKEN cannot be read",
		`"{{ .Chaincode.Label }}"`:                       "c.json:1:11: k: there is no label",
		`"{{ .nothing }}"`:                               "c.json:1:11: k: there is no .nothing",
		`"{{ .tls.nothing }}"`:                           "c.json:1:11: k: .tls.nothing: there is no .nothing in it",
		`"{{ .peername.x }}"`:                            "c.json:1:11: k: .peername.x: a string has no .x",
		`"{{ .Peer.Name }}"`:                             "c.json:1:11: k: there is no .Peer.Name",
		`"{{ required "give it" (env "NONE") }}"`:        "c.json:1:11: k: give it",
		`"{{ $x := .Address }}{{ $x }}"`:                 "c.json:1:31: k: ADDRESS is not set",
		`"{{ with .Address }}{{ end }}{{ .Address.x }}"`: "c.json:1:39: k: ADDRESS is not set",
		// not values
		`"{{ . }}"`:                    "c.json:1:11: k: . is everything there is, not a value",
		`"{{ $ }}"`:                    "c.json:1:11: k: $ is everything there is, not a value",
		`"{{ .Env }}"`:                 "c.json:1:11: k: .Env is the whole environment, not a value",
		`"{{ .Peer }}"`:                "c.json:1:11: k: .Peer is a group of values: name one of them, such as .Peer.ID",
		`"{{ .tls }}"`:                 "k: gives an object: only a string",
		`"{{ list 1 }}"`:               "k: gives a list: only a string",
		`"{{ nil }}"`:                  "k: nil is not a value",
		`"{{ printf "%v" nil }}"`:      "k: nil is not a value",
		`"{{ index . .peername }}"`:    "k: . is everything there is",
		`"{{ index . "Env" }}"`:        "k: . is the whole environment",
		`"{{ index . "Env" "HOST" }}"`: "k: . is the whole environment",
		`"{{ index . "Peer" "ID" }}"`:  "k: .Peer is a group of values",
		`"{{ index (.) "tls" }}"`:      "c.json:1:18: k: . is everything there is",
		`"{{ "on" | index . "tls" }}"`: "c.json:1:24: k: . is everything there is",
		`"{{ "tls" | index . }}"`:      "c.json:1:25: k: . is everything there is",
		// inside with, . is a value
		`"{{ with 1 }}{{ index . "tls" }}{{ end }}"`: "c.json:1:23: k: index: a number has no elements",
		// a private key
		`"x{{ .ClientKey }}"`: "k: holds a private key among other text: " +
			"a key can only be the whole of client_key",
		`"{{ .ClientKey }}{{ .ClientKey }}"`: "k: holds a private key among other text",
		`"{{ .ClientKey | b64enc }}"`:        "k: b64enc cannot be applied to a private key",
		`"{{ len .ClientKey }}"`:             "k: len cannot be applied to a private key",
		`"{{ printf "%s" .ClientKey }}"`:     "k: printf cannot be applied to a private key",
		`"{{ eq .ClientKey "x" }}"`:          "k: eq cannot be applied to a private key",
		`"{{ list .ClientKey | join "" }}"`:  "k: list cannot be applied to a private key",
		`"{{ join "" .tls }}"`:               "k: join cannot be applied to a private key",
		`"{{ toString .tls }}"`:              "k: toString cannot be applied to a private key",
		`"{{ index .ClientKey 0 }}"`:         "k: index cannot be applied to a private key",
		`"{{ index .tls .ClientKey }}"`:      "k: index cannot be applied to a private key",
		`"{{ required .ClientKey "" }}"`:     "k: required takes its first argument in quotes, because an error may show it",
		`"{{ ternary 1 2 .ClientKey }}"`:     "k: ternary: argument 3 is a private key, not true or false",
		`"{{ .ClientKey.x }}"`:               "k: .ClientKey.x: a private key has no .x",
		// the language
		`"{{ range .tls.ports }}{{ end }}"`:             "c.json:1:8: k: {{ range }} is not part of this language",
		`"{{ define "x" }}{{ end }}"`:                   "k: {{ define }} is not part",
		`"{{ block "x" . }}{{ end }}"`:                  "k: {{ block }} is not part",
		`"{{ template "x" }}"`:                          "k: {{ template }} is not part",
		`"{{- break }}"`:                                "k: {{ break }} is not part",
		`"{{ fail "x" }}"`:                              `c.json:1:11: k: there is no function "fail"`,
		`"{{ genPrivateKey "rsa" }}"`:                   `there is no function "genPrivateKey"`,
		`"{{ uper "x" }}"`:                              `there is no function "uper", did you mean "upper"`,
		`"{{ upper }}"`:                                 "k: upper takes 1 argument, not 0",
		`"{{ upper "a" "b" }}"`:                         "k: upper takes 1 argument, not 2",
		`"{{ "a" | upper "b" }}"`:                       "k: upper takes 1 argument, not 2",
		`"{{ or }}"`:                                    "k: or takes 1 or more arguments, not 0",
		`"{{ index }}"`:                                 "k: index takes 2 or more arguments, not 0",
		`"{{ index . }}"`:                               "k: index takes 2 or more arguments, not 1",
		`"{{ ne 1 }}"`:                                  "k: ne takes 2 arguments, not 1",
		`"{{ slice }}"`:                                 "k: slice takes 1 to 3 arguments, not 0",
		`"{{/*/}}"`:                                     "k: the action that begins here is not closed by }}",
		`"{{ slice "abc" -1 }}"`:                        "k: slice: argument 2 is out of range",
		`"{{ slice .tls.ports 0 3 }}"`:                  "k: slice: argument 3 is out of range",
		`"{{if true}}{{end}}{{if true}}x"`:              "c.json:1:26: k: the block that begins here is not closed",
		`"{{if true}}{{with 1}}{{end}}x"`:               "c.json:1:8: k: the block that begins here is not closed",
		`"{{ 1 | .Address }}"`:                          "c.json:1:15: k: .Address is not a function, so it takes no argument",
		`"{{ .Address 1 }}"`:                            "k: .Address is not a function, so it takes no argument",
		`"{{ env .peername }}"`:                         "k: env takes the name of a variable in quotes",
		`"{{ "HOST" | env }}"`:                          "k: env takes the name of a variable in quotes",
		`"{{ env "A B" }}"`:                             `k: "A B" is not a valid variable name`,
		`"{{ env "../x" }}"`:                            `k: "../x" is not a valid variable name`,
		`"{{ .Env.Ä }}"`:                                `k: "Ä" is not a valid variable name`,
		`"{{ .Env.` + strings.Repeat("A", 255) + ` }}"`: "A is not set",
		`"{{ .Env.` + strings.Repeat("A", 256) + ` }}"`: "k: the name of a variable is longer than 255 bytes",
		`"{{ envFile "` + strings.Repeat("A", 252) + `_FILE" }}"`: "k: the name of a variable is longer than 255 bytes",
		`"{{ $x }}"`:                        `c.json:1:8: k: undefined variable "$x"`,
		`"a{{ if }}b{{ end }}"`:             "c.json:1:9: k: missing value for if",
		`"ab{{ .Peer.ID }} {{ if true }}x"`: "c.json:1:25: k: the block that begins here is not closed by {{ end }}",
		`"{{ end }}"`:                       "c.json:1:8: k: unexpected {{end}}",
		`"{{ .Peer.ID }} {{ 1 + 1 }}"`:      "c.json:1:23: k: ",
		`"{{ \"a }}"`:                       "k: the action that begins here is not closed by }}",
		`"{{ .Peer.ID "`:                    "the action that begins here is not closed by }}",
		`"{{ 1i }}"`:                        "k: 1i is not a usable number",
		`"{{ upper 1 }}"`:                   "k: upper: argument 1 is a number, not a string",
		`"{{ trunc "a" "b" }}"`:             "k: trunc: argument 1 is a string, not a number",
		`"{{ div 1 0 }}"`:                   "k: div: cannot work with these arguments",
		`"{{ first (list) }}"`:              "k: first: has no result for these arguments",
		`"{{ substr 9 10 "abc" }}"`:         "k: substr: cannot work with these arguments",
		`"{{ eq 1 "a" }}"`:                  "k: eq: cannot compare a number and a string",
		`"{{ lt true false }}"`:             "k: lt: cannot order true or false and true or false",
		`"{{ index .tls.ports 2 }}"`:        "k: index: the list has no such element",
		`"{{ index .tls "x" }}"`:            "k: index: the object has no such key",
		`"{{ index "abc" 1 }}"`:             "k: index: a string has no elements",
		`"{{ printf "%999999999d" 1 }}"`:    `in its format is not one of`,
		`"{{ printf "%*d" 1 1 }}"`:          `in its format is not one of`,
		`"{{ printf "%d" "a" }}"`:           `"%d" in its format does not take a string`,
		`"{{ printf "%s" }}"`:               "its format needs more than 0 arguments",
		`"{{ printf "x" 1 }}"`:              "its format takes 0 arguments, not 1",
		`"{{ trunc 1 "é" }}"`:               "k: is not valid UTF-8: a function has split a character",
		`"{{ slice "abc" 4 }}"`:             "k: slice: argument 2 is out of range",
		`"{{ slice "abc" 2 1 }}"`:           "k: slice: argument 2 is larger than argument 3",
		`"{{ slice 1 1 }}"`:                 "k: slice: a number cannot be sliced",
		`"{{ print .tls }}"`:                "k: print cannot be applied to a private key",
		`"{{ html .tls.ports }}"`:           "k: html: argument 1 is a list, not text",
		`"{{ printf "%f" "a" }}"`:           `"%f" in its format does not take a string`,
		`"{{ slice .ClientKey 0 1 }}"`:      "k: slice cannot be applied to a private key",
		`"{{ .Peer.Id }}"`:                  `k: there is no .Peer.Id, did you mean ".Peer.ID"`,
		`"{{ printf .peername }}"`:          "k: printf takes its first argument in quotes",
		`"{{ .peername | printf }}"`:        "k: printf takes its first argument in quotes",
		`"{{ required .peername "" }}"`:     "k: required takes its first argument in quotes",
		// limits
		`"{{ replace "x" "yyyyyyyyyyyyyyyy" .big }}"`:  "k: replace: its result may be larger than 65536 bytes",
		`"{{ join .big (splitList "" "abcdefghi") }}"`: "k: join: its result may be larger",
		`"{{ printf "%s%s" .big .big }}"`:              "k: printf: its result may be larger",
		`"{{ cat .big .big .big }}"`:                   "k: cat: its result is larger than 65536 bytes",
		`"{{ .big }}{{ .big }}"`:                       "k: is larger than 65536 bytes",

		`"` + strings.Repeat("{{ $x := upper .big }}", 20) + `"`:                  "k: the template computes too much",
		`"` + strings.Repeat("{{ if true }}", 40) + `"`:                           "nest deeper than 32",
		`"{{ ` + strings.Repeat("(", 40) + ` }}"`:                                 "nest deeper than 32",
		`"{{ ` + strings.Repeat("(", 33) + "1" + strings.Repeat(")", 33) + ` }}"`: "nest deeper than 32",
		// outside quotes
		`{{ .Peer.ID }}x`:           "k: outside quotes, the value must be a single action",
		`{{ if true }}10{{ end }}`:  "k: outside quotes, the value must be a single action",
		`{{ if true }}"x"{{ end }}`: "k: outside quotes, the value must be a single action",
		`{{ if true }}true`:         "the value that begins here does not end",
	} {
		t.Run(template, func(t *testing.T) {
			got, err := renderValue(t, template)
			if err == nil {
				t.Fatalf("rendered to %#v, want an error with %q", got.Value, want)
			}
			if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "c.json:1:") {
				t.Errorf("got %q, want it to hold %q", err, want)
			}
			if strings.Contains(err.Error(), "peer0") || strings.Contains(err.Error(), "xxxxx") {
				t.Errorf("%q holds a value", err)
			}
		})
	}
}

func TestAllErrorsAreReported(t *testing.T) {
	_, err := renderValue(t, `"{{ .Address }} {{ .Env.NONE }} {{ .Peer.MSPID }}"`)
	if got := len(message.Errors(err)); got != 3 {
		t.Errorf("got %d errors: %v", got, err)
	}
	_, err = renderValue(t, `"{{ $x := .Env.NONE }}{{ $x }}"`)
	if got := len(message.Errors(err)); got != 1 {
		t.Errorf("got %d errors: %v", got, err)
	}
	_, err = renderValue(t, `"`+strings.Repeat("{{ upper .big | trunc 1 }}", 100)+`"`)
	if got := len(message.Errors(err)); got != 1 {
		t.Errorf("computing too much gives %d errors: %v", got, err)
	}
	_, err = render.Parse("c.json", []byte(`{"a": "{{ x }}{{ y }}", "b": "{{ z }}"}`))
	if got := len(message.Errors(err)); got != 3 {
		t.Errorf("got %d errors: %v", got, err)
	}
}

func TestVariablesRead(t *testing.T) {
	got, err := renderValue(t, `"{{ or .Address .Peer.ID }}{{ env "HOST" }}{{ .peername }}{{ .Peer.ID }}"`)
	if want := []string{"PEER_ID", "HOST", "LEGACY"}; err != nil || !slices.Equal(got.Variables, want) {
		t.Errorf("got %v, %v, want %v", got.Variables, err, want)
	}
}

// If none of the variables read is set, all of them are named.
func TestVariablesNotSet(t *testing.T) {
	got, err := renderValue(t, `"{{ env "NONE" }}{{ if .Address }}{{ end }}"`)
	want := []string{"NONE, which is not set", "ADDRESS, which is not set"}
	if err != nil || !slices.Equal(got.Variables, want) {
		t.Errorf("got %v, %v, want %v", got.Variables, err, want)
	}
}

// The arguments and results of all functions may have 1 MiB together. Here each upper counts 64 KiB
// twice, and each len counts a key, its value and the result as 64 KiB.
func TestWork(t *testing.T) {
	for template, refused := range map[string]bool{
		strings.Repeat("{{ $x := upper .counted }}", 8):                 false,
		strings.Repeat("{{ $x := upper .counted }}", 8) + "{{ add 1 }}": true,
		strings.Repeat("{{ $x := len .oneKey }}", 16):                   false,
		strings.Repeat("{{ $x := len .oneKey }}", 17):                   true,
	} {
		_, err := renderValue(t, `"`+template+`"`)
		if got := err != nil && strings.Contains(err.Error(), "computes too much"); got != refused {
			t.Errorf("%.30s… of %d bytes: got %v", template, len(template), err)
		}
	}
}

// A rendered value may have at most 64 KiB, and so may the estimated size of a function's result. A
// result that is only passed on to another function may have twice that.
func TestLargestValue(t *testing.T) {
	format := strings.Repeat("x", 59_880) + strings.Repeat("%d", 60)
	for template, want := range map[string]string{
		`{{ .largest }}`:                                                         "",
		`{{ .largest }}x`:                                                        "is larger than 65536 bytes",
		`{{ replace "q" "" .largest }}`:                                          "",
		`{{ replace "q" "" .largest }}x`:                                         "is larger than 65536 bytes",
		`{{ cat .largest (trunc 65519 .largest) | trunc 9 }}`:                    "",
		`{{ cat .largest (trunc 65520 .largest) | trunc 9 }}`:                    "cat: its result is larger than",
		`{{ printf "` + format + `"` + strings.Repeat(" 1", 60) + ` }}`:          "printf: its result may be larger",
		`{{ printf "` + format[:59_900] + `"` + strings.Repeat(" 1", 10) + ` }}`: "",
	} {
		_, err := renderValue(t, `"`+template+`"`)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %q", template, err, want)
		}
	}
}

// The name of a variable consists of letters, digits and _, and does not begin with a digit.
func TestVariableNames(t *testing.T) {
	for name, valid := range map[string]bool{
		"azAZ_09": true, "_": true, "z": true, "Z": true, "A0": true, "A9": true,
		"": false, "0": false, "9A": false, "A-": false, "A B": false, "A/": false, "A:": false,
		"A@": false, "A[": false, "A`": false, "A{": false, "é": false,
	} {
		if _, err := render.Parse("c.json", []byte(`{"k": {{ env "`+name+`" }}}`)); (err == nil) != valid {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

// Blocks, parentheses and the actions in them may nest at most 32 deep.
func TestNesting(t *testing.T) {
	for _, test := range []struct {
		blocks, elseIfs, parens int
		refused                 bool
	}{
		{blocks: 32}, {blocks: 33, refused: true},
		{blocks: 1, elseIfs: 31}, {blocks: 1, elseIfs: 32, refused: true},
		{parens: 31}, {parens: 32, refused: true},
		{blocks: 16, elseIfs: 16}, {blocks: 17, elseIfs: 16, refused: true},
		{blocks: 16, parens: 15}, {blocks: 16, parens: 16, refused: true},
	} {
		inner, withs := "x", test.blocks
		if test.parens > 0 {
			inner = "{{ " + strings.Repeat("(", test.parens) + "1" + strings.Repeat(")", test.parens) + " }}"
		}
		if test.elseIfs > 0 {
			inner = "{{ if true }}" + strings.Repeat("{{ else if true }}", test.elseIfs) + inner + "{{ end }}"
			withs--
		}
		template := strings.Repeat("{{ with 1 }}", withs) + inner + strings.Repeat("{{ end }}", withs)
		_, err := renderValue(t, `"`+template+`"`)
		if refused := err != nil && strings.Contains(err.Error(), "nest deeper than 32"); refused != test.refused {
			t.Errorf("%+v: got %v", test, err)
		}
	}
}

// Blocks or parentheses side by side do not count as nested.
func TestSiblings(t *testing.T) {
	for template, want := range map[string]string{
		strings.Repeat("{{ if true }}a{{ end }}", 40):     strings.Repeat("a", 40),
		"{{ add " + strings.Repeat("(add 1) ", 40) + "}}": "40",
	} {
		if got, err := renderValue(t, `"`+template+`"`); err != nil || got.Value != want {
			t.Errorf("%.40s: got %v, %v", template, got.Value, err)
		}
	}
}

// The golden file lists all functions of the language, which templates may rely on.
func TestFunctions(t *testing.T) {
	golden.Check(t, "testdata/functions.golden", []byte(strings.Join(render.Functions(), "\n")+"\n"))
}

package message_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"ccaas-template-builder/internal/message"
)

// Only the first words of a line decide its kind. The text after them may look like another
// kind.
func TestParse(t *testing.T) {
	for line, want := range map[string]message.Line{
		"build: error: address: is empty":                   {Program: "build", Kind: message.Error, Text: "address: is empty"},
		`build: warning: "META-INF/x: error: y": is hidden`: {Program: "build", Kind: message.Warning, Text: `"META-INF/x: error: y": is hidden`},
		"a script: error":                                   {},
		"a script: fatal: error: no":                        {},
		"error: x":                                          {},
		"":                                                  {},
	} {
		got, ok := message.Parse(line)
		if got != want || ok != (want != message.Line{}) {
			t.Errorf("%q is %+v, %t", line, got, ok)
		}
		if ok && got.String() != line {
			t.Errorf("%q is written again as %q", line, got)
		}
	}
}

// Escaped JSON decodes to the same values.
func FuzzPrintableJSON(f *testing.F) {
	for _, text := range []string{
		"", "a é →", "\u202e\u2066\u200f", "\u0080\u009b\x7f\x1b", "\u2028\u2029", "\U000e0001\U0010ffff\ufffd", "\xff",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		data, err := json.MarshalIndent(map[string]string{"text": text}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		escaped := message.PrintableJSON(data)
		if lines := strings.ReplaceAll(string(escaped), "\n", ""); message.Printable(lines) != lines {
			t.Errorf("%q is written as %q", text, escaped)
		}
		var got map[string]string
		if err := json.Unmarshal(escaped, &got); err != nil || utf8.ValidString(text) && got["text"] != text {
			t.Errorf("%q is read as %q, %v", text, got["text"], err)
		}
	})
}

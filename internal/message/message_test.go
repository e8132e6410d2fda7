package message_test

import (
	"testing"

	"ccaas-template-builder/internal/message"
)

// Only the first words of a line say what it is: what it is about can look like another.
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

package main

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	long := strings.Repeat("long-name.", 100) + "example.com:9999"
	text := strings.Repeat("word ", 100) + "end"
	for name, test := range map[string]struct {
		headings []string
		row      []string
		want     string
	}{
		"narrow":     {[]string{"A", "LONG"}, []string{"xyz", "b"}, "A    LONG\nxyz  b\n"},
		"empty cell": {[]string{"A", "B"}, []string{"", "b"}, "A  B\n   b\n"},
		"empty end":  {[]string{"A", "B", "C"}, []string{"a", "", ""}, "A  B  C\na\n"},
		"characters": {[]string{"A", "B"}, []string{"äöü", "b"}, "A    B\näöü  b\n"},
		"control": {[]string{"A", "B"}, []string{"\t\v\x1b[31m", "\n\f\xff"},
			"A             B\n\\t\\v\\x1b[31m  \\n\\f�\n"},
		"long": {[]string{"A", "B", "C"}, []string{"a", long, text},
			"A  B" + strings.Repeat(" ", len(long)+1) + "C\na  " + long + "  " + text + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := writeTable(&b, test.headings, [][]string{test.row}); err != nil {
				t.Fatal(err)
			}
			if b.String() != test.want {
				t.Errorf("got\n%s\nwant\n%s", b.String(), test.want)
			}
		})
	}
}

package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTable(t *testing.T) {
	for name, test := range map[string]struct {
		headings []string
		row      []string
		want     string
	}{
		"narrow":     {[]string{"A", "LONG"}, []string{"xyz", "b"}, "A    LONG\nxyz  b\n"},
		"empty cell": {[]string{"A", "B"}, []string{"", "b"}, "A  B\n   b\n"},
		"characters": {[]string{"A", "B"}, []string{"äöü", "b"}, "A    B\näöü  b\n"},
		"control":    {[]string{"A"}, []string{"a\n\x1b[31m"}, "A\na\\n\\x1b[31m\n"},
		"words": {[]string{"A", "B"}, []string{"a", strings.Repeat("word ", 19) + "end"},
			"A  B\na  " + strings.TrimSpace(strings.Repeat("word ", 15)) + "\n   word word word word end\n"},
		"name": {[]string{"A", "B"}, []string{"a", strings.Repeat("part.", 18) + "end:9999"},
			"A  B\na  " + strings.Repeat("part.", 15) + "\n   part.part.part.end:9999\n"},
		"no mark":        {[]string{"A", "B"}, []string{"a", strings.Repeat("x", 100)}, "A  B\na  " + strings.Repeat("x", 77) + "\n   " + strings.Repeat("x", 23) + "\n"},
		"late mark only": {[]string{"A"}, []string{"a." + strings.Repeat("x", 90)}, "A\na." + strings.Repeat("x", 78) + "\n" + strings.Repeat("x", 12) + "\n"},
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

// Whatever is in it, a table fits, and all of it is there.
func TestTableFits(t *testing.T) {
	row := []string{"peer0", strings.Repeat("a-host.", 20) + ":9999", "mutual", strings.Repeat("ü", 90), "2027-01-01", "ok"}
	var b strings.Builder
	if err := writeTable(&b, []string{"PEER", "ADDRESS", "TLS", "CLIENT CERTIFICATE", "EXPIRES", "RESULT"}, [][]string{row}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d wide: %s", n, line)
		}
	}
	if hosts, letters := strings.Count(b.String(), "a-host."), strings.Count(b.String(), "ü"); hosts != 20 || letters != 90 {
		t.Errorf("%d parts of the name and %d letters are left:\n%s", hosts, letters, b.String())
	}
}

package lint

import (
	"strings"
	"testing"

	"ccaas-template-builder/internal/render"
)

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("0123456789", 20)
	for name, test := range map[string]struct {
		text         string
		line, column int
		want         string
	}{
		"first":        {"abc\ndef", 1, 1, "abc\n^"},
		"inside":       {"abc\ndef", 2, 3, "def\n  ^"},
		"after":        {"abc", 1, 4, "abc\n   ^"},
		"tab":          {"\t\"a\"", 1, 2, " \"a\"\n ^"},
		"characters":   {"äöü", 1, 3, "äöü\n  ^"},
		"end of line":  {"abc\r\ndef\r\n", 1, 2, "abc\n ^"},
		"control":      {"a\x1b[31mb", 1, 7, `a\x1b[31mb` + "\n         ^"},
		"long, early":  {long, 1, 2, long[:72] + "…\n ^"},
		"long, late":   {long, 1, 101, "…" + long[64:136] + "…\n" + strings.Repeat(" ", 37) + "^"},
		"long, at end": {long, 1, 200, "…" + long[163:] + "\n" + strings.Repeat(" ", 37) + "^"},
		"whole file":   {"abc", 0, 0, ""},
		"no such line": {"abc", 7, 1, ""},
		"blank":        {"  ", 1, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(newText(test.text).excerpt(render.Place{File: "f", Line: test.line, Column: test.column}), "\n")
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

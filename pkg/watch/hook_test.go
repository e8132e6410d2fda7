package watch

import (
	"encoding/pem"
	"strings"
	"testing"
)

// The end of a command's output is logged as one printable line, without any part of a private
// key.
func TestTail(t *testing.T) {
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: make([]byte, 100_000)}))
	for name, test := range map[string]struct {
		writes []string
		want   string
	}{
		"nothing":          {nil, ""},
		"lines":            {[]string{"one\ntw", "o\n\n"}, "one; two"},
		"escapes":          {[]string{"\x1b[31mred\r\n\xff"}, `\x1b[31mred\r; �`},
		"many lines":       {[]string{strings.Repeat("line\n", 1000), "last\n"}, strings.Repeat("line; ", 199) + "last"},
		"one long line":    {[]string{strings.Repeat("x", 5000)}, strings.Repeat("x", maxTail)},
		"key":              {[]string{key[:1000]}, "(hidden)"},
		"end of a key":     {[]string{key}, "(hidden)"},
		"end bit by bit":   {strings.SplitAfter(key+strings.Repeat("x\n", 1000), "\n"), "(hidden)"},
		"after much of it": {[]string{key, strings.Repeat("x\n", 200_000)}, "(hidden)"},
	} {
		t.Run(name, func(t *testing.T) {
			var tail tail
			for _, write := range test.writes {
				if n, err := tail.Write([]byte(write)); n != len(write) || err != nil {
					t.Errorf("got %d, %v", n, err)
				}
			}
			if got := tail.text(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if len(tail.end) > 2*maxKept {
				t.Errorf("it keeps %d bytes", len(tail.end))
			}
		})
	}
}

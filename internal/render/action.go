package render

import (
	"errors"
	"strings"
)

// action is one {{ … }} in a text. Its content is not parsed.
type action struct {
	start, end int
	keyword    string // first word: if, end, … or a function name
	parens     int    // nesting depth of its parentheses
}

var (
	errUnclosed  = errors.New("the action that begins here is not closed by }}")
	errBackslash = errors.New("the action that begins here has a \\ outside quotes: " +
		"in a file that is not valid JSON, write quotes in actions without it")
)

// scanAction finds the end of the action that begins at start. Braces in its
// strings and comments do not close it.
func scanAction(s string, start int) (action, error) {
	a := action{start: start}
	i := start + len("{{")
	inside := strings.TrimLeft(strings.TrimPrefix(s[i:], "-"), " \t\r\n")
	if comment, ok := strings.CutPrefix(inside, "/*"); ok {
		_, after, closed := strings.Cut(comment, "*/")
		if !closed {
			return a, errUnclosed
		}
		i = len(s) - len(after)
	}
	a.keyword = inside[:len(inside)-len(strings.TrimLeft(inside, "abcdefghijklmnopqrstuvwxyz"))]
	for depth := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '}':
			if strings.HasPrefix(s[i:], "}}") {
				a.end = i + len("}}")
				return a, nil
			}
		case '(':
			depth++
			a.parens = max(a.parens, depth)
		case ')':
			depth--
		case '\\':
			return a, errBackslash
		case '`':
			length := strings.IndexByte(s[i+1:], '`')
			if length < 0 {
				return a, errUnclosed
			}
			i += length + 1
		case '"', '\'':
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		}
	}
	return a, errUnclosed
}

// opens returns 1 if the action opens a block, -1 if it closes one, and 0 otherwise.
func (a action) opens() int {
	switch a.keyword {
	case "if", "with", "range", "block", "define":
		return 1
	case "end":
		return -1
	}
	return 0
}

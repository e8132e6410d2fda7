package render

import (
	"errors"
	"fmt"
	"strings"
)

// action is one {{ … }} in a text, found without parsing its content.
type action struct {
	start, end int
	keyword    string // its first word: if, end, … or a function name
	parens     int    // how deep its parentheses nest
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
	if strings.HasPrefix(inside, "/*") {
		end := strings.Index(inside, "*/")
		if end < 0 {
			return a, errUnclosed
		}
		i = len(s) - len(inside) + end
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

// opens is how many blocks the action opens, -1 if it closes one.
func (a action) opens() int {
	switch a.keyword {
	case "if", "with", "range", "block", "define":
		return 1
	case "end":
		return -1
	}
	return 0
}

// maxNesting is how deep blocks and parentheses may nest.
const maxNesting = 32

// actions finds the actions of the template, and rejects those that the language
// lacks and nesting that is too deep, before a parser has to follow it.
func (m *Member) actions() (actions []action, err error) {
	depth := 0
	for at := 0; ; {
		next := strings.Index(m.text[at:], "{{")
		if next < 0 {
			return actions, nil
		}
		a, err := scanAction(m.text, at+next)
		if err != nil {
			return nil, m.errorAt(a.start, OfTemplate, err)
		}
		switch a.keyword {
		case "range", "define", "template", "block", "break", "continue":
			return nil, m.errorAt(a.start, OfLanguage, fmt.Errorf("{{ %s }} is not part of this language, "+
				"whose templates always terminate: it has if, else, with and functions", a.keyword))
		}
		depth += a.opens()
		if depth > maxNesting || a.parens > maxNesting {
			return nil, m.errorAt(a.start, OfLanguage, fmt.Errorf("blocks or parentheses nest deeper than %d", maxNesting))
		}
		actions = append(actions, a)
		at = a.end
	}
}

package render

import (
	"fmt"
	"strings"
)

// maxNesting is the maximum nesting depth of blocks and parentheses.
const maxNesting = 32

// actions finds the actions of the template. It rejects actions that the language lacks, and nesting
// that is too deep, before the text reaches the parser.
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

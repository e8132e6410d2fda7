// Package finding describes what was found wrong before an install: its code, where it is,
// what it leads to, and what to do about it.
package finding

import (
	"fmt"
	"slices"
)

// Severity is Error for what makes the install or a later step fail, or gives a key away. It
// is Warning for what works but is probably not intended.
type Severity string

const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Finding is one thing that is wrong. It contains no value that could be secret.
type Finding struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	// Place is FILE:LINE:COLUMN, a file, a folder, a variable, or empty.
	Place   string `json:"place"`
	Message string `json:"message"`
	// Otherwise is what happens if nothing is done.
	Otherwise string `json:"otherwise,omitempty"`
	Hint      string `json:"hint,omitempty"`
	// Excerpt is the line of the document, and a caret below the place.
	Excerpt []string `json:"-"`
}

// New returns a finding whose severity and consequence are those of its code.
func New(code Code, place, format string, args ...any) Finding {
	rule := rules[slices.IndexFunc(rules, func(r rule) bool { return r.code == code })]
	return Finding{
		Code:      code,
		Severity:  rule.severity,
		Place:     place,
		Message:   fmt.Sprintf(format, args...),
		Otherwise: rule.otherwise,
	}
}

// WithHint returns f with a hint that says what to do about it.
func (f Finding) WithHint(format string, args ...any) Finding {
	f.Hint = fmt.Sprintf(format, args...)
	return f
}

// WithOtherwise returns f with this consequence instead of that of its code.
func (f Finding) WithOtherwise(otherwise string) Finding {
	f.Otherwise = otherwise
	return f
}

// Count returns how many findings have this severity.
func Count(all []Finding, severity Severity) int {
	n := 0
	for _, f := range all {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

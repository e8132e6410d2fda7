// Package envfile reads the variables of a peer's process from a file of NAME=VALUE lines.
// docker, Compose, systemd and shells read most such lines alike. A line that one of them
// reads differently gets a warning. A line that none of them needs is an error.
package envfile

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"ccaas-template-builder/internal/safefile"
)

const maxFile = 4 << 20

// Read reads a file and returns its variables. See Parse.
func Read(file string) (env map[string]string, warnings []string, err error) {
	data, err := safefile.ReadOperators(file, maxFile)
	if err != nil {
		return nil, nil, fmt.Errorf("env file %q: %w", file, err)
	}
	return Parse(file, data)
}

// Parse parses data, the content of an env file, and returns its variables. file is the name
// for errors and warnings.
//
//	# comment    only if # is the first character; empty lines are allowed
//	NAME=VALUE   blanks around VALUE are dropped, everything else is part of it
//	NAME='VALUE' taken as it is; it may have several lines
//	NAME="VALUE" the same, but \" \\ \$ and \` lose their backslash
//
// If a variable is set twice, the last line counts. The error joins one error for each line
// that has another form. Errors and warnings begin with FILE:LINE and contain no name or value.
func Parse(file string, data []byte) (env map[string]string, warnings []string, err error) {
	p := parser{file: file, env: map[string]string{}, setIn: map[string]int{}}
	if err := p.encoding(data); err != nil {
		return nil, nil, err
	}
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	if first, _, found := strings.Cut(string(data), "\r\n"); found {
		p.line = 1 + strings.Count(first, "\n")
		p.warn("a shell takes the carriage return at the end of each line for part of the value")
	}
	for p.line, p.rest = 1, text; p.rest != ""; p.line++ {
		p.statement(strings.TrimLeft(p.next(), blanks))
	}
	if err := errors.Join(p.errs...); err != nil {
		return nil, nil, err
	}
	return p.env, p.messages(), nil
}

const blanks = " \t"

type parser struct {
	file     string
	rest     string // of the file, after the current line
	line     int    // number of the current line, from 1
	env      map[string]string
	setIn    map[string]int // the line that sets each variable
	errs     []error
	warnings []warning
}

// warning is the text of a warning and the lines that it is about.
type warning struct {
	text  string
	lines []int
}

// next removes the first line from the rest and returns it.
func (p *parser) next() (line string) {
	line, p.rest, _ = strings.Cut(p.rest, "\n")
	return line
}

func (p *parser) place(line int) string { return fmt.Sprintf("%s:%d: ", p.file, line) }

func (p *parser) fail(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf(p.place(p.line)+format, args...))
}

func (p *parser) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for i, w := range p.warnings {
		if w.text == text {
			if w.lines[len(w.lines)-1] != p.line { // a line may have the same twice
				p.warnings[i].lines = append(w.lines, p.line)
			}
			return
		}
	}
	p.warnings = append(p.warnings, warning{text, []int{p.line}})
}

// messages returns the warnings, each once, with all the lines that it is about.
func (p *parser) messages() []string {
	var all []string
	for _, w := range p.warnings {
		text := p.place(w.lines[0]) + w.text
		if more := w.lines[1:]; len(more) > 0 {
			text += " (also line " + strings.ReplaceAll(strings.Trim(fmt.Sprint(more), "[]"), " ", ", ") + ")"
		}
		all = append(all, text)
	}
	return all
}

// encoding reports what is not UTF-8, or begins with a byte order mark.
func (p *parser) encoding(data []byte) error {
	p.line = 1
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		p.fail("begins with the byte order mark of UTF-16: save the file as UTF-8")
	case bytes.HasPrefix(data, []byte("\ufeff")):
		p.fail("begins with a byte order mark: save the file as UTF-8 without one")
	}
	for line := range bytes.Lines(data) {
		if len(p.errs) == 0 && (!utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0) {
			p.fail("is not text: it is not valid UTF-8, or has a NUL byte")
		}
		p.line++
	}
	return errors.Join(p.errs...)
}

// Lines that people write by mistake instead of NAME=VALUE.
var (
	isName   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	isItem   = regexp.MustCompile(`^-([ \t]|$)`)
	isExport = regexp.MustCompile(`^export[ \t]`)
	isYAML   = regexp.MustCompile(`^["']?[A-Za-z_][A-Za-z0-9_]*["']?[ \t]*:([ \t]|$)`)
)

// statement reads the statement that begins with text, the current line.
func (p *parser) statement(text string) {
	name, value, assigned := strings.Cut(text, "=")
	switch {
	case text == "" || text[0] == '#':
	case isItem.MatchString(text):
		p.fail("is an item of a YAML list, as in a Compose file: write NAME=VALUE without the hyphen")
	case isExport.MatchString(text):
		p.fail("begins with export, which docker and systemd do not know: write NAME=VALUE, " +
			"and in a shell put set -a before the file is read")
	case isYAML.MatchString(text):
		p.fail("has a colon after the name, as in YAML: write NAME=VALUE")
	case !assigned:
		p.fail("has no =: write NAME=VALUE, and a value of several lines in quotes")
	case isName.MatchString(strings.TrimRight(name, blanks)) && strings.TrimRight(name, blanks) != name:
		p.fail("has a blank before the =: write NAME=VALUE")
	case !isName.MatchString(name):
		p.fail("has no variable's name before the =: use letters, digits and _")
	default:
		p.assign(name, value)
	}
}

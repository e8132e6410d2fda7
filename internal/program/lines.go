package program

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// All that a program says to people is said here: one fact a line, on stderr,
//
//	PROGRAM: error|warning|hint|info|debug: PLACE: WHAT
//
// in lower case without a full stop, and never longer than maxLine: the peer
// reads its builders' stderr by lines and stops reading at one of 64 KiB.
const maxLine = 4096

// maxErrors bounds how many errors are reported: a package can have any number,
// and the log is the peer's.
const maxErrors = 50

// Report prints an error line for each error that err joins, then their hints,
// each line once.
func (p *Program) Report(err error) {
	var lines []string
	said := map[string]bool{}
	for _, e := range Errors(err) {
		if line := e.Error(); !said[line] {
			said[line] = true
			lines = append(lines, line)
		}
	}
	for i, line := range lines {
		if i == maxErrors {
			p.line("error", fmt.Sprintf("and %d more errors", len(lines)-maxErrors))
			break
		}
		p.line("error", line)
	}
	for _, hint := range Hints(err) {
		p.line("hint", hint)
	}
}

// Warn prints a warning line, unless only errors are asked for.
func (p *Program) Warn(format string, args ...any) {
	p.say(levelWarn, "warning", format, args...)
}

// Hint prints a line that says what to do next.
func (p *Program) Hint(format string, args ...any) {
	p.line("hint", fmt.Sprintf(format, args...))
}

// Info prints a line when info or debug is asked for.
func (p *Program) Info(format string, args ...any) {
	p.say(levelInfo, "info", format, args...)
}

// Debugs tells whether debug is asked for, where a line would take work to make.
func (p *Program) Debugs() bool { return p.level() == levelDebug }

// Debug prints a line when debug is asked for.
func (p *Program) Debug(format string, args ...any) {
	p.say(levelDebug, "debug", format, args...)
}

const (
	levelDebug = iota
	levelInfo
	levelWarn
	levelError
)

// level is what LevelVariable asks for; anything it does not know is warn.
func (p *Program) level() int {
	switch strings.ToLower(p.Env[LevelVariable]) {
	case "debug":
		return levelDebug
	case "info":
		return levelInfo
	case "error":
		return levelError
	}
	return levelWarn
}

func (p *Program) say(level int, word, format string, args ...any) {
	if level >= p.level() {
		p.line(word, fmt.Sprintf(format, args...))
	}
}

func (p *Program) line(word, text string) {
	fmt.Fprintln(p.Stderr, Line(p.Name+": "+word+": "+text))
}

// Line is text as one line that is printable and not too long.
func Line(text string) string {
	line := Printable(text)
	if len(line) >= maxLine {
		line = strings.ToValidUTF8(line[:maxLine-len("…\n")], "") + "…"
	}
	return line
}

// Printable writes out what would break a line or drive a terminal.
func Printable(text string) string {
	clean := func(r rune) bool { return r != utf8.RuneError && unicode.IsPrint(r) }
	if strings.IndexFunc(text, func(r rune) bool { return !clean(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if clean(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

type hintedError struct {
	error
	hint string
}

func (e *hintedError) Unwrap() error { return e.error }

// WithHint gives each error that err joins a line that says what to do about it.
func WithHint(err error, hint string) error {
	if hint == "" {
		return err
	}
	return Each(err, func(err error) error { return &hintedError{err, hint} })
}

// Hints are what to do about the errors that err joins, each once.
func Hints(err error) []string {
	var hints []string
	for _, e := range Errors(err) {
		var hinted *hintedError
		if errors.As(e, &hinted) && !slices.Contains(hints, hinted.hint) {
			hints = append(hints, hinted.hint)
		}
	}
	return hints
}

// Each joins what change makes of each error that err joins.
func Each(err error, change func(error) error) error {
	var changed []error
	for _, err := range Errors(err) {
		changed = append(changed, change(err))
	}
	return errors.Join(changed...)
}

// Errors returns the errors that err joins, however deep, in their order.
func Errors(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, Errors(e)...)
	}
	return all
}

package program

import (
	"fmt"
	"strings"

	"ccaas-template-builder/internal/message"
)

// Report prints a line for each error that err joins, and a line for each hint.
func (p *Program) Report(err error) {
	for _, line := range message.Lines(p.Name, err) {
		fmt.Fprintln(p.Stderr, line)
	}
}

// Warn prints a warning line, unless the level is error.
func (p *Program) Warn(format string, args ...any) {
	p.say(levelWarn, message.Warning, format, args...)
}

// WarnAll prints a warning line for each text, for at most message.Most of them.
func (p *Program) WarnAll(texts []string) {
	for _, text := range texts[:min(len(texts), message.Most)] {
		p.Warn("%s", text)
	}
	if more := len(texts) - message.Most; more > 0 {
		p.Warn("and %d more warnings", more)
	}
}

// Hint prints a line that says what to do next.
func (p *Program) Hint(format string, args ...any) {
	p.line(message.Hint, fmt.Sprintf(format, args...))
}

// Info prints a line if the level is info or debug.
func (p *Program) Info(format string, args ...any) {
	p.say(levelInfo, message.Info, format, args...)
}

// Debugs reports whether the level is debug. It is for lines that take work to make.
func (p *Program) Debugs() bool { return p.level() == levelDebug }

// Debug prints a line if the level is debug.
func (p *Program) Debug(format string, args ...any) {
	p.say(levelDebug, message.Debug, format, args...)
}

const (
	levelDebug = iota
	levelInfo
	levelWarn
	levelError
)

// level returns the level in LevelVariable. An unknown one means warn.
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

func (p *Program) say(level int, kind message.Kind, format string, args ...any) {
	if level >= p.level() {
		p.line(kind, fmt.Sprintf(format, args...))
	}
}

func (p *Program) line(kind message.Kind, text string) {
	fmt.Fprintln(p.Stderr, message.Line{Program: p.Name, Kind: kind, Text: text})
}

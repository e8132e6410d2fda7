// Package message formats what programs tell people: errors with hints, as lines of text.
package message

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxLine is the maximum length of a line, in bytes. The peer reads the stderr of its builders
// line by line, and stops reading at a line of 64 KiB.
const maxLine = 4096

// Line is one fact, as a program writes it to stderr:
//
//	PROGRAM: KIND: TEXT
//
// TEXT begins in lower case and has no full stop.
type Line struct {
	Program string
	Kind    Kind
	Text    string
}

// Kind is the kind of a line.
type Kind string

// Kinds of lines.
const (
	Error   Kind = "error"
	Warning Kind = "warning"
	Hint    Kind = "hint"
	Info    Kind = "info"
	Debug   Kind = "debug"
)

// String returns the line as it is printed, without a newline.
func (l Line) String() string { return OneLine(l.Program + ": " + string(l.Kind) + ": " + l.Text) }

// Parse parses a line that a program has printed. ok reports whether it is one; if not, the
// Line is empty.
func Parse(line string) (_ Line, ok bool) {
	program, rest, _ := strings.Cut(line, ": ")
	kind, text, found := strings.Cut(rest, ": ")
	if !found || !slices.Contains([]Kind{Error, Warning, Hint, Info, Debug}, Kind(kind)) {
		return Line{}, false
	}
	return Line{program, Kind(kind), text}, true
}

// OneLine returns text as one line that is printable and not too long.
func OneLine(text string) string {
	line := Printable(text)
	if len(line) >= maxLine {
		line = strings.ToValidUTF8(line[:maxLine-len("…\n")], "") + "…"
	}
	return line
}

// Printable escapes whatever would break a line or control a terminal.
func Printable(text string) string {
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

// PrintableJSON escapes in JSON what Printable escapes in text. The JSON still has the same
// values.
func PrintableJSON(data []byte) []byte {
	escaped := make([]byte, 0, len(data))
	for _, r := range string(data) {
		if r < ' ' || clean(r) { // in valid JSON, a byte below the space is white space between values
			escaped = utf8.AppendRune(escaped, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			escaped = fmt.Appendf(escaped, `\u%04x`, unit)
		}
	}
	return escaped
}

func clean(r rune) bool { return r != utf8.RuneError && unicode.IsPrint(r) }

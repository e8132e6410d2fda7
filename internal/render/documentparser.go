package render

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// parser reads a document: one JSON object of strings, numbers, booleans and actions. Objects and
// lists cannot be values, so the parser does not recurse.
type parser struct {
	document *Document
	source   string
	at       int
	isJSON   bool // the whole document, including its actions, is valid JSON
}

func (p *parser) fail(at int, format string, args ...any) error {
	return p.document.errorAt(at, "", OfDocument, fmt.Errorf(format, args...))
}

func (p *parser) object() error {
	p.space()
	if strings.HasPrefix(p.source[p.at:], "{{") {
		return p.fail(p.at, "the document cannot begin with an action: put it inside a value")
	}
	if !p.take('{') {
		return p.fail(p.at, "a connection.json must be a JSON object, { … }, but this begins with %s", p.found())
	}
	p.space()
	if !p.take('}') {
		for more := true; more; {
			err := p.member()
			if err != nil {
				return err
			}
			if more, err = p.separator(); err != nil {
				return err
			}
		}
	}
	p.space()
	if p.at < len(p.source) {
		return p.fail(p.at, "%s follows the end of the object", p.found())
	}
	return nil
}

// separator reads the separator after a member, and reports whether another member follows.
func (p *parser) separator() (more bool, err error) {
	p.space()
	switch {
	case p.take(','):
		p.space()
		if p.peek() == '}' {
			return false, p.fail(p.at, "there is a comma before the closing }: remove it")
		}
		return true, nil
	case p.take('}'):
		return false, nil
	}
	return false, p.fail(p.at, "expected , or } after the value, found %s", p.found())
}

func (p *parser) member() error {
	start := p.at
	if strings.HasPrefix(p.source[p.at:], "{{") {
		return p.fail(p.at, "an action cannot be a key: put it inside a value; "+
			"keys that do not apply are left out automatically")
	}
	if p.peek() != '"' {
		return p.fail(p.at, "expected a key in quotes, found %s", p.found())
	}
	key, _, err := p.text(false)
	if err != nil {
		return err
	}
	if strings.Contains(key, "{{") {
		return p.fail(start, "a key cannot hold an action")
	}
	p.space()
	if !p.take(':') {
		return p.fail(p.at, "expected : after the key %s, found %s", (&Member{Key: key}).name(), p.found())
	}
	p.space()
	m := &Member{Key: key, document: p.document, start: start, position: p.at}
	p.document.Members = append(p.document.Members, m)
	err = p.value(m)
	m.end = p.at
	return err
}

func (p *parser) value(m *Member) (err error) {
	rest := p.source[p.at:]
	switch c := p.peek(); {
	case c == '"':
		m.quoted = true
		m.text, m.offsets, err = p.text(true)
		return err
	case strings.HasPrefix(rest, "{{"):
		m.text, err = p.bare()
		for i := range len(m.text) + 1 {
			m.offsets = append(m.offsets, m.position+i)
		}
		return err
	case c == '{' || c == '[':
		return m.fail(OfDocument, errors.New("must be a string, true or false, not an object or a list"))
	}
	word := rest[:len(rest)-len(strings.TrimLeft(rest, "+-."+alphanumeric))]
	p.at += len(word)
	switch {
	case word == "true" || word == "false":
		m.literal = word == "true"
		return nil
	case word == "null":
		return m.fail(OfDocument, errors.New("is null, which is not a value: leave the key out"))
	}
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		m.literal = n
		return nil
	}
	if f, err := strconv.ParseFloat(word, 64); err == nil {
		m.literal = f
		return nil
	}
	p.at = m.position
	return m.fail(OfDocument, fmt.Errorf("expected a value, found %s", p.found()))
}

// text reads a string in quotes. It returns the content, and the offset in the source of each of
// its bytes and of its end. In a document that is not valid JSON, actions are copied unchanged.
func (p *parser) text(actions bool) (string, []int, error) {
	start := p.at
	p.at++
	var b strings.Builder
	offsets := make([]int, 0, 64) // few keys and values are longer
	add := func(s string, from, step int) {
		b.WriteString(s)
		for i := range len(s) {
			offsets = append(offsets, from+i*step)
		}
	}
	for p.at < len(p.source) {
		switch c := p.source[p.at]; {
		case c == '"':
			offsets = append(offsets, p.at)
			p.at++
			return b.String(), offsets, nil
		case c == '\\':
			from := p.at
			r, err := p.escape()
			if err != nil {
				return "", nil, err
			}
			add(string(r), from, 0)
		case c < 0x20:
			return "", nil, p.fail(p.at, "%s is not allowed in a string: write it as an escape such as \\n, or close the quote",
				p.found())
		case actions && !p.isJSON && strings.HasPrefix(p.source[p.at:], "{{"):
			a, err := scanAction(p.source, p.at)
			if err != nil {
				return "", nil, p.fail(p.at, "%w", err)
			}
			add(p.source[a.start:a.end], a.start, 1)
			p.at = a.end
		default:
			add(p.source[p.at:p.at+1], p.at, 1)
			p.at++
		}
	}
	return "", nil, p.fail(start, "the string that begins here is not closed")
}

// escape reads a JSON escape sequence.
func (p *parser) escape() (rune, error) {
	start := p.at
	p.at++
	switch c := p.peek(); c {
	case '"', '\\', '/':
		p.at++
		return rune(c), nil
	case 'b', 'f', 'n', 'r', 't':
		p.at++
		return map[byte]rune{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}[c], nil
	case 'u':
		r, ok := p.codeUnit()
		if ok && utf16.IsSurrogate(r) && strings.HasPrefix(p.source[p.at:], `\u`) {
			p.at++
			var low rune
			if low, ok = p.codeUnit(); ok {
				r = utf16.DecodeRune(r, low)
			}
		}
		if ok && !utf16.IsSurrogate(r) && r != utf8.RuneError {
			return r, nil
		}
	}
	return 0, p.fail(start, "this is not a JSON escape; use \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX")
}

// codeUnit reads the uXXXX of an escape sequence.
func (p *parser) codeUnit() (rune, bool) {
	p.at++
	if len(p.source)-p.at < 4 {
		return 0, false
	}
	unit, err := strconv.ParseUint(p.source[p.at:p.at+4], 16, 16)
	p.at += 4
	return rune(unit), err == nil
}

// bare reads a value that begins with an action and is not in quotes. The value ends before the
// first comma or closing brace that is outside actions and the blocks they open.
func (p *parser) bare() (string, error) {
	start, depth := p.at, 0
	for p.at < len(p.source) {
		switch c := p.source[p.at]; {
		case strings.HasPrefix(p.source[p.at:], "{{"):
			a, err := scanAction(p.source, p.at)
			if err != nil {
				return "", p.fail(p.at, "%w", err)
			}
			depth += a.opens()
			p.at = a.end
		case depth <= 0 && (c == ',' || c == '}'):
			text := strings.TrimRight(p.source[start:p.at], " \t\r\n")
			p.at = start + len(text)
			return text, nil
		default:
			p.at++
		}
	}
	return "", p.fail(start, "the value that begins here does not end: "+
		"a block in it may lack its {{ end }}, or the object its }")
}

func (p *parser) space() {
	for p.at < len(p.source) && strings.IndexByte(" \t\r\n", p.source[p.at]) >= 0 {
		p.at++
	}
}

// peek returns the next byte, or 0 at the end.
func (p *parser) peek() byte {
	if p.at < len(p.source) {
		return p.source[p.at]
	}
	return 0
}

func (p *parser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.at++
	return true
}

// found quotes the word at the parser's position, for an error.
func (p *parser) found() string {
	if p.at >= len(p.source) {
		return "the end of the file"
	}
	rest := p.source[p.at:]
	word := rest[:len(rest)-len(strings.TrimLeft(rest, "_-."+alphanumeric))]
	if word == "" {
		_, size := utf8.DecodeRuneInString(rest)
		word = rest[:size]
	}
	return strconv.Quote(word[:min(len(word), 40)])
}

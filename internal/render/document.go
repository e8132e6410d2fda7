// Package render implements the template of a connection.json: a JSON object in
// which each value is a Go template.
//
// The document is parsed before anything is rendered, and each value is rendered separately, so no
// value can change the structure of the document. Every template terminates: the language has no
// loops and no definitions, its functions come from a fixed list, and computation is limited. See
// Parse and Member.Render.
package render

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxSource is the maximum size of a document, in bytes.
const MaxSource = 64 << 10

// Document is a parsed template.
type Document struct {
	Members []*Member
	name    string
	source  string
}

// Member is a key of a document and the template of its value.
type Member struct {
	Key      string
	document *Document
	start    int // offset of the key in the source
	position int // offset of the value in the source
	end      int // offset of the end of the value in the source
	quoted   bool
	literal  any    // the value if it is plain JSON outside quotes: bool, int64 or float64
	text     string // otherwise, the template of the value, with JSON escapes resolved
	offsets  []int  // the offset in the source of each byte of text, and of its end
	template list   // text after conversion; nil if text is not valid
}

// Place is a position in a document.
type Place struct {
	File string
	// Line and Column count from 1. Column counts characters. Both are 0 for the file as a whole.
	Line, Column int
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Compare orders places in the same document by line and column.
func (p Place) Compare(other Place) int {
	return cmp.Or(cmp.Compare(p.Line, other.Line), cmp.Compare(p.Column, other.Column))
}

// Kind says what an Error is about.
type Kind int

const (
	OfValue     Kind = iota // a value, or a key that cannot be used
	OfDocument              // the document around the templates
	OfDuplicate             // a key that appears twice
	OfTemplate              // the syntax of a template
	OfLanguage              // a template that uses something the language lacks
)

// Error describes a problem at a place in a document.
type Error struct {
	Place Place
	Field string // the key, if the error is about one
	Kind  Kind
	Err   error
}

func (e *Error) Error() string { return e.Place.String() + ": " + e.Message() }

// Message returns the error message without the place.
func (e *Error) Message() string {
	if e.Field == "" {
		return e.Err.Error()
	}
	return e.Field + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Parse parses the document in data and checks each template against the language. In errors, the
// document's file is called name. The error joins one *Error for each problem. If the only problems
// are in templates or duplicate keys, the document is also returned; it can be inspected but not
// rendered.
//
// A document that is valid JSON including its actions is read as JSON: \" inside an action is then a
// quote. In any other document, actions are read as written, and an action may be a whole value
// without quotes.
func Parse(name string, data []byte) (*Document, error) {
	d := &Document{name: name, source: string(data)}
	switch {
	case len(data) > MaxSource:
		return nil, &Error{Place{File: name}, "", OfDocument, fmt.Errorf("is larger than %d bytes", MaxSource)}
	case strings.HasPrefix(d.source, "\ufeff"):
		return nil, d.errorAt(0, "", OfDocument, errors.New("begins with a byte order mark: save it as UTF-8 without one"))
	case !utf8.Valid(data):
		return nil, d.errorAt(firstInvalid(d.source), "", OfDocument, errors.New("is not valid UTF-8"))
	}
	p := &parser{document: d, source: d.source, isJSON: json.Valid(data)}
	if err := p.object(); err != nil {
		return nil, err
	}
	errs := d.duplicates()
	for _, m := range d.Members {
		errs = append(errs, m.compile())
	}
	return d, errors.Join(errs...)
}

func firstInvalid(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return len(s)
}

// Member returns the member with the given key, or nil.
func (d *Document) Member(key string) *Member {
	for _, m := range d.Members {
		if m.Key == key {
			return m
		}
	}
	return nil
}

func (d *Document) duplicates() (errs []error) {
	seen := map[string]*Member{}
	for _, m := range d.Members {
		if first := seen[m.Key]; first != nil {
			place := d.place(first.start)
			err := fmt.Errorf("the key appears twice, first at line %d:%d", place.Line, place.Column)
			errs = append(errs, d.errorAt(m.start, m.name(), OfDuplicate, err))
			continue
		}
		seen[m.Key] = m
	}
	return errs
}

// errorAt returns an *Error at an offset of the source.
func (d *Document) errorAt(offset int, field string, kind Kind, err error) *Error {
	return &Error{d.place(offset), field, kind, err}
}

// place returns the file, line and column of an offset.
func (d *Document) place(offset int) Place {
	before := d.source[:min(offset, len(d.source))]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return Place{d.name, line, column}
}

// KeyError returns err as an *Error at the place of the member's key.
func (m *Member) KeyError(err error) error {
	return m.document.errorAt(m.start, m.name(), OfValue, err)
}

// Error returns err as an *Error at the place of the member's value.
func (m *Member) Error(err error) error { return m.fail(OfValue, err) }

func (m *Member) fail(kind Kind, err error) error {
	return m.document.errorAt(m.position, m.name(), kind, err)
}

// errorAt returns err as an *Error at an offset of the member's template.
func (m *Member) errorAt(offset int, kind Kind, err error) error {
	return m.document.errorAt(m.offsets[min(offset, len(m.text))], m.name(), kind, err)
}

// Place returns the place of the member's value.
func (m *Member) Place() Place { return m.document.place(m.position) }

// Source returns the text of the member's value as written in the document.
func (m *Member) Source() string { return m.document.source[m.position:m.end] }

// name returns the key in a form that may appear in an error line.
func (m *Member) name() string {
	const longest = 64
	if len(m.Key) > longest {
		return strconv.Quote(m.Key[:longest]) + "…"
	}
	quoted := strconv.Quote(m.Key)
	if plain := quoted[1 : len(quoted)-1]; plain == m.Key && plain != "" {
		return plain
	}
	return quoted
}

// Readable reports whether the template of the member could be parsed.
func (m *Member) Readable() bool { return m.literal != nil || m.template != nil }

// Literal returns the value of a member without actions: a string, bool, int64 or float64. ok is
// false if the member has actions or its template could not be parsed.
func (m *Member) Literal() (v any, ok bool) {
	if m.literal != nil || m.template == nil {
		return m.literal, m.literal != nil
	}
	var b strings.Builder
	for _, part := range m.template {
		written, ok := part.(text)
		if !ok {
			return nil, false
		}
		b.WriteString(string(written))
	}
	return b.String(), true
}

// Package render implements the template of a connection.json: a JSON object in
// which each value is a Go template.
//
// The document is parsed before anything is rendered, and each value is
// rendered on its own, so no value can change its structure. The language is
// total: it has no loops and no definitions, its functions come from a fixed
// list, and computation is limited. See Parse and Member.Render.
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

// Member is one key of a document with the template of its value.
type Member struct {
	Key      string
	document *Document
	start    int // of the key in the source
	position int // of the value in the source
	end      int // of the value in the source
	quoted   bool
	literal  any    // of a plain JSON value outside quotes: bool, int64 or float64
	text     string // of any other value: its template, with JSON's escapes resolved
	offsets  []int  // the offset in the source of each byte of text, and of its end
	template list   // what text was converted to; nil if it is not valid
}

// Place is where something is in a document.
type Place struct {
	File string
	// Line and Column count from 1, the column in characters. They are 0 for the
	// file as a whole.
	Line, Column int
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Compare orders places in one document.
func (p Place) Compare(other Place) int {
	return cmp.Or(cmp.Compare(p.Line, other.Line), cmp.Compare(p.Column, other.Column))
}

// Kind says what an Error is about.
type Kind int

const (
	OfValue     Kind = iota // a value, and what the peer knows of its key
	OfDocument              // the document around the templates
	OfDuplicate             // a key that appears twice
	OfTemplate              // the syntax of a template
	OfLanguage              // a template that uses something the language lacks
)

// Error says what is wrong at a place in a document.
type Error struct {
	Place Place
	Field string // the key, if the error is about one
	Kind  Kind
	Err   error
}

func (e *Error) Error() string { return e.Place.String() + ": " + e.Message() }

// Message is the error without its place.
func (e *Error) Message() string {
	if e.Field == "" {
		return e.Err.Error()
	}
	return e.Field + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Parse parses the document in data, whose file is called name in errors, and
// checks each template against the language. The error joins one *Error for
// each problem; if it is only about templates, the document is returned with it,
// to be inspected but not rendered.
//
// A document that is valid JSON with its actions is read as JSON: \" inside an
// action is a quote there. In any other document, actions are read as written,
// and one may be a whole value without quotes.
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

// Member returns the member of a key, or nil.
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

// errorAt is an *Error at an offset of the source.
func (d *Document) errorAt(offset int, field string, kind Kind, err error) *Error {
	return &Error{d.place(offset), field, kind, err}
}

// place is the file, line and column of an offset.
func (d *Document) place(offset int) Place {
	before := d.source[:min(offset, len(d.source))]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return Place{d.name, line, column}
}

// KeyError is err at the place of the member's key.
func (m *Member) KeyError(err error) error {
	return m.document.errorAt(m.start, m.name(), OfValue, err)
}

// Error is err at the place of the member's value.
func (m *Member) Error(err error) error { return m.fail(OfValue, err) }

func (m *Member) fail(kind Kind, err error) error {
	return m.document.errorAt(m.position, m.name(), kind, err)
}

// errorAt is err at an offset of the member's template.
func (m *Member) errorAt(offset int, kind Kind, err error) error {
	return m.document.errorAt(m.offsets[min(offset, len(m.text))], m.name(), kind, err)
}

// Place is that of the member's value.
func (m *Member) Place() Place { return m.document.place(m.position) }

// Source is the text of the member's value, as in the document.
func (m *Member) Source() string { return m.document.source[m.position:m.end] }

// name is the key as it may appear in an error line.
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

// Readable reports whether the template of the member could be read.
func (m *Member) Readable() bool { return m.literal != nil || m.template != nil }

// Literal returns the value of a member that has no actions: a string, bool,
// int64 or float64. One whose template could not be parsed has none.
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

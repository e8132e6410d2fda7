package template

import (
	"ccaas-template-builder/internal/render"
	"ccaas-template-builder/pkg/connection"
)

// Field is a key of connection.json with the template of its value.
type Field struct {
	Name   string
	Source string // as written in the document, or in the defaults
	// Line and Column say where the value begins, counted from 1. They are 0 if the document
	// lacks the key.
	Line, Column int
	// Default reports whether the document lacks the key, so that its value comes from its
	// setting.
	Default bool
	Setting string // the variable that sets the key if the document lacks it
	// Readable reports whether the template could be parsed.
	Readable bool
	// Literal is the value of a field that reads nothing: a string, bool, int64 or float64.
	// Err says why such a field cannot be rendered.
	Literal any
	Err     error
	// HoldsPrivateKey reports whether the package itself contains a private key here.
	HoldsPrivateKey bool
	// Unused reports whether the peer never reads the key, whatever the variables are.
	Unused bool
	Reads  []Read
}

// Fields lists the keys of connection.json with the templates of their values, in the order of
// connection.Keys.
func (t *Template) Fields() []Field {
	var fields []Field
	for _, key := range connection.Keys() {
		m := t.member(key)
		f := Field{Name: key, Source: m.Source(), Default: t.isDefault(key), Readable: m.Readable()}
		f.Setting = readsOf(t.defaults.Member(key))[0].Name
		f.Literal, f.Err = t.constant(m)
		if !f.Default {
			f.Line, f.Column = m.Place().Line, m.Place().Column
			f.HoldsPrivateKey = holdsPrivateKey(m)
		}
		f.Unused = t.unused(key)
		f.Reads = readsOf(m)
		fields = append(fields, f)
	}
	return fields
}

// constant renders a member that reads nothing, so that its value is the same on every peer.
func (t *Template) constant(m *render.Member) (any, error) {
	if literal, ok := m.Literal(); ok {
		return literal, nil
	}
	if !m.Readable() || len(m.Reads()) > 0 {
		return nil, nil
	}
	result, err := m.Render(t.unset())
	return result.Value, t.withoutText(err)
}

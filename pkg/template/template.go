package template

import (
	"errors"

	"ccaas-template-builder/internal/render"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
)

// Template is the template of a package, which says what connection.json contains on each
// peer.
type Template struct {
	file     string
	source   string // the text of the document
	document *render.Document
	defaults *render.Document
}

// ParseDir reads and checks the template in the folder dir, which holds the package's code.
// See Parse.
func ParseDir(dir chaincode.Dir) (*Template, error) {
	name, err := chaincode.TemplateFile(dir)
	if err != nil {
		return nil, err
	}
	data, err := safefile.Read(dir, name, render.MaxSource)
	if err != nil {
		return nil, err
	}
	return Parse(name, data)
}

// Parse checks the template in data: its syntax, its functions and names, and its keys. Errors
// call it file. The error joins everything that is wrong. If the document could be read at
// all, Parse also returns the template, which can then be inspected but not rendered.
func Parse(file string, data []byte) (*Template, error) {
	t := &Template{file: file, source: string(data)}
	document, err := render.Parse(file, data)
	if document == nil {
		return nil, t.withoutText(err)
	}
	errs := []error{err}
	for _, member := range document.Members {
		if err := connection.CheckKey(member.Key); err != nil {
			errs = append(errs, member.KeyError(err))
		}
	}
	ours, err := render.Parse("defaults", []byte(defaults))
	t.document, t.defaults = document, ours
	return t, t.withoutText(errors.Join(append(errs, err)...))
}

// member returns the template of a key.
func (t *Template) member(key string) *render.Member {
	if m := t.document.Member(key); m != nil {
		return m
	}
	return t.defaults.Member(key)
}

package build

import (
	"strings"

	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/environ"
)

// Variable is an environment variable that a template reads.
type Variable struct {
	Name string
	// Required tells whether a peer that leaves all else at its default cannot
	// be without it: a key that is rendered then needs it.
	Required bool
	Secret   bool     // it may hold a private key, or name a file that does
	Fields   []string // the keys that read it
}

// Variables lists the variables that the template may read, in the order of
// the keys that read them.
func (t *Template) Variables() []Variable {
	var list variableList
	tls, tlsSure := t.decided("tls_required", true)
	auth, authSure := t.decided("client_auth_required", false)
	for _, key := range connection.Keys() {
		if !relevant(key, tls || !tlsSure, auth || !authSure) {
			continue
		}
		sure := relevant(key, tls && tlsSure, auth && authSure)
		for _, read := range t.member(key).Reads() {
			list.add(read.Path, key, sure && read.Required)
		}
	}
	return list
}

// decided returns what a boolean key will be, and whether that is sure while its
// variable is left at its default.
func (t *Template) decided(key string, byDefault bool) (is, sure bool) {
	m := t.document.Member(key)
	if m == nil {
		return byDefault, byDefault // the operator may still turn it on
	}
	literal, ok := m.Literal()
	return literal == true || literal == "true", ok
}

type variableList []Variable

func (l *variableList) add(path, key string, required bool) {
	name := environ.LegacyVariable
	first, rest, _ := strings.Cut(path, ".")
	field, isField := environ.Fields()[path]
	switch {
	case first == "Chaincode":
		return
	case first == "Env" || first == "EnvFile":
		name = rest
	case isField:
		name, required = field.Variable, required && !field.HasDefault
	}
	for i := range *l {
		if v := &(*l)[i]; v.Name == name {
			v.Required = v.Required || required
			v.Secret = v.Secret || key == "client_key"
			if v.Fields[len(v.Fields)-1] != key {
				v.Fields = append(v.Fields, key)
			}
			return
		}
	}
	*l = append(*l, Variable{name, required, key == "client_key", []string{key}})
}

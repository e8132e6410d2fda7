package build

import (
	"slices"
	"strings"

	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/render"
)

// Variable is an environment variable that a template reads.
type Variable struct {
	Name string
	// Required tells whether a peer that leaves all else at its default cannot
	// be without it: a key that is rendered then needs it.
	Required bool
	Secret   bool     // it may hold a private key, or name a file that does
	File     bool     // NAME_FILE may name a file that holds it instead
	Fields   []string // the keys that read it
	// InDocument tells whether the document asks for it, and not only the default
	// of a key that the document lacks.
	InDocument bool
}

// Variables lists the variables that the template may read, in the order of
// the keys that read them.
func (t *Template) Variables() []Variable {
	var list variableList
	for _, key := range connection.Keys() {
		maybe, always := t.applies(key)
		if !maybe {
			continue
		}
		for _, read := range t.member(key).Reads() {
			list.add(read, key, always && read.Required, !t.isDefault(key))
		}
	}
	return list
}

// applies tells whether a key can be rendered at all, and whether it always is
// while the operator leaves the settings at their defaults.
func (t *Template) applies(key string) (maybe, always bool) {
	tls, tlsSure := t.decided("tls_required", true)
	auth, authSure := t.decided("client_auth_required", false)
	return relevant(key, tls || !tlsSure, auth || !authSure), relevant(key, tls && tlsSure, auth && authSure)
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

func (l *variableList) add(read render.Read, key string, required, inDocument bool) {
	name, field := variableBehind(read.Path)
	if name == "" {
		return
	}
	required = required && !field.HasDefault
	secret := key == "client_key" || environ.IsSecret(strings.TrimSuffix(name, "_FILE"))
	for i := range *l {
		if v := &(*l)[i]; v.Name == name {
			v.Required = v.Required || required
			v.Secret = v.Secret || secret
			v.InDocument = v.InDocument || inDocument
			if v.Fields[len(v.Fields)-1] != key {
				v.Fields = append(v.Fields, key)
			}
			return
		}
	}
	*l = append(*l, Variable{name, required, secret, field.File, []string{key}, inDocument})
}

// variableBehind returns the variable that a path of a template is read from,
// and its settings field if it has one. What metadata.json supplies has none.
func variableBehind(path string) (name string, field environ.Field) {
	first, rest, _ := strings.Cut(path, ".")
	second, _, _ := strings.Cut(rest, ".")
	field, isField := environ.Fields()[path]
	switch {
	case first == "Chaincode" && slices.Contains([]string{"", "Label", "Type", "Path", "Extra"}, second):
		return "", field
	case first == "Env" || first == "EnvFile":
		return rest, field
	case isField:
		return field.Variable, field
	}
	return environ.LegacyVariable, field
}

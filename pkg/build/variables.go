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

// Names are the names under which the variable may be given.
func (v Variable) Names() []string {
	if v.File {
		return []string{v.Name, v.Name + "_FILE"}
	}
	return []string{v.Name}
}

// Variables lists the variables that the template may read, in the order of
// the keys that read them.
func (t *Template) Variables() []Variable {
	var list variableList
	rendered := t.rendered()
	for _, key := range connection.Keys() {
		if t.unused(key) {
			continue
		}
		for _, read := range t.member(key).Reads() {
			if !rendered(key) {
				read.Required, read.Always = false, false
			}
			list.add(read, key, !t.isDefault(key))
		}
	}
	return list
}

// Reads lists the names of the variables that any key of the template reads, under
// each name that they may be given, some perhaps more than once.
func (t *Template) Reads() []string {
	var names []string
	for _, key := range connection.Keys() {
		for _, read := range t.member(key).Reads() {
			if name, field := variableBehind(read.Path); name != "" {
				names = append(names, Variable{Name: name, File: field.File}.Names()...)
			}
		}
	}
	return names
}

// unused tells whether the peer reads a key of no rendering.
func (t *Template) unused(key string) bool {
	off := func(key string) bool {
		v, _ := t.constant(t.member(key))
		return v == false || v == "false"
	}
	return !relevant(key, !off("tls_required"), !off("client_auth_required"))
}

// rendered tells which keys are rendered for a peer that leaves the settings at
// their defaults.
func (t *Template) rendered() func(key string) bool {
	on := func(key string) bool {
		result, err := t.member(key).Render(t.trial(nothing))
		return err == nil && (result.Value == true || result.Value == "true")
	}
	tls, auth := on("tls_required"), on("client_auth_required")
	return func(key string) bool { return relevant(key, tls, auth) }
}

type variableList []Variable

func (l *variableList) add(read render.Read, key string, inDocument bool) {
	name, field := variableBehind(read.Path)
	if name == "" {
		return
	}
	required := read.Required && !field.HasDefault || read.Always && isJSONKey(read.Path)
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

// isJSONKey tells whether only the JSON variable can supply a path. Without it,
// the name is an error whatever stands around it.
func isJSONKey(path string) bool {
	name, _ := variableBehind(path)
	return name == environ.LegacyVariable && !strings.HasSuffix(path, name)
}

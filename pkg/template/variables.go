package template

import (
	"slices"
	"strings"

	"ccaas-template-builder/internal/render"
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
			if o := originOf(read); o.variable != "" {
				names = append(names, Variable{Name: o.variable, File: o.setting.File}.Names()...)
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
	o := originOf(read)
	if o.variable == "" {
		return
	}
	required := read.Required && !o.setting.HasDefault || read.Always && o.onlyJSON
	secret := key == "client_key" || environ.IsSecret(strings.TrimSuffix(o.variable, "_FILE"))
	for i := range *l {
		if v := &(*l)[i]; v.Name == o.variable {
			v.Required = v.Required || required
			v.Secret = v.Secret || secret
			v.InDocument = v.InDocument || inDocument
			if v.Fields[len(v.Fields)-1] != key {
				v.Fields = append(v.Fields, key)
			}
			return
		}
	}
	*l = append(*l, Variable{o.variable, required, secret, o.setting.File, []string{key}, inDocument})
}

// origin is where something that a template reads comes from.
type origin struct {
	variable string        // "" for what metadata.json supplies
	setting  environ.Field // zero for what is not a setting
	// onlyJSON: only the JSON variable can supply it. Where that does not, reading
	// it is an error, whatever stands around it.
	onlyJSON bool
}

func originOf(read render.Read) origin {
	if read.Kind != render.FromRoot {
		return origin{variable: read.Path[0]}
	}
	if read.Path[0] == "Chaincode" &&
		(len(read.Path) == 1 || slices.Contains([]string{"Label", "Type", "Path", "Extra"}, read.Path[1])) {
		return origin{}
	}
	if setting, ok := environ.Fields()[read.Name()]; ok {
		return origin{variable: setting.Variable, setting: setting}
	}
	return origin{variable: environ.LegacyVariable, onlyJSON: true}
}

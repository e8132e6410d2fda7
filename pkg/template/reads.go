package template

import (
	"slices"
	"strings"

	"ccaas-template-builder/internal/render"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/environ"
)

// Read is something that a template reads.
type Read struct {
	Kind Kind
	Name string
}

// Kind says where a template reads something from.
type Kind string

const (
	OfEnvironment Kind = "environment" // a variable: CORE_CHAINCODE_ADDRESS for .Address
	OfJSON        Kind = "json"        // a key of the JSON object in the variable environ.LegacyVariable
	OfMetadata    Kind = "metadata"    // a key of metadata.json: Label for .Chaincode.Label
)

// readOf converts a read of the template language to a Read.
func readOf(r render.Read) Read {
	if r.Kind != render.FromRoot {
		return Read{OfEnvironment, r.Path[0]}
	}
	if r.Path[0] == "Chaincode" {
		switch {
		case len(r.Path) == 1:
			return Read{OfMetadata, ""}
		case slices.Contains([]string{"Label", "Type", "Path", "Extra"}, r.Path[1]):
			return Read{OfMetadata, r.Path[1]}
		}
	}
	if setting, ok := environ.Fields()[r.Name()]; ok {
		return Read{OfEnvironment, setting.Variable}
	}
	return Read{OfJSON, r.Name()}
}

// variable returns the name of the variable that supplies what is read, or "" for
// metadata.json.
func (r Read) variable() string {
	switch r.Kind {
	case OfEnvironment:
		return r.Name
	case OfJSON:
		return environ.LegacyVariable
	}
	return ""
}

// readsOf lists what a member reads.
func readsOf(m *render.Member) []Read {
	var reads []Read
	for _, read := range m.Reads() {
		reads = append(reads, readOf(read))
	}
	return reads
}

// Variable is an environment variable that a template reads.
type Variable struct {
	Name string
	// Required reports whether rendering fails on a peer that has no variables because this
	// one is missing. If any one of several variables would do, only the last that the
	// template reads is required.
	Required bool
	Secret   bool     // may hold a private key, or the path of a file that does
	File     bool     // the value may also be in a file whose path NAME_FILE holds
	Fields   []string // the keys that read it
	// InDocument reports whether the document itself reads the variable. If not, only the
	// default of a key that the document lacks reads it.
	InDocument bool
}

// Names returns the names under which the variable may be set.
func (v Variable) Names() []string {
	if v.File {
		return []string{v.Name, v.Name + "_FILE"}
	}
	return []string{v.Name}
}

// Variables lists the variables that the template may read, in the order of
// the keys that read them.
func (t *Template) Variables() []Variable {
	all := t.variables()
	missing := map[string]bool{}
	for _, v := range t.Missing(func(string) bool { return false }) {
		missing[v.Name] = true
	}
	for i := range all {
		all[i].Required = missing[all[i].Name]
	}
	return all
}

// variables returns what Variables returns, without Required.
func (t *Template) variables() []Variable {
	var all []Variable
	places := map[string]int{}
	for _, key := range connection.Keys() {
		if t.unused(key) {
			continue
		}
		for _, read := range readsOf(t.member(key)) {
			name := read.variable()
			if name == "" {
				continue
			}
			i, known := places[name]
			if !known {
				i = len(all)
				places[name] = i
				all = append(all, Variable{Name: name, File: mayBeFile(name)})
			}
			v := &all[i]
			v.Secret = v.Secret || key == "client_key" || environ.IsSecret(strings.TrimSuffix(name, "_FILE"))
			v.InDocument = v.InDocument || !t.isDefault(key)
			if !slices.Contains(v.Fields, key) {
				v.Fields = append(v.Fields, key)
			}
		}
	}
	return all
}

// Reads lists everything that the keys of the template read, without duplicates.
func (t *Template) Reads() []Read {
	var all []Read
	known := map[Read]bool{}
	for _, key := range connection.Keys() {
		for _, read := range readsOf(t.member(key)) {
			if !known[read] {
				known[read] = true
				all = append(all, read)
			}
		}
	}
	return all
}

// Names lists the variables that the keys of the template read, under each name by which they
// may be set. It may contain duplicates.
func (t *Template) Names() []string {
	var names []string
	for _, read := range t.Reads() {
		if name := read.variable(); name != "" {
			names = append(names, Variable{Name: name, File: mayBeFile(name)}.Names()...)
		}
	}
	return names
}

// names returns Names and the variable that detect reads.
func (t *Template) names() []string { return append(t.Names(), chaincode.TypesVariable) }

// Unread returns an error for each variable that is set, in the process or in the folder of
// values, and that nothing reads, if its name is probably a misspelling of one that is read.
// Labels are those of the other chaincodes, which may have folders of their own.
func (t *Template) Unread(process map[string]string, label string, labels []string) []error {
	return environ.Unread(process, label, t.names(), labels)
}

// mayBeFile reports whether the variable is a setting that NAME_FILE can also supply.
func mayBeFile(name string) bool {
	for _, setting := range environ.Fields() {
		if setting.Variable == name {
			return setting.File
		}
	}
	return false
}

// unused reports whether the peer never reads a key, whatever the variables are.
func (t *Template) unused(key string) bool {
	off := func(key string) bool {
		v, _ := t.constant(t.member(key))
		return v == false || v == "false"
	}
	return !relevant(key, !off("tls_required"), !off("client_auth_required"))
}

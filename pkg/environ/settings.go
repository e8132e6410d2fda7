package environ

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"

	"github.com/kelseyhightower/envconfig"
)

// Settings holds the variables that have their own name in a template: {{ .Field }} for a field,
// and {{ .Peer.Field }} for a field of Peer. fabric-cc-external-builder and the peer use the same
// variables.
type Settings struct {
	Address            string `envconfig:"CORE_CHAINCODE_ADDRESS"`
	Domain             string `envconfig:"CORE_CHAINCODE_DOMAIN"`
	DialTimeout        string `envconfig:"CORE_CHAINCODE_TIMEOUT" default:"3s"`
	TLSRequired        bool   `envconfig:"CORE_CHAINCODE_TLS_REQUIRED" default:"true"`
	ClientAuthRequired bool   `envconfig:"CORE_CHAINCODE_CLIENT_AUTH_REQUIRED" default:"false"`
	RootCert           string `envconfig:"CORE_CHAINCODE_ROOT_CERT" file:"true"`
	ClientCert         string `envconfig:"CORE_CHAINCODE_TLS_CLIENT_CERT" file:"true"`
	ClientKey          string `envconfig:"CORE_CHAINCODE_TLS_CLIENT_KEY" file:"true"`
	Peer
}

// Peer holds the settings of the peer itself. It is embedded in Settings: for the fields of a
// struct that is not, envconfig would first read variables such as PEER_CORE_PEER_ID.
type Peer struct {
	ID    string `envconfig:"CORE_PEER_ID"`
	MSPID string `envconfig:"CORE_PEER_LOCALMSPID"`
}

// RequireTLSVariable, if true, makes a connection without TLS an error.
const RequireTLSVariable = "CCAAS_REQUIRE_TLS"

// policy holds the settings that templates cannot read.
type policy struct {
	RequireTLS bool `envconfig:"CCAAS_REQUIRE_TLS"`
}

// setting is one field of a settings struct.
type setting struct {
	path       []string // the parts of the field's name in a template
	variable   string
	file       bool // its value may be in a file that VARIABLE_FILE names
	hasDefault bool
}

var listed sync.Map // results of settingsOf, keyed by type

// settingsOf lists the fields of a settings struct, including those of nested structs.
func settingsOf(t reflect.Type) []setting {
	if all, ok := listed.Load(t); ok {
		return all.([]setting)
	}
	all := listSettings(t)
	listed.Store(t, all)
	return all
}

func listSettings(t reflect.Type) []setting {
	var all []setting
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Type.Kind() == reflect.Struct {
			for _, inner := range listSettings(field.Type) {
				inner.path = append([]string{field.Name}, inner.path...)
				all = append(all, inner)
			}
			continue
		}
		_, hasDefault := field.Tag.Lookup("default")
		all = append(all, setting{
			[]string{field.Name}, field.Tag.Get("envconfig"), field.Tag.Get("file") == "true", hasDefault,
		})
	}
	return all
}

// settingsNames returns the names of the variables that are read for every package.
func settingsNames() []string {
	names := []string{LegacyVariable}
	for _, spec := range []reflect.Type{reflect.TypeFor[Settings](), reflect.TypeFor[policy]()} {
		for _, s := range settingsOf(spec) {
			names = append(names, s.variable)
			if s.file {
				names = append(names, s.variable+"_FILE")
			}
		}
	}
	return names
}

// Field is a settings field as a template reads it.
type Field struct {
	Variable   string
	HasDefault bool // it has a value even if the variable is unset
	File       bool // the value may be in a file that VARIABLE_FILE names
}

// Fields returns the settings fields, keyed by their names in templates, such as Address and
// Peer.ID. The caller must not change the map.
func Fields() map[string]Field { return fields() }

var fields = sync.OnceValue(func() map[string]Field {
	fields := map[string]Field{}
	for _, s := range settingsOf(reflect.TypeFor[Settings]()) {
		fields[strings.Join(s.path, ".")] = Field{s.variable, s.hasDefault, s.file}
	}
	return fields
})

// decode fills spec from the variables in found. For each variable that does not fit its field, it
// returns an error with the name and the reason: envconfig's own errors contain the value.
func decode(spec any, found map[string]string) error {
	var errs []error
	for {
		err := process(spec, found)
		var parse *envconfig.ParseError
		if !errors.As(err, &parse) {
			return errors.Join(append(errs, err)...)
		}
		wrong := cmp.Or(around(parse.KeyName, found[parse.KeyName]), fmt.Errorf("%s must be true or false", parse.KeyName))
		errs = append(errs, ofVariable(parse.KeyName, wrong))
		delete(found, parse.KeyName)
	}
}

var processEnvironment sync.Mutex

// process runs envconfig on the variables in found. envconfig can read only the environment of the
// process, so process sets the variables there during the call.
func process(spec any, found map[string]string) error {
	processEnvironment.Lock()
	defer processEnvironment.Unlock()
	for _, s := range settingsOf(reflect.TypeOf(spec).Elem()) {
		if old, ok := os.LookupEnv(s.variable); ok {
			defer os.Setenv(s.variable, old)
		} else {
			defer os.Unsetenv(s.variable)
		}
		if v, ok := found[s.variable]; !ok {
			os.Unsetenv(s.variable)
		} else if os.Setenv(s.variable, v) != nil {
			return fmt.Errorf("%s cannot be an environment variable", s.variable)
		}
	}
	return envconfig.Process("", spec)
}

// fields returns the fields of a settings struct as a template reads them, keyed by name. names
// holds the name under which each variable was found.
func (e *Environment) fields(v reflect.Value, names map[string]string) map[string]any {
	fields := map[string]any{}
	for i := range v.NumField() {
		field, f := v.Type().Field(i), v.Field(i)
		if f.Kind() == reflect.Struct {
			group := Group{}
			for name, member := range e.fields(f, names) {
				group[name] = member.(Var)
			}
			fields[field.Name] = group
			continue
		}
		variable := Var{Name: field.Tag.Get("envconfig"), Hint: e.hint()}
		if field.Tag.Get("file") == "true" {
			variable.Why = fmt.Sprintf("neither %s nor %s_FILE is set", variable.Name, variable.Name)
		}
		if name, ok := names[variable.Name]; ok {
			variable.Name = name
		}
		switch {
		case f.Kind() == reflect.Bool:
			variable.Value = f.Bool()
		case f.String() != "":
			variable.Value = e.value(f.String(), IsSecret(field.Tag.Get("envconfig")))
		}
		fields[field.Name] = variable
	}
	return fields
}

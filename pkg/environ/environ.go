// Package environ holds what the operator of a peer supplies to a template: the variables that the
// peer propagates, and the files and folders that they name. [Load] reads them.
//
// Private keys stay in the package: a template gets a [Secret] instead, and only [Environment.Key]
// returns the key for it. The errors of this package contain no values except paths.
package environ

import (
	"errors"
	"maps"
	"path/filepath"
	"reflect"
	"strings"
	"sync"

	"ccaas-template-builder/internal/pemtext"
)

// MaxValue is the maximum size of a variable's value and of a file that a variable names, in bytes.
const MaxValue = 64 << 10

// Environment holds what the templates of one chaincode may ask for.
type Environment struct {
	layers     layers
	label      string
	root       map[string]any // Var or Group, keyed by name
	legacy     legacy
	keys       []string
	found      map[string]Var // results of earlier lookups
	read       Reader
	requireTLS bool
	// legacyMisnamed returns the variable that was probably meant to be LegacyVariable, or "".
	legacyMisnamed func() string
}

// Load reads the settings for the chaincode with this label from the variables of a process, and
// from the folder that CCAAS_ENV_DIR names. It reports all errors, not only the first.
func Load(process map[string]string, label string) (*Environment, error) {
	return disk.Load(process, label)
}

// Load is like the function Load, but uses r for everything that the environment reads, including
// what a template asks for later.
func (r Reader) Load(process map[string]string, label string) (*Environment, error) {
	e := &Environment{layers: layersOf(process, label), label: label, found: map[string]Var{}, read: r}
	var settings Settings
	var rules policy
	errs := []error{e.layers.check()}
	if errs[0] != nil {
		e.layers = e.layers[len(e.layers)-1:] // the process, so that the folder is not reported for each variable
	}
	names, err := e.load(&settings)
	errs = append(errs, err)
	_, err = e.load(&rules)
	errs = append(errs, err)
	e.legacy, err = e.loadLegacy()
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	e.requireTLS = rules.RequireTLS
	e.legacyMisnamed = sync.OnceValue(func() string { return e.Misnamed([]string{LegacyVariable})[LegacyVariable] })
	e.root = e.fields(reflect.ValueOf(settings), names)
	maps.Copy(e.root, e.legacy.root()) // these override settings: templates for Fabric's builder read them
	return e, nil
}

// load fills a settings struct. For each variable that is set, it returns the name under which it
// was found: its own, or its own with _FILE.
func (e *Environment) load(spec any) (names map[string]string, err error) {
	found, names := map[string]string{}, map[string]string{}
	var errs []error
	for _, s := range settingsOf(reflect.TypeOf(spec).Elem()) {
		name, v, err := e.layers.setting(e.read, s)
		if err != nil {
			errs = append(errs, ofVariable(s.variable, err))
		} else if v != "" {
			found[s.variable], names[s.variable] = v, name
		}
	}
	errs = append(errs, decode(spec, found))
	return names, errors.Join(errs...)
}

// Root returns what a template reads as {{ .NAME }}, keyed by name: each value is a Var or a Group.
func (e *Environment) Root() map[string]any { return maps.Clone(e.root) }

// Lookup returns the variable called name. If it is unset or empty, its value is nil.
func (e *Environment) Lookup(name string) (Var, error) {
	return e.once(name, func() (Var, error) {
		v, err := e.layers.lookup(e.read, name)
		if err != nil || v == "" {
			return Var{Name: name, Hint: e.hint()}, err
		}
		return Var{Name: name, Value: e.value(v, IsSecret(name) || name == LegacyVariable && e.legacy.secret)}, nil
	})
}

// ReadFile returns the content of the file that the variable called name names, without trailing
// newlines.
func (e *Environment) ReadFile(name string) (Var, error) {
	return e.once("file "+name, func() (Var, error) {
		file, err := e.layers.lookup(e.read, name)
		if err != nil || file == "" {
			return Var{Name: name, Hint: e.hint()}, err
		}
		content, err := e.read.readNamed(name, file)
		if err != nil || content == "" {
			return Var{Name: name, Why: named(name, file) + " is empty"}, err
		}
		return Var{Name: name, Value: e.value(content, IsSecret(strings.TrimSuffix(name, "_FILE")))}, nil
	})
}

// once calls find until it first succeeds for name, and returns that result from then on.
func (e *Environment) once(name string, find func() (Var, error)) (Var, error) {
	if found, ok := e.found[name]; ok {
		return found, nil
	}
	found, err := find()
	if err == nil {
		e.found[name] = found
	}
	return found, err
}

// IsSecret reports whether a variable holds a key, judging by its name, such as
// CORE_CHAINCODE_TLS_CLIENT_KEY. Its value is then secret, whatever it looks like.
func IsSecret(name string) bool { return strings.HasSuffix(name, "KEY") }

// readNamed reads the file that the variable called name names.
func (r Reader) readNamed(name, file string) (string, error) {
	if !filepath.IsAbs(file) {
		return "", relative(name, file)
	}
	content, err := r.File(file)
	if err != nil {
		return "", unreadable(name, file, err)
	}
	text := strings.TrimRight(string(content), "\r\n")
	return text, checkText(named(name, file), text)
}

// Key returns the private key that s stands for, as canonical PEM if it is PEM.
func (e *Environment) Key(s Secret) string { return e.keys[s] }

// RequireTLS reports whether the operator forbids connections without TLS.
func (e *Environment) RequireTLS() bool { return e.requireTLS }

// value returns v as a template may have it: PEM becomes canonical, and a private key, or any value
// if secret is set, becomes a Secret.
func (e *Environment) value(v string, secret bool) any {
	text := pemtext.FromVariable(v)
	if secret || pemtext.HoldsKey(v) || pemtext.HoldsKey(text) {
		return e.secret(text)
	}
	return text
}

func (e *Environment) secret(key string) Secret {
	e.keys = append(e.keys, key)
	return Secret(len(e.keys) - 1)
}

package template

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/render"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/environ"
)

// Missing returns the variables that a peer must have, and lacks, for the template to be
// rendered. has reports which variables the peer has. The settings that decide whether other
// keys are read keep their defaults. If any one of several variables would do, it returns the
// last that the template reads.
func (t *Template) Missing(has func(name string) bool) []Variable {
	var missing []Variable
	found := func(name string) bool {
		return has(name) || slices.ContainsFunc(missing, func(v Variable) bool { return slices.Contains(v.Names(), name) })
	}
	variables, rendered := t.variables(), t.rendered()
	for more := true; more; {
		more = false
		values := t.trial(func(name string) any {
			if found(name) {
				return sample
			}
			return nil
		})
		for _, key := range order() {
			if !rendered(key) {
				continue
			}
			for _, name := range notSet(t.member(key), values) {
				i := slices.IndexFunc(variables, func(v Variable) bool { return v.Name == name })
				if i >= 0 && !found(name) {
					variables[i].Required = true
					missing, more = append(missing, variables[i]), true
				}
			}
		}
	}
	return missing
}

// rendered returns a function that reports which keys are rendered on a peer that leaves the
// settings at their defaults.
func (t *Template) rendered() func(key string) bool {
	on := func(key string) bool {
		result, err := t.member(key).Render(t.unset())
		return err == nil && (result.Value == true || result.Value == "true")
	}
	tls, auth := on("tls_required"), on("client_auth_required")
	return func(key string) bool { return relevant(key, tls, auth) }
}

// notSet returns the variables that a member needs and that are not set.
func notSet(m *render.Member, values render.Values) (names []string) {
	_, err := m.Render(values)
	for _, err := range message.Errors(err) {
		var missing *render.NotSetError
		if errors.As(err, &missing) {
			names = append(names, missing.Var.Name)
		}
	}
	return names
}

// sample is the made-up value of each variable.
const sample = "x"

// Try renders a key with made-up values. Each variable that the key reads has each of samples
// in turn, or a Secret if it is meant for a private key. Try returns nil as soon as check
// accepts a value, otherwise the first error. It does not try a key that reads too many
// variables.
func (t *Template) Try(key string, samples []string, check func(v any) error) error {
	m := t.member(key)
	var names []string
	for _, read := range readsOf(m) {
		if name := read.variable(); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	const mostNames = 3
	if len(names) == 0 || len(names) > mostNames {
		return nil
	}
	var first error
	for turn := range power(len(samples), len(names)) {
		values := t.trial(func(name string) any {
			return samples[turn/power(len(samples), max(0, slices.Index(names, name)))%len(samples)]
		})
		result, err := m.Render(values)
		if err == nil {
			err = check(result.Value)
		}
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return t.withoutText(first)
}

func power(base, exponent int) int {
	n := 1
	for range exponent {
		n *= base
	}
	return n
}

// unset returns the values of a peer on which no variable is set.
func (t *Template) unset() render.Values {
	return t.trial(func(string) any { return nil })
}

// trial returns the values of a peer whose variables are made up. of returns the value of a
// variable, or nil if it is not set. A setting that has a default keeps it.
func (t *Template) trial(of func(name string) any) render.Values {
	made := func(name string) environ.Var {
		v := environ.Var{Name: name, Value: of(name)}
		if v.Value != nil && environ.IsSecret(strings.TrimSuffix(name, "_FILE")) {
			v.Value = environ.Secret(0)
		}
		return v
	}
	values := valuesOf(emptyEnvironment(), chaincode.Metadata{Label: sample, Type: chaincode.DefaultType, Path: sample})
	for path, field := range environ.Fields() {
		v := made(field.Variable)
		if v.Value == nil && field.File {
			v.Value = made(field.Variable + "_FILE").Value
		}
		if v.Value != nil && !field.HasDefault {
			set(values.Root, path, v)
		}
	}
	values.Env = func(name string) (environ.Var, error) { return made(name), nil }
	values.EnvFile = values.Env
	values.Unknown = func(string) error {
		return &render.NotSetError{Var: environ.Var{Name: environ.LegacyVariable}}
	}
	for _, read := range t.Reads() {
		name, _, _ := strings.Cut(read.Name, ".")
		v := made(environ.LegacyVariable)
		if read.Kind == OfJSON && values.Root[name] == nil && v.Value != nil {
			values.Root[name] = v
		}
	}
	return values
}

// emptyEnvironment returns the environment of a peer on which no variable is set.
var emptyEnvironment = sync.OnceValue(func() *environ.Environment {
	env, err := environ.Load(nil, "")
	if err != nil {
		panic(err) // cannot fail, since nothing is set
	}
	return env
})

// set sets the value of a setting, which may be in a group.
func set(root map[string]any, path string, v environ.Var) {
	group, name, ok := strings.Cut(path, ".")
	if !ok {
		root[path] = v
		return
	}
	own := maps.Clone(root[group].(environ.Group)) // the original is shared by all callers of emptyEnvironment
	own[name] = v
	root[group] = own
}

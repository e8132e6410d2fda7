package template

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"ccaas-template-builder/internal/render"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/environ"
)

// maxSteps limits what Missing and Try evaluate, in steps of render.Result. Only a template that was
// made for it needs more.
const maxSteps = 1 << 18

// Missing returns the variables that a peer must have, and lacks, for the template to be
// rendered. has reports which variables the peer has. The settings that decide whether other
// keys are read keep their defaults. If any one of several variables would do, it returns the
// last that the template reads.
func (t *Template) Missing(has func(name string) bool) []Variable {
	return t.missing(unknownPeer(), has)
}

// MissingFrom returns the variables that are missing in env for the template to be rendered.
// Unlike Missing, it follows the values in env: those that a condition reads, and those of the
// settings that decide whether other keys are read.
func (t *Template) MissingFrom(env *environ.Environment, metadata chaincode.Metadata) []Variable {
	return t.missing(valuesOf(env, metadata), func(string) bool { return false })
}

// missing implements Missing for a peer with values. Each rendering supplies what the peer lacks. If
// that may change what was rendered before, another follows.
func (t *Template) missing(peer render.Values, has func(name string) bool) []Variable {
	var missing []Variable
	variables, rendered := t.byName(), t.rendered(peer)
	found := map[string]bool{} // the variables that the peer has or that are missing
	for name := range variables {
		found[name] = has(name)
	}
	of := func(name string) any {
		if known, read := found[name]; known || !read && has(name) {
			return sample
		}
		return nil
	}
	for more, steps := true, 0; more && steps < maxSteps; {
		more = false
		values, made := t.trial(peer, of)
		values.Supply = func(name string) any {
			if v, read := variables[name]; read && !found[name] {
				v.Required = true
				missing, more = append(missing, v), true
				for _, name := range v.Names() {
					found[name] = true
				}
				t.fill(values.Root, made)
			}
			return made(name).Value
		}
		for _, key := range order() {
			if rendered(key) {
				result, _ := t.member(key).Render(values)
				steps += result.Steps
			}
		}
	}
	return missing
}

// byName returns what Variables returns, keyed by name and without Required.
func (t *Template) byName() map[string]Variable {
	variables := map[string]Variable{}
	for _, v := range t.variables() {
		variables[v.Name] = v
	}
	return variables
}

// rendered returns a function that reports which keys are rendered on a peer.
func (t *Template) rendered(peer render.Values) func(key string) bool {
	values, _ := t.trial(peer, func(string) any { return nil })
	on := func(key string) bool {
		result, err := t.member(key).Render(values)
		return err == nil && (result.Value == true || result.Value == "true")
	}
	tls, auth := on("tls_required"), on("client_auth_required")
	return func(key string) bool { return relevant(key, tls, auth) }
}

// sample is the made-up value of each variable.
const sample = "x"

// Try renders a key with made-up values. Each variable that the key reads has each of samples
// in turn, or a Secret if it is meant for a private key. Try returns nil as soon as check
// accepts a value, otherwise the first error. It also returns nil if a key reads too many
// variables, or takes too long, to be tried.
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
	steps := 0
	for turn := range power(len(samples), len(names)) {
		values, _ := t.trial(unknownPeer(), func(name string) any {
			return samples[turn/power(len(samples), max(0, slices.Index(names, name)))%len(samples)]
		})
		result, err := m.Render(values)
		if steps += result.Steps; steps > maxSteps {
			return nil
		}
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
	values, _ := t.trial(unknownPeer(), func(string) any { return nil })
	return values
}

// unknownPeer returns the values of a peer of which nothing is known.
func unknownPeer() render.Values {
	values := valuesOf(emptyEnvironment(), chaincode.Metadata{Label: sample, Type: chaincode.DefaultType, Path: sample})
	nothing := func(name string) (environ.Var, error) { return environ.Var{Name: name}, nil }
	values.Env, values.EnvFile = nothing, nothing
	return values
}

// trial returns the values of a peer, with made-up values for variables that it lacks, and a
// function that returns each of these. of returns the value of such a variable, or nil if it is not
// set. A setting that has a default keeps it.
func (t *Template) trial(
	peer render.Values, of func(name string) any,
) (values render.Values, made func(name string) environ.Var) {
	made = func(name string) environ.Var {
		v := environ.Var{Name: name, Value: of(name)}
		if v.Value != nil && environ.IsSecret(strings.TrimSuffix(name, "_FILE")) {
			v.Value = environ.Secret(0)
		}
		return v
	}
	orMade := func(look func(string) (environ.Var, error)) func(string) (environ.Var, error) {
		return func(name string) (environ.Var, error) {
			v, err := look(name)
			if err == nil && v.Value == nil {
				v = made(name)
			}
			return v, err
		}
	}
	values = peer
	values.Root = maps.Clone(peer.Root)
	values.Env, values.EnvFile = orMade(peer.Env), orMade(peer.EnvFile)
	if legacy, err := peer.Env(environ.LegacyVariable); err == nil && legacy.Value == nil {
		values.Unknown = func(string) error {
			return &render.NotSetError{Var: environ.Var{Name: environ.LegacyVariable}}
		}
	}
	t.fill(values.Root, made)
	return values, made
}

// fill sets the values of settings, and of keys in the JSON of environ.LegacyVariable, that are made up.
func (t *Template) fill(root map[string]any, made func(name string) environ.Var) {
	for path, field := range environ.Fields() {
		v := made(field.Variable)
		if v.Value == nil && field.File {
			v.Value = made(field.Variable + "_FILE").Value
		}
		if v.Value != nil && !field.HasDefault {
			set(root, path, v)
		}
	}
	v := made(environ.LegacyVariable)
	if v.Value == nil {
		return
	}
	for _, read := range t.Reads() {
		name, _, _ := strings.Cut(read.Name, ".")
		if read.Kind == OfJSON && root[name] == nil {
			root[name] = v
		}
	}
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

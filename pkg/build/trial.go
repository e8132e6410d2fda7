package build

import (
	"errors"
	"slices"
	"strings"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/value"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/render"
)

// Missing returns the variables without which the template cannot be rendered
// for a peer that has those that has tells of, and leaves the settings that
// decide about others at their defaults. Where a template takes one variable or
// another, it is the one that it asks for last.
func (t *Template) Missing(has func(name string) bool) []Variable {
	var missing []Variable
	found := func(name string) bool {
		return has(name) || slices.ContainsFunc(missing, func(v Variable) bool { return slices.Contains(v.Names(), name) })
	}
	variables := t.Variables()
	for more := true; more; {
		more = false
		values := t.trial(found)
		for _, key := range order() {
			if !t.rendered(key) {
				continue
			}
			for _, name := range notSet(t.member(key), values) {
				i := slices.IndexFunc(variables, func(v Variable) bool { return v.Name == name })
				if i >= 0 && !found(name) {
					missing, more = append(missing, variables[i]), true
				}
			}
		}
	}
	return missing
}

// notSet are the variables that a member needs and has not.
func notSet(m *render.Member, values render.Values) (names []string) {
	if !m.Readable() {
		return nil
	}
	_, err := m.Render(values)
	for _, err := range program.Errors(err) {
		var missing *render.NotSetError
		if errors.As(err, &missing) {
			names = append(names, missing.Var.Name)
		}
	}
	return names
}

// sample stands for the value of a variable in a trial.
const sample = "x"

// trial are the values of a peer that has the variables that has tells of, with
// what they hold made up, and the settings that have one at their defaults.
func (t *Template) trial(has func(name string) bool) render.Values {
	env, err := environ.Load(nil, "")
	if err != nil {
		panic(err) // nothing is set that could be wrong
	}
	values := valuesOf(env, chaincode.Metadata{Label: sample, Type: chaincode.DefaultType, Path: sample})
	for path, field := range environ.Fields() {
		given := has(field.Variable) || field.File && has(field.Variable+"_FILE")
		if given && !field.HasDefault {
			setSample(values.Root, path, field.Variable)
		}
	}
	lookup := func(name string) (value.Var, error) {
		v := value.Var{Name: name}
		if has(name) {
			v.Value = sample
		}
		return v, nil
	}
	values.Env, values.EnvFile = lookup, lookup
	values.Unknown = func(string) error { return &render.NotSetError{Var: value.Var{Name: environ.LegacyVariable}} }
	if has(environ.LegacyVariable) {
		for _, m := range t.document.Members {
			for _, read := range m.Reads() {
				if key, _, _ := strings.Cut(read.Path, "."); isJSONKey(read.Path) && values.Root[key] == nil {
					values.Root[key] = value.Var{Name: environ.LegacyVariable, Value: sample}
				}
			}
		}
	}
	return values
}

// setSample gives a setting, which may stand in a group, a value.
func setSample(root map[string]any, path, variable string) {
	v := value.Var{Name: variable, Value: sample}
	group, name, ok := strings.Cut(path, ".")
	if !ok {
		root[path] = v
		return
	}
	root[group].(value.Group)[name] = v
}

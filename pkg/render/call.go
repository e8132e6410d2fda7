package render

import (
	"slices"
	"text/template/parse"

	"ccaas-template-builder/internal/value"
)

// call calls a function with the operands behind its name and what was piped
// into it.
func (e *evaluator) call(id *parse.IdentifierNode, nodes []parse.Node, piped []any, s scope) (any, error) {
	f := functions()[id.Ident]
	switch id.Ident {
	case "env", "envFile":
		return e.lookup(id, nodes)
	case "and", "or":
		return e.choose(id.Ident == "or", nodes, piped, s)
	case "index":
		if isRoot(nodes[0], s.root) {
			return e.indexRoot(id, nodes[1:], s)
		}
	}
	args := make([]any, 0, len(nodes)+1)
	for _, node := range nodes {
		v, err := e.operand(node, s)
		if err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	return e.apply(id, f, append(args, piped...))
}

// apply calls f within the bounds, with arguments that f may have.
func (e *evaluator) apply(id *parse.IdentifierNode, f function, args []any) (any, error) {
	if err := e.charge(id, args...); err != nil {
		return nil, err
	}
	for i, arg := range args {
		if err := e.admit(id, f, arg, i == 0); err != nil {
			return nil, err
		}
	}
	if f.size != nil && f.size(args) > maxValue {
		return nil, e.fail(id, "%s: its result may be larger than %d bytes", id.Ident, maxValue)
	}
	result, err := f.call(args)
	if err != nil {
		if id.Ident == "required" {
			return nil, e.fail(id, "%w", err)
		}
		return nil, e.fail(id, "%s: %w", id.Ident, err)
	}
	if sizeOf(result) > 2*maxValue {
		return nil, e.fail(id, "%s: its result is larger than %d bytes", id.Ident, maxValue)
	}
	return result, e.charge(id, result)
}

// charge counts what a function reads or makes. When it is too much, nothing
// more of the member is evaluated.
func (e *evaluator) charge(id *parse.IdentifierNode, values ...any) error {
	for _, v := range values {
		e.work += sizeOf(v)
	}
	if e.exhausted() {
		return e.fail(id, "the template computes too much: its functions work on more than %d bytes in all", maxWork)
	}
	return nil
}

func (e *evaluator) exhausted() bool { return e.work > maxWork }

// admit refuses an argument that is not there or is a private key, unless f
// only chooses between its arguments.
func (e *evaluator) admit(id *parse.IdentifierNode, f function, arg any, first bool) error {
	if f.chooses {
		return nil
	}
	if missing, ok := arg.(unset); ok {
		return e.fail(id, "%w", &missing.NotSetError)
	}
	if _, ok := arg.(value.Secret); ok || holdsSecret(arg) && !(f.opens && first) {
		return e.fail(id, "%s cannot be applied to a private key, which can only be the whole of client_key", id.Ident)
	}
	return nil
}

func holdsSecret(v any) bool {
	switch v := v.(type) {
	case value.Secret:
		return true
	case []any:
		return slices.ContainsFunc(v, holdsSecret)
	case map[string]any:
		for _, element := range v {
			if holdsSecret(element) {
				return true
			}
		}
	}
	return false
}

// lookup is env and envFile.
func (e *evaluator) lookup(id *parse.IdentifierNode, nodes []parse.Node) (any, error) {
	name, _ := constant(nodes)
	if id.Ident == "envFile" {
		found, err := e.values.EnvFile(name)
		if err != nil {
			return nil, e.fail(id, "%w", err)
		}
		return e.use(found), nil
	}
	found, err := e.values.Env(name)
	if err != nil {
		return nil, e.fail(id, "%w", err)
	}
	if e.use(found); found.Value == nil {
		return "", nil
	}
	return found.Value, nil
}

// choose is and (or): the first argument that is false (true), else the last.
// Those behind it are not evaluated.
func (e *evaluator) choose(until bool, nodes []parse.Node, piped []any, s scope) (v any, err error) {
	for _, node := range nodes {
		if v, err = e.operand(node, s); err != nil || truth(v) == until {
			return v, err
		}
	}
	if len(piped) > 0 {
		return piped[0], nil
	}
	return v, nil
}

// indexRoot is index . "key" …, for keys that cannot be written as .key
func (e *evaluator) indexRoot(id *parse.IdentifierNode, nodes []parse.Node, s scope) (any, error) {
	key, _ := constant(nodes)
	v, err := e.root(id, []string{key})
	if err != nil || len(nodes) == 1 {
		return v, err
	}
	args := []any{v}
	for _, node := range nodes[1:] {
		v, err := e.operand(node, s)
		if err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	return e.apply(id, functions()["index"], args)
}

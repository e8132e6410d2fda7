package render

import (
	"slices"

	"ccaas-template-builder/pkg/environ"
)

// call checks the arguments of a function and calls it. It enforces the limits.
func (e *evaluator) call(c *call, piped []any) (any, error) {
	args := make([]any, 0, len(c.args)+1)
	for _, arg := range c.args {
		v, err := e.value(arg)
		if err != nil {
			return nil, err
		}
		args = append(args, v)
	}
	args = append(args, piped...)
	if err := e.charge(c, args...); err != nil {
		return nil, err
	}
	for i := range args {
		if err := e.admit(c, args, i); err != nil {
			return nil, err
		}
	}
	if c.size != nil && c.size(args) > maxValue {
		return nil, e.fail(c.at, "%s: its result may be larger than %d bytes", c.name, maxValue)
	}
	result, err := c.function.call(args)
	if err != nil {
		if c.name == "required" {
			return e.supplied(c.at, &NotSetError{Var: e.unset, Message: err.Error()})
		}
		return nil, e.fail(c.at, "%s: %w", c.name, err)
	}
	if sizeOf(result) > 2*maxValue {
		return nil, e.fail(c.at, "%s: its result is larger than %d bytes", c.name, maxValue)
	}
	return result, e.charge(c, result)
}

// charge adds the sizes of a function's arguments or result to the work. Once the work exceeds
// maxWork, the rest of the member is not evaluated.
func (e *evaluator) charge(c *call, values ...any) error {
	for _, v := range values {
		e.work += sizeOf(v)
	}
	if e.exhausted() {
		return e.fail(c.at, "the template computes too much: its functions work on more than %d bytes in all", maxWork)
	}
	return nil
}

func (e *evaluator) exhausted() bool { return e.work > maxWork }

// admit rejects the argument i if it is unset or contains a private key, unless the function only
// chooses between its arguments. index may look into an object or list that contains a key.
func (e *evaluator) admit(c *call, args []any, i int) (err error) {
	if c.chooses {
		return nil
	}
	if args[i], err = e.needed(c.at, args[i]); err != nil {
		return err
	}
	if isSecret(args[i]) || holdsSecret(args[i]) && !(c.opens && i == 0) {
		return e.fail(c.at, "%s cannot be applied to a private key, which can only be the whole of client_key", c.name)
	}
	return nil
}

func isSecret(v any) bool {
	_, ok := v.(environ.Secret)
	return ok
}

func holdsSecret(v any) bool {
	switch v := v.(type) {
	case environ.Secret:
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

// choose implements and (or): it returns the first argument that is false (true), or else the last.
func (e *evaluator) choose(c *call, piped []any) (v any, err error) {
	for _, arg := range c.args {
		if v, err = e.value(arg); err != nil || truth(v) == (c.name == "or") {
			return v, err
		}
	}
	if len(piped) > 0 {
		return piped[0], nil
	}
	return v, nil
}

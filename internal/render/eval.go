package render

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"ccaas-template-builder/internal/nearest"
	"ccaas-template-builder/pkg/environ"
)

// Limits on rendering one member, in bytes.
const (
	// maxValue limits a rendered value and the estimated size of a function's result. The result
	// itself may be twice as large.
	maxValue = 64 << 10
	maxWork  = 1 << 20 // all arguments and results of function calls together
)

// Values holds what a template may read. The errors of its functions must not contain values.
type Values struct {
	Root    map[string]any                         // .NAME; each is an environ.Var or an environ.Group
	Unknown func(name string) error                // the error for a .NAME that Root lacks
	Env     func(name string) (environ.Var, error) // env "NAME", .Env.NAME
	EnvFile func(name string) (environ.Var, error) // envFile "NAME"
	// Supply returns a value for a variable that is not set where a value is needed, or nil. Supply is nil
	// except in a trial.
	Supply func(name string) any
}

// Result is the result of rendering a member.
type Result struct {
	// Value is a string, bool, int64, float64 or environ.Secret.
	Value any
	// Variables names the variables from which Value was made, as operators know them.
	Variables []string
	// Steps says how much was evaluated. A step is an expression, or 16 bytes of the work of functions. An
	// error counts as many.
	Steps int
}

// NotSetError says that a variable that a template needs is not set. During evaluation it is the
// value of such a variable, and becomes an error where that value is needed.
type NotSetError struct {
	Var environ.Var
	// Message is the text given to required in the template, if required reports it.
	Message string
}

func (e *NotSetError) Error() string {
	if e.Message != "" {
		return e.Message
	}
	if e.Var.Why != "" {
		return e.Var.Why
	}
	return e.Var.Name + " is not set"
}

// Render renders the member. The error joins one *Error for each problem and contains no values.
// The result names its variables even if there is an error. A member whose template could not be
// parsed cannot be rendered.
func (m *Member) Render(values Values) (Result, error) {
	if m.literal != nil {
		return Result{Value: m.literal}, nil
	}
	if m.template == nil {
		return Result{}, m.Error(errors.New("could not be read"))
	}
	e := evaluator{member: m, values: values, known: map[string]bool{}}
	err := e.list(m.template)
	result := Result{Variables: e.sources(), Steps: e.steps + e.work/16}
	if err == nil {
		result.Value, err = e.result()
	}
	return result, err
}

// evaluator renders one member.
type evaluator struct {
	member    *Member
	values    Values
	variables []binding       // innermost last
	parts     []any           // results of actions and the text between them
	read      []environ.Var   // each name once
	known     map[string]bool // the names in read
	unset     environ.Var     // the last variable read that was not set
	work      int
	steps     int
}

type binding struct {
	name  variable
	value any
}

func (e *evaluator) fail(at int, format string, args ...any) error {
	e.steps += 100 // finding the line and the column takes as long
	return e.member.errorAt(at, OfValue, fmt.Errorf(format, args...))
}

// result joins the parts. In quotes, the result is a string; outside quotes, a value keeps its
// type. A private key is never joined with anything.
func (e *evaluator) result() (any, error) {
	var joined strings.Builder
	var last any // the last value
	values, blank := 0, true
	for _, part := range e.parts {
		s, ok := part.(text)
		if ok {
			blank = blank && strings.TrimSpace(string(s)) == ""
		} else {
			values, last = values+1, part
			formatted, _ := format(part)
			s = text(formatted)
		}
		joined.WriteString(string(s))
		if joined.Len() > maxValue {
			return nil, e.member.Error(fmt.Errorf("is larger than %d bytes", maxValue))
		}
	}
	switch whole := values == 1 && blank; {
	case whole && (isSecret(last) || !e.member.quoted):
		return last, nil
	case slices.ContainsFunc(e.parts, isSecret):
		return nil, e.member.Error(errors.New("holds a private key among other text: " +
			"a key can only be the whole of client_key"))
	case !utf8.ValidString(joined.String()):
		return nil, e.member.Error(errors.New("is not valid UTF-8: a function has split a character"))
	case e.member.quoted:
		return joined.String(), nil
	}
	switch strings.TrimSpace(joined.String()) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return nil, e.member.Error(errors.New("outside quotes, the value must be a single action, true or false: " +
		"put quotes around the whole value"))
}

func (e *evaluator) list(l list) error {
	var errs []error
	for _, node := range l {
		if e.exhausted() {
			break
		}
		switch n := node.(type) {
		case text:
			e.parts = append(e.parts, node)
		case *pipe:
			if err := e.action(n); err != nil {
				errs = append(errs, err)
				if n.sets != "" {
					return errors.Join(errs...) // the rest needs the variable
				}
			}
		case *branch:
			if err := e.branch(n); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

func (e *evaluator) action(p *pipe) error {
	v, err := e.pipe(p)
	if err != nil || p.sets != "" {
		return err
	}
	if v, err = e.needed(p.at, v); err != nil {
		return err
	}
	if _, ok := format(v); !ok && !isSecret(v) {
		return e.fail(p.at, "gives %s: only a string, a number, true or false can be in a connection.json", kindOf(v))
	}
	e.parts = append(e.parts, v)
	return nil
}

func (e *evaluator) branch(b *branch) error {
	outside := len(e.variables)
	defer func() { e.variables = e.variables[:outside] }()
	v, err := e.pipe(b.condition)
	switch {
	case err != nil:
		return err
	case !truth(v):
		return e.list(b.otherwise)
	case b.with:
		e.set(".", v, false)
	}
	return e.list(b.then)
}

func (e *evaluator) pipe(p *pipe) (v any, err error) {
	var piped []any
	for i, stage := range p.stages {
		if i > 0 {
			piped = []any{v}
		}
		if v, err = e.value(stage, piped...); err != nil {
			return nil, err
		}
	}
	if p.sets != "" {
		e.set(p.sets, v, p.assign)
	}
	return v, nil
}

func (e *evaluator) set(name variable, v any, assign bool) {
	if found := e.find(name); assign && found != nil {
		found.value = v
		return
	}
	e.variables = append(e.variables, binding{name, v})
}

// find returns the innermost variable with the given name, or nil.
func (e *evaluator) find(name variable) *binding {
	for i := len(e.variables) - 1; i >= 0; i-- {
		if e.variables[i].name == name {
			return &e.variables[i]
		}
	}
	return nil
}

// value evaluates an expression. A value piped into a function becomes its last argument.
func (e *evaluator) value(x expression, piped ...any) (any, error) {
	e.steps++
	switch x := x.(type) {
	case variable:
		if found := e.find(x); found != nil {
			return found.value, nil
		}
		return nil, nil // its declaration was never evaluated
	case *path:
		if x.from == nil {
			return e.root(x)
		}
		v, err := e.value(x.from)
		if err != nil {
			return nil, err
		}
		return e.follow(x, v, x.keys)
	case *lookup:
		if x.file {
			return e.lookup(x.at, e.values.EnvFile, x.name)
		}
		v, err := e.lookup(x.at, e.values.Env, x.name)
		if _, missing := v.(*NotSetError); missing {
			return "", nil
		}
		return v, err
	case *call:
		if x.lazy {
			return e.choose(x, piped)
		}
		return e.call(x, piped)
	case *pipe:
		return e.pipe(x)
	}
	return x, nil // a constant
}

// root follows a path that starts at the root.
func (e *evaluator) root(p *path) (any, error) {
	name, keys := p.keys[0], p.keys[1:]
	found, ok := e.values.Root[name]
	switch {
	case !ok && name == "Env": // .Env.NAME must be set, unlike env "NAME"
		v, err := e.lookup(p.at, e.values.Env, keys[0])
		if err == nil {
			v, err = e.needed(p.at, v)
		}
		if err != nil {
			return nil, err
		}
		return e.follow(p, v, keys[1:])
	case !ok:
		v, err := e.supplied(p.at, e.values.Unknown(name))
		if err != nil {
			return nil, err
		}
		return e.follow(p, v, keys)
	}
	if group, ok := found.(environ.Group); ok {
		if len(keys) == 0 {
			first := slices.Min(slices.Collect(maps.Keys(group)))
			return nil, e.fail(p.at, ".%s is a group of values: name one of them, such as .%s.%s", name, name, first)
		}
		if found, ok = group[keys[0]]; !ok {
			meant := nearest.DidYouMean(keys[0], "."+name+".", slices.Collect(maps.Keys(group)))
			return nil, e.fail(p.at, "there is no .%s.%s%s", name, keys[0], meant)
		}
		keys = keys[1:]
	}
	return e.follow(p, e.use(found.(environ.Var)), keys)
}

func (e *evaluator) lookup(at int, find func(string) (environ.Var, error), name string) (any, error) {
	found, err := find(name)
	if err != nil {
		return nil, e.fail(at, "%w", err)
	}
	return e.use(found), nil
}

// use records that a variable was read, and returns its value.
func (e *evaluator) use(v environ.Var) any {
	if !e.known[v.Name] {
		e.known[v.Name] = true
		e.read = append(e.read, v)
	}
	if v.Value == nil {
		e.unset = v
		return &NotSetError{Var: v}
	}
	return v.Value
}

// needed returns v, which must be set.
func (e *evaluator) needed(at int, v any) (any, error) {
	if missing, ok := v.(*NotSetError); ok {
		return e.supplied(at, missing)
	}
	return v, nil
}

// supplied returns the value that a trial supplies if err is about a variable that is not set, otherwise
// err as an error at an offset.
func (e *evaluator) supplied(at int, err error) (any, error) {
	var missing *NotSetError
	if e.values.Supply != nil && errors.As(err, &missing) {
		if v := e.values.Supply(missing.Var.Name); v != nil {
			return v, nil
		}
	}
	return nil, e.fail(at, "%w", err)
}

// sources returns the names of the variables that were read. If any of them is set, it returns only
// those that are set, because the result was made from them.
func (e *evaluator) sources() []string {
	var set, missing []string
	for _, v := range e.read {
		if v.Value != nil {
			set = append(set, v.Name)
		} else {
			missing = append(missing, v.Name+", which is not set")
		}
	}
	if len(set) > 0 {
		return set
	}
	return missing
}

// follow follows keys, the rest of the path p, into v.
func (e *evaluator) follow(p *path, v any, keys []string) (any, error) {
	for _, key := range keys {
		var err error
		if v, err = e.needed(p.at, v); err != nil {
			return nil, err
		}
		object, ok := v.(map[string]any)
		if !ok {
			return nil, e.fail(p.at, "%s: %s has no .%s", p.written, kindOf(v), key)
		}
		if v, ok = object[key]; !ok {
			return nil, e.fail(p.at, "%s: there is no .%s in it", p.written, key)
		}
	}
	return v, nil
}

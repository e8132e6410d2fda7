package render

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template/parse"
	"unicode/utf8"

	"ccaas-template-builder/internal/nearest"
	"ccaas-template-builder/internal/value"
)

// Bounds of one member's rendering, in bytes.
const (
	maxValue = 64 << 10 // of a value: a result, an argument, what is rendered
	maxWork  = 1 << 20  // of all arguments of all function calls together
)

// Values is what a template may ask for. The functions' errors must not hold values.
type Values struct {
	Root    map[string]any                       // .NAME: each a value.Var or a value.Group
	Unknown func(name string) error              // .NAME that Root has not
	Env     func(name string) (value.Var, error) // env "NAME", .Env.NAME
	EnvFile func(name string) (value.Var, error) // envFile "NAME"
}

// Result is what a member was rendered to.
type Result struct {
	// Value is a string, bool, int64, float64 or value.Secret.
	Value any
	// Variables are those it was made of, as they are named to an operator.
	Variables []string
}

// NotSetError says that something a template needs is not there.
type NotSetError struct{ Var value.Var }

func (e *NotSetError) Error() string {
	if e.Var.Why != "" {
		return e.Var.Why
	}
	return e.Var.Name + " is not set"
}

// unset stands for a variable that has no value until somebody needs it.
type unset struct{ NotSetError }

// Render renders the member. The error joins an *Error for each thing that went
// wrong; none holds a value. The result has its variables in any case. A member
// whose template could not be read is an error.
func (m *Member) Render(values Values) (Result, error) {
	if m.literal != nil {
		return Result{Value: m.literal}, nil
	}
	if m.tree == nil {
		return Result{}, m.Error(errors.New("could not be read"))
	}
	e := evaluator{member: m, values: values}
	err := e.list(m.tree.Root, scope{root: true})
	result := Result{Variables: e.sources()}
	if err == nil {
		result.Value, err = e.result()
	}
	return result, err
}

// evaluator renders one member.
type evaluator struct {
	member    *Member
	values    Values
	variables []variable
	parts     []any       // what actions gave, and text between them
	read      []value.Var // by name, each once
	work      int
}

type variable struct {
	name  string
	value any
}

// scope is what dot is: the root, or a value.
type scope struct {
	root bool
	dot  any
}

// text is a part of the output that the template's author wrote.
type text string

func (e *evaluator) fail(node parse.Node, format string, args ...any) error {
	return e.member.errorAt(start(node), OfValue, fmt.Errorf(format, args...))
}

// result puts the parts together. In quotes they make a string; outside, a
// value keeps its type. A private key is never put together with anything.
func (e *evaluator) result() (any, error) {
	var b strings.Builder
	var whole any
	values := 0
	for _, part := range e.parts {
		switch part := part.(type) {
		case text:
			b.WriteString(string(part))
		default:
			values++
			whole = part
			s, _ := format(part)
			b.WriteString(s)
		}
		if b.Len() > maxValue {
			return nil, e.member.Error(fmt.Errorf("is larger than %d bytes", maxValue))
		}
	}
	joined := b.String()
	_, secret := whole.(value.Secret)
	alone := values == 1 && e.textIsBlank()
	switch {
	case alone && (secret || !e.member.quoted):
		return whole, nil
	case slices.ContainsFunc(e.parts, func(part any) bool { _, ok := part.(value.Secret); return ok }):
		return nil, e.member.Error(errors.New("holds a private key among other text: a key can only be the whole of client_key"))
	case !utf8.ValidString(joined):
		return nil, e.member.Error(errors.New("is not valid UTF-8: a function has cut a character"))
	case e.member.quoted:
		return joined, nil
	}
	switch strings.TrimSpace(joined) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return nil, e.member.Error(errors.New("outside quotes only one action, or true or false, can be the value: put quotes around the whole of it"))
}

func (e *evaluator) textIsBlank() bool {
	return !slices.ContainsFunc(e.parts, func(part any) bool {
		t, ok := part.(text)
		return ok && strings.TrimSpace(string(t)) != ""
	})
}

func (e *evaluator) list(list *parse.ListNode, s scope) error {
	if list == nil {
		return nil
	}
	var errs []error
	for _, node := range list.Nodes {
		if e.exhausted() {
			break
		}
		switch n := node.(type) {
		case *parse.TextNode:
			e.parts = append(e.parts, text(n.Text))
		case *parse.ActionNode:
			err := e.action(n, s)
			errs = append(errs, err)
			if err != nil && len(n.Pipe.Decl) > 0 {
				return errors.Join(errs...) // what follows would miss the variable
			}
		case *parse.IfNode:
			errs = append(errs, e.branch(&n.BranchNode, s, func(any) scope { return s }))
		case *parse.WithNode:
			errs = append(errs, e.branch(&n.BranchNode, s, func(v any) scope { return scope{dot: v} }))
		}
	}
	return errors.Join(errs...)
}

func (e *evaluator) action(n *parse.ActionNode, s scope) error {
	v, err := e.pipe(n.Pipe, s)
	if err != nil || len(n.Pipe.Decl) > 0 {
		return err
	}
	switch v := v.(type) {
	case unset:
		return e.fail(n.Pipe, "%w", &v.NotSetError)
	case value.Secret:
	default:
		if _, ok := format(v); !ok {
			return e.fail(n.Pipe, "gives %s: only a string, a number, true or false can stand in a connection.json", kindOf(v))
		}
	}
	e.parts = append(e.parts, v)
	return nil
}

func (e *evaluator) branch(n *parse.BranchNode, s scope, inside func(v any) scope) error {
	outer := len(e.variables)
	defer func() { e.variables = e.variables[:outer] }()
	v, err := e.pipe(n.Pipe, s)
	if err != nil {
		return err
	}
	if truth(v) {
		return e.list(n.List, inside(v))
	}
	return e.list(n.ElseList, s)
}

// pipe evaluates a pipeline; each result is the last argument of the next command.
func (e *evaluator) pipe(pipe *parse.PipeNode, s scope) (v any, err error) {
	for i, command := range pipe.Cmds {
		var piped []any
		if i > 0 {
			piped = []any{v}
		}
		if v, err = e.command(command, piped, s); err != nil {
			return nil, err
		}
	}
	for _, declared := range pipe.Decl {
		e.set(declared.Ident[0], v, pipe.IsAssign)
	}
	return v, nil
}

func (e *evaluator) set(name string, v any, assign bool) {
	if assign {
		for i := len(e.variables) - 1; i >= 0; i-- {
			if e.variables[i].name == name {
				e.variables[i].value = v
				return
			}
		}
	}
	e.variables = append(e.variables, variable{name, v})
}

func (e *evaluator) command(command *parse.CommandNode, piped []any, s scope) (any, error) {
	if id, ok := command.Args[0].(*parse.IdentifierNode); ok {
		return e.call(id, command.Args[1:], piped, s)
	}
	return e.operand(command.Args[0], s)
}

func (e *evaluator) operand(node parse.Node, s scope) (any, error) {
	switch n := node.(type) {
	case *parse.StringNode:
		return n.Text, nil
	case *parse.BoolNode:
		return n.True, nil
	case *parse.NumberNode:
		if n.IsInt {
			return n.Int64, nil
		}
		return n.Float64, nil
	case *parse.DotNode:
		return s.dot, nil
	case *parse.PipeNode:
		return e.pipe(n, s)
	case *parse.IdentifierNode:
		return e.call(n, nil, nil, s)
	case *parse.FieldNode:
		if s.root {
			return e.root(n, n.Ident)
		}
		return e.path(n, s.dot, n.Ident)
	case *parse.VariableNode:
		if n.Ident[0] == "$" {
			return e.root(n, n.Ident[1:])
		}
		return e.path(n, e.variable(n.Ident[0]), n.Ident[1:])
	case *parse.ChainNode:
		v, err := e.operand(n.Node, s)
		if err != nil {
			return nil, err
		}
		return e.path(n, v, n.Field)
	}
	return nil, e.fail(node, "%s is not part of this language", node)
}

func (e *evaluator) variable(name string) any {
	for i := len(e.variables) - 1; i >= 0; i-- {
		if e.variables[i].name == name {
			return e.variables[i].value
		}
	}
	return nil
}

// root finds a path from the root.
func (e *evaluator) root(node parse.Node, path []string) (any, error) {
	found, ok := e.values.Root[path[0]]
	if !ok && path[0] == "Env" {
		return e.environment(node, path[1:])
	}
	if !ok {
		return nil, e.fail(node, "%w", e.values.Unknown(path[0]))
	}
	path, name := path[1:], path[0]
	if group, ok := found.(value.Group); ok {
		if len(path) == 0 {
			return nil, e.fail(node, ".%s is a group of values: name one of them, such as .%s.%s", name, name, firstName(group))
		}
		if found, ok = group[path[0]]; !ok {
			return nil, e.fail(node, "there is no .%s.%s%s", name, path[0], nearest.DidYouMean(path[0], "."+name+".", slices.Collect(maps.Keys(group))))
		}
		path = path[1:]
	}
	return e.path(node, e.use(found.(value.Var)), path)
}

func firstName(group value.Group) string {
	return slices.Min(slices.Collect(maps.Keys(group)))
}

// environment is .Env.NAME, which must be set.
func (e *evaluator) environment(node parse.Node, path []string) (any, error) {
	found, err := e.values.Env(path[0])
	if err != nil {
		return nil, e.fail(node, "%w", err)
	}
	v := e.use(found)
	if missing, ok := v.(unset); ok {
		return nil, e.fail(node, "%w", &missing.NotSetError)
	}
	return e.path(node, v, path[1:])
}

// use notes that a variable was read, and returns its value.
func (e *evaluator) use(v value.Var) any {
	if !slices.ContainsFunc(e.read, func(read value.Var) bool { return read.Name == v.Name }) {
		e.read = append(e.read, v)
	}
	if v.Value == nil {
		return unset{NotSetError{v}}
	}
	return v.Value
}

// sources are the names of the variables that were read: of those that are set,
// if any is, because the result was made of these.
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

// path follows keys into an object.
func (e *evaluator) path(node parse.Node, v any, path []string) (any, error) {
	for _, key := range path {
		object, ok := v.(map[string]any)
		if missing, isUnset := v.(unset); isUnset {
			return nil, e.fail(node, "%w", &missing.NotSetError)
		}
		if !ok {
			return nil, e.fail(node, "%s: %s has no .%s", node, kindOf(v), key)
		}
		if v, ok = object[key]; !ok {
			return nil, e.fail(node, "%s: there is no .%s in it", node, key)
		}
	}
	return v, nil
}

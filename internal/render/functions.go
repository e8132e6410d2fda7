package render

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"text/template"

	"github.com/Masterminds/sprig/v3"

	"ccaas-template-builder/pkg/environ"
)

// function is a function of the language. Functions have no side effects, their results do not
// depend on the day or the machine, and the size of each result is limited before it is computed.
type function struct {
	min, max int // number of arguments
	// call computes the result. It is nil if the evaluator does so itself.
	call func(args []any) (any, error)
	// size returns the maximum size of the result, in bytes. It is nil if the size of the result
	// is at most proportional to the size of the arguments.
	size func(args []any) int
	// constant: the first argument must be a string literal, so that it may appear in an error or
	// in a list. variable: the first argument is the name of a variable.
	constant, variable bool
	// chooses: the function only tests its arguments or returns one of them, so they may be unset
	// or private keys.
	chooses bool
	// lazy: arguments after the deciding one are not evaluated.
	lazy bool
	// opens: the function returns an element of its first argument, which may contain private keys.
	opens bool
}

const many = math.MaxInt // the max of a function that takes any number of arguments

func (f *function) arity() string {
	switch {
	case f.max == many:
		return fmt.Sprintf("%d or more arguments", f.min)
	case f.min == f.max && f.min == 1:
		return "1 argument"
	case f.min == f.max:
		return fmt.Sprintf("%d arguments", f.min)
	}
	return fmt.Sprintf("%d to %d arguments", f.min, f.max)
}

// fromSprig lists the functions taken from sprig, by their names in sprig. Each was reviewed before
// it was added: it is pure, bounded and useful for an address.
var fromSprig = []string{
	"add", "add1", "atoi", "b64enc", "cat", "contains", "div", "first",
	"hasPrefix", "hasSuffix", "int", "join", "kebabcase", "last", "list",
	"lower", "max", "min", "mod", "mul", "nospace", "replace", "sha256sum",
	"snakecase", "splitList", "sub", "substr", "toString", "trim", "trimPrefix",
	"trimSuffix", "trunc", "upper",
}

// functions returns all functions of the language, keyed by name.
var functions = sync.OnceValue(func() map[string]*function {
	table := map[string]*function{
		// The environment.
		"env":      {min: 1, max: 1, constant: true, variable: true},
		"envFile":  {min: 1, max: 1, constant: true, variable: true},
		"required": {min: 2, max: 2, constant: true, chooses: true, call: required},
		// As in Go's templates.
		"and":      {min: 1, max: many, chooses: true, lazy: true},
		"or":       {min: 1, max: many, chooses: true, lazy: true},
		"not":      {min: 1, max: 1, chooses: true, call: func(a []any) (any, error) { return !truth(a[0]), nil }},
		"eq":       {min: 2, max: many, call: equal},
		"ne":       {min: 2, max: 2, call: negated(equal)},
		"lt":       {min: 2, max: 2, call: less},
		"ge":       {min: 2, max: 2, call: negated(less)},
		"gt":       {min: 2, max: 2, call: func(a []any) (any, error) { return less([]any{a[1], a[0]}) }},
		"le":       {min: 2, max: 2, call: negated(func(a []any) (any, error) { return less([]any{a[1], a[0]}) })},
		"len":      {min: 1, max: 1, call: length},
		"index":    {min: 2, max: many, opens: true, call: index},
		"slice":    {min: 1, max: 3, call: slice},
		"print":    ofScalars(fmt.Sprint),
		"println":  ofScalars(fmt.Sprintln),
		"html":     ofScalars(template.HTMLEscaper),
		"js":       ofScalars(template.JSEscaper),
		"urlquery": ofScalars(template.URLQueryEscaper),
		"printf":   {min: 1, max: many, constant: true, call: printf, size: printfSize},
		// As in sprig, but unset values are accepted.
		"coalesce": {min: 1, max: many, chooses: true, call: coalesce},
		"default":  {min: 2, max: 2, chooses: true, call: func(a []any) (any, error) { return coalesce([]any{a[1], a[0]}) }},
		"empty":    {min: 1, max: 1, chooses: true, call: func(a []any) (any, error) { return !truth(a[0]), nil }},
		"ternary":  {min: 3, max: 3, chooses: true, call: ternary},
	}
	theirs := sprig.GenericFuncMap()
	for _, name := range fromSprig {
		table[name] = adapt(theirs[name])
	}
	table["replace"].size = replaceSize
	table["join"].size = joinSize
	return table
})

// Functions returns the sorted names of all functions of the language.
func Functions() []string {
	return slices.Sorted(maps.Keys(functions()))
}

// adapt turns a Go function into a function of the language.
func adapt(fn any) *function {
	v := reflect.ValueOf(fn)
	t := v.Type()
	f := &function{min: t.NumIn(), max: t.NumIn()}
	if t.IsVariadic() {
		f.min, f.max = t.NumIn()-1, many
	}
	f.call = func(args []any) (result any, err error) {
		in := make([]reflect.Value, len(args))
		for i, arg := range args {
			want := t.In(min(i, t.NumIn()-1))
			if t.IsVariadic() && i >= t.NumIn()-1 {
				want = want.Elem()
			}
			if in[i], err = argument(arg, want); err != nil {
				return nil, fmt.Errorf("argument %d %w", i+1, err)
			}
		}
		defer func() { // without the text of the panic, which may contain a value
			if recover() != nil {
				err = errors.New("cannot work with these arguments")
			}
		}()
		return fromGo(v.Call(in)[0].Interface())
	}
	return f
}

// argument converts a value of the language to the type that a Go function takes.
func argument(v any, want reflect.Type) (reflect.Value, error) {
	switch got := reflect.ValueOf(v); {
	case !got.IsValid():
	case got.Type().AssignableTo(want):
		return got, nil
	case want.Kind() == reflect.Int && got.Kind() == reflect.Int64:
		return got.Convert(want), nil
	}
	return reflect.Value{}, fmt.Errorf("is %s, not %s", kindOf(v), kindOf(reflect.Zero(want).Interface()))
}

// fromGo converts the result of a Go function to a value of the language.
func fromGo(v any) (any, error) {
	switch v := v.(type) {
	case string, bool, int64, float64, []any, map[string]any, environ.Secret:
		return v, nil
	case int:
		return int64(v), nil
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return list, nil
	}
	return nil, errors.New("has no result for these arguments")
}

// kindOf names the kind of a value for an error.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case bool:
		return "true or false"
	case int, int64, float64:
		return "a number"
	case []any, []string:
		return "a list"
	case map[string]any:
		return "an object"
	case environ.Secret:
		return "a private key"
	}
	return "no value"
}

// truth reports whether if treats a value as true: false, 0, unset and empty values are false.
func truth(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return v != ""
	case int64:
		return v != 0
	case float64:
		return v != 0
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	case environ.Secret:
		return true
	}
	return false
}

func required(args []any) (any, error) {
	if !truth(args[1]) {
		return nil, errors.New(args[0].(string))
	}
	return args[1], nil
}

// coalesce returns the first argument that is not empty, or else the last.
func coalesce(args []any) (any, error) {
	for _, arg := range args {
		if truth(arg) {
			return arg, nil
		}
	}
	return args[len(args)-1], nil
}

func ternary(args []any) (any, error) {
	yes, ok := args[2].(bool)
	if !ok {
		return nil, fmt.Errorf("argument 3 is %s, not true or false", kindOf(args[2]))
	}
	if yes {
		return args[0], nil
	}
	return args[1], nil
}

func negated(call func([]any) (any, error)) func([]any) (any, error) {
	return func(args []any) (any, error) {
		v, err := call(args)
		if err != nil {
			return nil, err
		}
		return !v.(bool), nil
	}
}

// equal reports whether the first argument equals any of the others.
func equal(args []any) (any, error) {
	for _, other := range args[1:] {
		a, b := comparable(args[0], other)
		if a == nil {
			return nil, fmt.Errorf("cannot compare %s and %s", kindOf(args[0]), kindOf(other))
		}
		if a == b {
			return true, nil
		}
	}
	return false, nil
}

// comparable converts two scalars of the same kind to the same type. It returns nil for other values.
func comparable(a, b any) (any, any) {
	if x, ok := a.(int64); ok {
		if _, ok := b.(float64); ok {
			a = float64(x)
		}
	} else if y, ok := b.(int64); ok {
		if _, ok := a.(float64); ok {
			b = float64(y)
		}
	}
	switch a.(type) {
	case string, bool, int64, float64:
		if reflect.TypeOf(a) == reflect.TypeOf(b) {
			return a, b
		}
	}
	return nil, nil
}

func less(args []any) (any, error) {
	a, b := comparable(args[0], args[1])
	switch a := a.(type) {
	case string:
		return a < b.(string), nil
	case int64:
		return a < b.(int64), nil
	case float64:
		return a < b.(float64), nil
	}
	return nil, fmt.Errorf("cannot order %s and %s", kindOf(args[0]), kindOf(args[1]))
}

func length(args []any) (any, error) {
	switch v := args[0].(type) {
	case string:
		return int64(len(v)), nil
	case []any:
		return int64(len(v)), nil
	case map[string]any:
		return int64(len(v)), nil
	}
	return nil, fmt.Errorf("argument 1 is %s, which has no length", kindOf(args[0]))
}

// index returns args[0][args[1]][args[2]]….
func index(args []any) (any, error) {
	v := args[0]
	for _, key := range args[1:] {
		switch container := v.(type) {
		case map[string]any:
			name, ok := key.(string)
			if !ok {
				return nil, fmt.Errorf("an object cannot have %s as a key", kindOf(key))
			}
			if v, ok = container[name]; !ok {
				return nil, errors.New("the object has no such key")
			}
		case []any:
			i, ok := key.(int64)
			if !ok || i < 0 || i >= int64(len(container)) {
				return nil, errors.New("the list has no such element")
			}
			v = container[i]
		default:
			return nil, fmt.Errorf("%s has no elements", kindOf(v))
		}
	}
	return v, nil
}

// slice returns args[0][args[1]:args[2]].
func slice(args []any) (any, error) {
	text, ok := args[0].(string)
	list, isList := args[0].([]any)
	if !ok && !isList {
		return nil, fmt.Errorf("%s cannot be sliced", kindOf(args[0]))
	}
	from, to := 0, len(text)+len(list)
	for i, bound := range []*int{&from, &to}[:len(args)-1] {
		n, ok := args[i+1].(int64)
		if !ok || n < 0 || n > int64(len(text)+len(list)) {
			return nil, fmt.Errorf("argument %d is out of range", i+2)
		}
		*bound = int(n)
	}
	if from > to {
		return nil, errors.New("argument 2 is larger than argument 3")
	}
	if isList {
		return list[from:to], nil
	}
	return text[from:to], nil
}

// ofScalars returns a function that formats scalars with fn.
func ofScalars(fn func(...any) string) *function {
	return &function{min: 1, max: many, call: func(args []any) (any, error) {
		for i, arg := range args {
			if _, ok := format(arg); !ok {
				return nil, fmt.Errorf("argument %d is %s, not text", i+1, kindOf(arg))
			}
		}
		return fn(args...), nil
	}}
}

// replaceSize returns the maximum size of the result of replace OLD NEW TEXT.
func replaceSize(args []any) int {
	old, _ := args[0].(string)
	with, _ := args[1].(string)
	text, _ := args[2].(string)
	return len(text) + strings.Count(text, old)*len(with)
}

// joinSize returns the maximum size of the result of join SEPARATOR LIST.
func joinSize(args []any) int {
	separator, _ := args[0].(string)
	list, _ := args[1].([]any)
	return sizeOf(args[1]) + len(list)*len(separator)
}

// sizeOf returns the approximate size of a value, in bytes.
func sizeOf(v any) int {
	const word = 16
	size := word
	switch v := v.(type) {
	case string:
		size += len(v)
	case []any:
		for _, element := range v {
			size += sizeOf(element)
		}
	case map[string]any:
		for key, element := range v {
			size += len(key) + sizeOf(element)
		}
	}
	return size
}

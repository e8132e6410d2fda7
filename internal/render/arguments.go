package render

import (
	"text/template/parse"

	"ccaas-template-builder/internal/nearest"
)

// arguments converts the arguments of a function. The first two arguments of index . "key" are
// converted to a single path: templates read keys in this way if .key cannot express them.
func (c *converter) arguments(id *parse.IdentifierNode, nodes []parse.Node, piped bool) []expression {
	if id.Ident == "index" && !piped && len(nodes) > 0 && c.isRoot(nodes[0]) {
		if key, ok := constant(nodes[1:]); ok {
			keys := []string{key}
			c.checkRoot(nodes[0], keys)
			return append([]expression{&path{start(id), nil, keys, id}}, c.operands(nodes[2:])...)
		}
	}
	return c.operands(nodes)
}

// function returns the function that id names, and checks that it can be called with args.
func (c *converter) function(id *parse.IdentifierNode, args []parse.Node, piped bool) *function {
	f := functions()[id.Ident]
	if f == nil {
		c.fail(id, "there is no function %q%s", id.Ident, nearest.DidYouMean(id.Ident, "", Functions()))
		return &function{}
	}
	n := len(args)
	if piped {
		n++
	}
	first, isConstant := constant(args)
	switch {
	case n < f.min || n > f.max:
		c.fail(id, "%s takes %s, not %d", id.Ident, f.arity(), n)
	case f.variable && !isConstant:
		c.fail(id, "%s takes the name of a variable in quotes, so that what a package reads can be listed", id.Ident)
	case f.constant && !isConstant:
		c.fail(id, "%s takes its first argument in quotes, because an error may show it", id.Ident)
	case f.variable:
		c.checkName(args[0], first)
	}
	return f
}

// constant returns the first of nodes if it is a string literal.
func constant(nodes []parse.Node) (string, bool) {
	if len(nodes) > 0 {
		if s, ok := nodes[0].(*parse.StringNode); ok {
			return s.Text, true
		}
	}
	return "", false
}

// maxName is the maximum length of a variable name, in bytes. It is also the maximum length of a
// file name: a file with the variable's name may hold the value.
const maxName = 255

// checkName rejects a name that an environment variable cannot have.
func (c *converter) checkName(node parse.Node, name string) {
	switch {
	case !validName(name):
		c.fail(node, "%q is not a valid variable name: use letters, digits and _", name)
	case len(name) > maxName:
		c.fail(node, "the name of a variable is longer than %d bytes", maxName)
	}
}

// validName reports whether name can be the name of an environment variable:
// letters, digits and _, not beginning with a digit.
func validName(name string) bool {
	for i, r := range name {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

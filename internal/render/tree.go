package render

import (
	"fmt"
	"text/template/parse"
)

// A template is a list. Only the converter makes lists, and it checks them. Code that walks the tree
// can rely on this: every function exists and gets the right number of arguments, and every path from
// the root has a key.
type (
	// list holds text, *branch and, for each other action, *pipe.
	list []any

	// text is what the author wrote around the actions.
	text string

	// branch is an if or a with.
	branch struct {
		with            bool // inside then, dot is the value of the condition
		condition       *pipe
		then, otherwise list
	}

	// expression is anything with a value: a constant (string, bool, int64 or
	// float64), a variable, *path, *lookup, *call or *pipe.
	expression any

	// pipe is a pipeline: the value of each stage becomes the last argument of
	// the next, which is a *call.
	pipe struct {
		at     int // offset in the template, here and below
		stages []expression
		sets   variable // variable that receives the value, or ""
		assign bool     // sets is assigned, not declared
	}

	// variable is the name of a variable including its $, or "." for the value of the enclosing with.
	variable string

	// path follows keys from a value.
	path struct {
		at      int
		from    expression // nil for the root, in which case keys is not empty
		keys    []string
		written fmt.Stringer // for errors
	}

	// lookup is a call of env or envFile.
	lookup struct {
		at   int
		file bool
		name string
	}

	// call is a call of any other function.
	call struct {
		at   int
		name string
		args []expression
		*function
	}
)

// converter turns the parser's tree into ours. It collects an error for everything that could never
// be rendered. If there are errors, the tree is unusable.
type converter struct {
	member *Member
	depth  int  // of blocks and parentheses
	inWith bool // dot is a value, not the root
	errs   []error
}

func (c *converter) fail(node parse.Node, format string, args ...any) {
	c.errs = append(c.errs, c.member.errorAt(start(node), OfLanguage, fmt.Errorf(format, args...)))
}

// start returns the offset of a node in its template. For a path of several parts, such as .Peer.ID,
// the parser reports the position of the second part.
func start(node parse.Node) int {
	at := int(node.Position())
	switch n := node.(type) {
	case *parse.FieldNode:
		if len(n.Ident) > 1 {
			at -= len(".") + len(n.Ident[0])
		}
	case *parse.VariableNode:
		if len(n.Ident) > 1 {
			at -= len(n.Ident[0])
		}
	}
	return at
}

func (c *converter) list(nodes *parse.ListNode) list {
	if nodes == nil {
		return nil
	}
	converted := make(list, 0, len(nodes.Nodes))
	for _, node := range nodes.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			converted = append(converted, text(n.Text))
		case *parse.ActionNode:
			converted = append(converted, c.pipe(n.Pipe))
		case *parse.IfNode:
			converted = append(converted, c.branch(&n.BranchNode, false))
		case *parse.WithNode:
			converted = append(converted, c.branch(&n.BranchNode, true))
		default:
			c.fail(node, "%s is not part of this language", node)
		}
	}
	return converted
}

func (c *converter) branch(n *parse.BranchNode, with bool) *branch {
	b := &branch{with: with, condition: c.pipe(n.Pipe)}
	outside := c.inWith
	c.depth++
	c.inWith = outside || with
	b.then = c.list(n.List)
	c.inWith = outside
	b.otherwise = c.list(n.ElseList)
	c.depth--
	return b
}

func (c *converter) pipe(n *parse.PipeNode) *pipe {
	c.depth++
	defer func() { c.depth-- }()
	if c.depth > maxNesting {
		c.fail(n, "blocks or parentheses nest deeper than %d", maxNesting)
		return nil
	}
	p := &pipe{at: start(n), stages: make([]expression, len(n.Cmds)), assign: n.IsAssign}
	for i, command := range n.Cmds {
		p.stages[i] = c.command(command, i > 0)
	}
	for _, declared := range n.Decl { // at most one: only range can declare two
		p.sets = variable(declared.Ident[0])
	}
	return p
}

func (c *converter) command(n *parse.CommandNode, piped bool) expression {
	first, args := n.Args[0], n.Args[1:]
	if id, ok := first.(*parse.IdentifierNode); ok {
		return c.call(id, args, piped)
	}
	if piped || len(args) > 0 {
		c.fail(first, "%s is not a function, so it takes no argument", first)
	}
	return c.operands(n.Args)[0]
}

func (c *converter) operands(nodes []parse.Node) []expression {
	converted := make([]expression, len(nodes))
	for i, node := range nodes {
		converted[i] = c.operand(node)
	}
	return converted
}

func (c *converter) operand(node parse.Node) expression {
	switch n := node.(type) {
	case *parse.StringNode:
		return n.Text
	case *parse.BoolNode:
		return n.True
	case *parse.NumberNode:
		switch {
		case n.IsInt:
			return n.Int64
		case n.IsFloat:
			return n.Float64
		}
		c.fail(n, "%s is not a usable number", n)
	case *parse.NilNode:
		c.fail(n, "nil is not a value")
	case *parse.DotNode:
		return c.path(n, c.named("."), nil)
	case *parse.FieldNode:
		return c.path(n, c.named("."), n.Ident)
	case *parse.VariableNode:
		return c.path(n, c.named(n.Ident[0]), n.Ident[1:])
	case *parse.ChainNode:
		return c.path(n, c.operand(n.Node), n.Field)
	case *parse.PipeNode:
		return c.pipe(n)
	case *parse.IdentifierNode:
		return c.call(n, nil, false)
	default:
		c.fail(n, "%s is not part of this language", n)
	}
	return nil
}

// named returns the variable with this name, which may be dot, or nil for the root.
func (c *converter) named(name string) expression {
	if name == "$" || name == "." && !c.inWith {
		return nil
	}
	return variable(name)
}

// isRoot reports whether a node is the root itself, not in parentheses.
func (c *converter) isRoot(node parse.Node) bool {
	switch node.(type) {
	case *parse.DotNode, *parse.VariableNode:
		return c.named(node.String()) == nil
	}
	return false
}

func (c *converter) path(node parse.Node, from expression, keys []string) expression {
	if from == nil {
		c.checkRoot(node, keys)
	} else if len(keys) == 0 {
		return from
	}
	return &path{start(node), from, keys, node}
}

// checkRoot rejects a path that cannot lead from the root to a value.
func (c *converter) checkRoot(node parse.Node, keys []string) {
	switch {
	case len(keys) == 0:
		c.fail(node, "%s is everything there is, not a value: name the value you want, such as .Address", node)
	case keys[0] != "Env":
	case len(keys) == 1:
		c.fail(node, "%s is the whole environment, not a value: name the variable you want, such as .Env.NAME", node)
	default:
		c.checkName(node, keys[1])
	}
}

func (c *converter) call(id *parse.IdentifierNode, nodes []parse.Node, piped bool) expression {
	f := c.function(id, nodes, piped)
	args := c.arguments(id, nodes, piped)
	switch {
	case f.variable:
		name, _ := constant(nodes)
		return &lookup{start(id), id.Ident == "envFile", name}
	case id.Ident == "index" && !piped && len(args) == 1:
		return args[0] // index . "key" without further keys
	}
	return &call{start(id), id.Ident, args, f}
}

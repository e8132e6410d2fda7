package render

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"text/template/parse"

	"ccaas-template-builder/internal/nearest"
)

// maxNesting bounds how deep blocks and parentheses may nest.
const maxNesting = 32

// compile parses the member's template and checks it against the language.
func (m *Member) compile() error {
	if m.literal != nil {
		return nil
	}
	actions, err := m.actions()
	if err != nil {
		return err
	}
	m.tree, err = m.parse(m.text)
	if err != nil {
		return m.parseError(actions, err)
	}
	c := checker{member: m}
	c.list(m.tree.Root, true, 0)
	if len(c.errs) > 0 {
		m.tree = nil // what reads it relies on what was checked
	}
	return errors.Join(c.errs...)
}

// templateName is what the parser calls a template in its messages.
const templateName = "value"

func (m *Member) parse(text string) (*parse.Tree, error) {
	tree := parse.New(templateName)
	tree.Mode = parse.ParseComments | parse.SkipFuncCheck
	return tree.Parse(text, "", "", map[string]*parse.Tree{})
}

// actions finds the actions of the template, and refuses those the language
// has not and nesting that is too deep, before a parser has to follow it.
func (m *Member) actions() (actions []action, err error) {
	depth := 0
	for at := 0; ; {
		next := strings.Index(m.text[at:], "{{")
		if next < 0 {
			return actions, nil
		}
		a, err := scanAction(m.text, at+next)
		if err != nil {
			return nil, m.errorAt(a.start, OfTemplate, err)
		}
		switch a.keyword {
		case "range", "define", "template", "block", "break", "continue":
			return nil, m.errorAt(a.start, OfLanguage, fmt.Errorf("{{ %s }} is not part of this language, in which every template ends: it has if, else, with and functions", a.keyword))
		}
		depth += a.opens()
		if depth > maxNesting || a.parens > maxNesting {
			return nil, m.errorAt(a.start, OfLanguage, fmt.Errorf("blocks or parentheses nest deeper than %d", maxNesting))
		}
		actions = append(actions, a)
		at = a.end
	}
}

// parseError places an error of the template parser, which knows lines only:
// its action is the first with which the text up to there fails alike.
func (m *Member) parseError(actions []action, err error) error {
	if unfinished(err) {
		return m.errorAt(lastOpen(actions), OfTemplate, errors.New("the block that begins here is not closed by {{ end }}"))
	}
	failing := sort.Search(len(actions), func(i int) bool {
		_, err := m.parse(m.text[:actions[i].end])
		return err != nil && !unfinished(err)
	})
	at := 0
	if failing < len(actions) {
		at = actions[failing].start
	}
	message := err.Error()
	if _, after, ok := strings.Cut(strings.TrimPrefix(message, "template: "+templateName+":"), ": "); ok {
		message = after // behind the line, which is that of the value and not of the file
	}
	return m.errorAt(at, OfTemplate, errors.New(message))
}

func unfinished(err error) bool { return strings.HasSuffix(err.Error(), "unexpected EOF") }

// lastOpen is the start of the innermost block that is not closed.
func lastOpen(actions []action) int {
	open := []int{0}
	for _, a := range actions {
		switch a.opens() {
		case 1:
			open = append(open, a.start)
		case -1:
			open = open[:max(1, len(open)-1)]
		}
	}
	return open[len(open)-1]
}

// checker finds all in a template that could never be rendered.
type checker struct {
	member *Member
	errs   []error
}

func (c *checker) fail(node parse.Node, format string, args ...any) {
	c.errs = append(c.errs, c.member.errorAt(start(node), OfLanguage, fmt.Errorf(format, args...)))
}

// start is the offset of a node in its template. The parser places a path with
// several parts, such as .Peer.ID, at the second.
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

// list checks a list of nodes; root tells whether dot is the root there.
func (c *checker) list(list *parse.ListNode, root bool, depth int) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.TextNode, *parse.CommentNode:
		case *parse.ActionNode:
			c.pipe(n.Pipe, root, depth+1)
		case *parse.IfNode:
			c.branch(&n.BranchNode, root, root, depth+1)
		case *parse.WithNode:
			c.branch(&n.BranchNode, root, false, depth+1)
		default:
			c.fail(node, "%s is not part of this language", node)
		}
	}
}

func (c *checker) branch(n *parse.BranchNode, root, inside bool, depth int) {
	c.pipe(n.Pipe, root, depth)
	c.list(n.List, inside, depth)
	c.list(n.ElseList, root, depth)
}

func (c *checker) pipe(pipe *parse.PipeNode, root bool, depth int) {
	if depth > maxNesting {
		c.fail(pipe, "blocks or parentheses nest deeper than %d", maxNesting)
		return
	}
	for i, command := range pipe.Cmds {
		c.command(command, i > 0, root, depth)
	}
}

func (c *checker) command(command *parse.CommandNode, piped, root bool, depth int) {
	first, args := command.Args[0], command.Args[1:]
	if id, ok := first.(*parse.IdentifierNode); ok {
		c.call(id, args, piped, root)
	} else if len(args) > 0 || piped {
		c.fail(first, "%s is not a function, so it takes no argument", first)
	}
	for i, arg := range command.Args {
		if i == 1 && isFunction(first, "index") && isRoot(arg, root) && len(args) > 1 && !piped {
			if key, ok := constant(args[1:]); ok {
				c.field(arg, []string{key})
				continue // index . "key"
			}
		}
		c.operand(arg, i == 0, root, depth)
	}
}

// isRoot tells whether node is the root itself, . or $.
func isRoot(node parse.Node, root bool) bool {
	if v, ok := node.(*parse.VariableNode); ok {
		return len(v.Ident) == 1 && v.Ident[0] == "$"
	}
	return root && node.Type() == parse.NodeDot
}

func (c *checker) call(id *parse.IdentifierNode, args []parse.Node, piped, root bool) {
	f, ok := functions()[id.Ident]
	if !ok {
		c.fail(id, "there is no function %q%s", id.Ident, nearest.DidYouMean(id.Ident, "", Functions()))
		return
	}
	n := len(args)
	if piped {
		n++
	}
	if n < f.min || f.max >= 0 && n > f.max {
		c.fail(id, "%s takes %s, not %d", id.Ident, f.arity(), n)
		return
	}
	first, ok := constant(args)
	switch {
	case f.variable && !ok:
		c.fail(id, `%s takes the name of a variable in quotes, so that what a package reads can be listed`, id.Ident)
	case f.constant && !ok:
		c.fail(id, `%s takes its first argument in quotes, because an error may show it`, id.Ident)
	case f.variable && !validName(first):
		c.fail(args[0], "%q cannot be the name of a variable: letters, digits and _", first)
	}
}

// constant returns the first of args where it is a string in quotes.
func constant(args []parse.Node) (string, bool) {
	if len(args) == 0 {
		return "", false
	}
	s, ok := args[0].(*parse.StringNode)
	if !ok {
		return "", false
	}
	return s.Text, true
}

func (c *checker) operand(node parse.Node, command, root bool, depth int) {
	switch n := node.(type) {
	case *parse.IdentifierNode:
		if !command {
			c.call(n, nil, false, root)
		}
	case *parse.PipeNode:
		c.pipe(n, root, depth+1)
	case *parse.ChainNode:
		c.operand(n.Node, false, root, depth)
	case *parse.FieldNode:
		if root {
			c.field(n, n.Ident)
		}
	case *parse.VariableNode:
		if n.Ident[0] == "$" {
			c.field(n, n.Ident[1:])
		}
	case *parse.DotNode:
		if root {
			c.field(n, nil)
		}
	case *parse.NilNode:
		c.fail(n, "nil is no value")
	case *parse.NumberNode:
		if !n.IsInt && !n.IsFloat {
			c.fail(n, "%s is no number that could be used", n)
		}
	}
}

// field checks a path from the root.
func (c *checker) field(node parse.Node, path []string) {
	switch {
	case len(path) == 0:
		c.fail(node, "%s is everything there is, not a value: name what you want of it, such as .Address", node)
	case path[0] != "Env":
	case len(path) == 1:
		c.fail(node, "%s is all of the environment, not a value: name what you want of it, such as .Env.NAME", node)
	case !validName(path[1]):
		c.fail(node, "%q cannot be the name of a variable: letters, digits and _", path[1])
	}
}

// validName tells whether name may be an environment variable's: letters,
// digits and _, not beginning with a digit.
func validName(name string) bool {
	for i, r := range name {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// Functions are the names of the language's functions, sorted.
func Functions() []string {
	return slices.Sorted(maps.Keys(functions()))
}

package render

import (
	"strings"
	"text/template/parse"
)

// Read is a variable that a template reads.
type Read struct {
	// Path is what the template has, without the first dot: Address, Peer.ID,
	// Env.NAME for env as well, EnvFile.NAME for envFile, or a key of its own.
	Path string
	// Required tells whether the member cannot be rendered without it.
	Required bool
	// Always tells whether it is read whenever the member is rendered.
	Always bool
}

// Reads lists the variables that the member may read, in the order in which
// they first stand there, each once: required, if any of its places needs it.
// The list is complete: the language has no other way to a variable.
func (m *Member) Reads() []Read {
	if m.tree == nil { // it has no actions, or none that could be read
		return nil
	}
	r := reader{declared: map[string]string{}}
	r.list(m.tree.Root, true, true)
	return r.reads
}

type reader struct {
	reads    []Read
	declared map[string]string // the path that each variable of the template stands for; empty if not just one
}

func (r *reader) add(path string, required, always bool) {
	for i := range r.reads {
		if r.reads[i].Path == path {
			r.reads[i].Required = r.reads[i].Required || required
			r.reads[i].Always = r.reads[i].Always || always
			return
		}
	}
	r.reads = append(r.reads, Read{path, required, always})
}

// list reads a list of nodes; always tells whether it is rendered whatever the
// values are, root whether dot is the root in it.
func (r *reader) list(list *parse.ListNode, root, always bool) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.ActionNode:
			r.pipe(n.Pipe, root, always, len(n.Pipe.Decl) == 0)
		case *parse.IfNode:
			r.pipe(n.Pipe, root, always, false)
			r.list(n.List, root, false)
			r.list(n.ElseList, root, false)
		case *parse.WithNode:
			r.pipe(n.Pipe, root, always, false)
			r.list(n.List, false, false)
			r.list(n.ElseList, root, false)
		}
	}
}

// pipe reads a pipeline; needed tells whether its result must be set.
func (r *reader) pipe(pipe *parse.PipeNode, root, always, needed bool) {
	inner := reader{declared: r.declared}
	for i, command := range pipe.Cmds {
		need, demanded := needed, false
		if i+1 < len(pipe.Cmds) { // piped into a function
			need, demanded = needs(pipe.Cmds[i+1].Args[0]), isFunction(pipe.Cmds[i+1].Args[0], "required")
		}
		inner.demand(demanded, always, func(r *reader) { r.command(command, root, always, need) })
	}
	for _, read := range inner.reads {
		r.add(read.Path, read.Required, read.Always)
	}
	for _, declared := range pipe.Decl {
		r.declare(declared.Ident[0], pipe, inner.reads)
	}
}

// declare notes what a variable stands for: a path, if it is declared once, and
// as nothing but that.
func (r *reader) declare(name string, pipe *parse.PipeNode, reads []Read) {
	_, again := r.declared[name]
	r.declared[name] = ""
	if first := pipe.Cmds[0].Args[0]; !again && len(reads) == 1 && len(pipe.Cmds) == 1 && first.Type() != parse.NodeIdentifier && first.Type() != parse.NodePipe {
		r.declared[name] = reads[0].Path
	}
}

// demand adds what read reads; where it is the argument of required and is one
// variable, that one must be set.
func (r *reader) demand(demanded, always bool, read func(*reader)) {
	inner := reader{declared: r.declared}
	read(&inner)
	for _, found := range inner.reads {
		r.add(found.Path, found.Required || demanded && always && len(inner.reads) == 1, found.Always)
	}
}

func isFunction(node parse.Node, name string) bool {
	id, ok := node.(*parse.IdentifierNode)
	return ok && id.Ident == name
}

// needs tells whether a function needs its last argument to be set.
func needs(function parse.Node) bool {
	id, ok := function.(*parse.IdentifierNode)
	return !ok || id.Ident == "required" || !functions()[id.Ident].chooses
}

func (r *reader) command(command *parse.CommandNode, root, always, needed bool) {
	first, args := command.Args[0], command.Args[1:]
	id, ok := first.(*parse.IdentifierNode)
	if !ok {
		r.operand(first, root, always, needed)
		return
	}
	switch id.Ident {
	case "env":
		name, _ := constant(args)
		r.add("Env."+name, false, always)
		return
	case "envFile":
		name, _ := constant(args)
		r.add("EnvFile."+name, always && needed, always)
		return
	case "index":
		if isRoot(args[0], root) {
			key, _ := constant(args[1:2])
			r.add(key, always, always)
			args = args[2:]
		}
	}
	for i, arg := range args {
		lazily := i > 0 && (id.Ident == "and" || id.Ident == "or")
		r.demand(id.Ident == "required", always, func(r *reader) { r.operand(arg, root, always && !lazily, needs(id)) })
	}
}

func (r *reader) operand(node parse.Node, root, always, needed bool) {
	switch n := node.(type) {
	case *parse.PipeNode:
		r.pipe(n, root, always, needed)
	case *parse.ChainNode:
		r.operand(n.Node, root, always, true)
	case *parse.IdentifierNode:
		r.command(&parse.CommandNode{Args: []parse.Node{n}}, root, always, needed)
	case *parse.FieldNode:
		if root {
			r.field(n.Ident, always, needed)
		}
	case *parse.VariableNode:
		if n.Ident[0] == "$" && len(n.Ident) > 1 {
			r.field(n.Ident[1:], always, needed)
			return
		}
		if path := r.declared[n.Ident[0]]; path != "" {
			r.add(path, always && needed && !strings.HasPrefix(path, "Env."), always)
		}
	}
}

// field reads a path from the root. A member of the environment must be set
// wherever it stands, and so must what stands behind a longer path.
func (r *reader) field(path []string, always, needed bool) {
	if path[0] == "Env" {
		r.add("Env."+path[1], always, always)
		return
	}
	r.add(strings.Join(path, "."), always && needed, always)
}

package render

import (
	"slices"
	"strings"
)

// Read is something that a template reads.
type Read struct {
	Kind ReadKind
	// Path is the name of the variable, or the keys of a path from the root.
	Path []string
	// Required tells whether the member cannot be rendered without it.
	Required bool
	// Always tells whether it is read whenever the member is rendered.
	Always bool
}

// ReadKind is where a Read comes from.
type ReadKind int

const (
	FromRoot    ReadKind = iota // .Address, .Peer.ID, index . "key": what Values.Root has
	FromEnv                     // .Env.NAME, env "NAME"
	FromEnvFile                 // envFile "NAME"
)

// Name joins the path with dots.
func (r Read) Name() string { return strings.Join(r.Path, ".") }

// Reads lists what the member may read, each once and in order of first use. A
// Read is required if any use of it needs it. The list is complete: the language
// has no other way to a variable.
func (m *Member) Reads() []Read {
	r := reader{declared: map[variable]*Read{}}
	r.list(m.template, true)
	return r.reads
}

type reader struct {
	reads    []Read
	declared map[variable]*Read // what each variable stands for; nil if that is not a single Read
}

func (r *reader) add(read Read) {
	for i := range r.reads {
		if known := &r.reads[i]; known.Kind == read.Kind && slices.Equal(known.Path, read.Path) {
			known.Required = known.Required || read.Required
			known.Always = known.Always || read.Always
			return
		}
	}
	r.reads = append(r.reads, read)
}

// list lists what a list reads; always tells whether it is rendered whatever the
// values are.
func (r *reader) list(l list, always bool) {
	for _, node := range l {
		switch n := node.(type) {
		case *pipe:
			r.pipe(n, always, n.sets == "")
		case *branch:
			r.pipe(n.condition, always, false)
			r.list(n.then, false)
			r.list(n.otherwise, false)
		}
	}
}

// pipe lists what a pipeline reads; needed tells whether its value must be set.
func (r *reader) pipe(p *pipe, always, needed bool) {
	inner := reader{declared: r.declared}
	for i, stage := range p.stages {
		needed, demanded := needed, false
		if i+1 < len(p.stages) {
			needed, demanded = p.stages[i+1].(*call).asks()
		}
		inner.operand(stage, always, needed, demanded)
	}
	for _, read := range inner.reads {
		r.add(read)
	}
	if p.sets != "" {
		r.declare(p, inner.reads)
	}
}

// declare notes what a variable stands for, provided that it is set only once.
func (r *reader) declare(p *pipe, reads []Read) {
	_, again := r.declared[p.sets]
	r.declared[p.sets] = nil
	switch p.stages[0].(type) {
	case variable, *path:
		if !again && len(reads) == 1 && len(p.stages) == 1 {
			r.declared[p.sets] = &reads[0]
		}
	}
}

// asks tells what a function asks of its arguments: to be set (needed), and to be
// neither unset nor empty (demanded).
func (c *call) asks() (needed, demanded bool) {
	demanded = c.name == "required"
	return demanded || !c.chooses, demanded
}

// operand lists what an argument or a stage reads. If it is demanded and reads
// just one variable, then that one must be set.
func (r *reader) operand(x expression, always, needed, demanded bool) {
	inner := reader{declared: r.declared}
	inner.expression(x, always, needed)
	for _, read := range inner.reads {
		read.Required = read.Required || demanded && always && len(inner.reads) == 1
		r.add(read)
	}
}

func (r *reader) expression(x expression, always, needed bool) {
	switch x := x.(type) {
	case *lookup:
		kind := FromEnv
		if x.file {
			kind = FromEnvFile
		}
		r.add(Read{kind, []string{x.name}, x.file && always && needed, always})
	case *path:
		switch {
		case x.from != nil:
			r.expression(x.from, always, true)
		case x.keys[0] == "Env": // must be set wherever it stands
			r.add(Read{FromEnv, x.keys[1:2], always, always})
		default:
			r.add(Read{FromRoot, x.keys, always && needed, always})
		}
	case variable:
		if known := r.declared[x]; known != nil {
			r.add(Read{known.Kind, known.Path, always && needed, always})
		}
	case *call:
		needed, demanded := x.asks()
		for i, arg := range x.args {
			r.operand(arg, always && (i == 0 || !x.lazy), needed, demanded)
		}
	case *pipe:
		r.pipe(x, always, needed)
	}
}

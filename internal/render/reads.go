package render

import (
	"fmt"
	"strings"
)

// Read is something that a template reads.
type Read struct {
	Kind ReadKind
	// Path is the name of the variable, or the keys of a path from the root.
	Path []string
}

// ReadKind says where a Read comes from.
type ReadKind int

const (
	FromRoot    ReadKind = iota // .Address, .Peer.ID, index . "key": from Values.Root
	FromEnv                     // .Env.NAME, env "NAME"
	FromEnvFile                 // envFile "NAME"
)

// Name joins the path with dots.
func (r Read) Name() string { return strings.Join(r.Path, ".") }

// Reads lists everything that the member may read, once each and in order of first use. The list is
// complete: the language has no other way to read a variable.
func (m *Member) Reads() (reads []Read) {
	known := map[string]bool{}
	add := func(kind ReadKind, path ...string) {
		if id := fmt.Sprintf("%d %q", kind, path); !known[id] {
			known[id] = true
			reads = append(reads, Read{kind, path})
		}
	}
	var visit func(node any)
	visit = func(node any) {
		switch n := node.(type) {
		case list:
			for _, node := range n {
				visit(node)
			}
		case *branch:
			visit(n.condition)
			visit(n.then)
			visit(n.otherwise)
		case *pipe:
			for _, stage := range n.stages {
				visit(stage)
			}
		case *call:
			for _, arg := range n.args {
				visit(arg)
			}
		case *lookup:
			kind := FromEnv
			if n.file {
				kind = FromEnvFile
			}
			add(kind, n.name)
		case *path:
			switch {
			case n.from != nil:
				visit(n.from)
			case n.keys[0] == "Env":
				add(FromEnv, n.keys[1])
			default:
				add(FromRoot, n.keys...)
			}
		}
	}
	visit(m.template)
	return reads
}

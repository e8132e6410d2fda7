package coreyaml

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"ccaas-template-builder/internal/nearest"
)

// Ignored is a key that the peer does not read, although it was probably meant as one that the
// peer does read.
type Ignored struct {
	// Builder is the name of the builder that has the key. It is empty if the key holds a list
	// of builders.
	Builder string
	line    int
	text    string
}

// String says which key it is, and what was probably meant.
func (i Ignored) String() string {
	return fmt.Sprintf("line %d: the peer does not read %s", i.line, i.text)
}

const listKey = "externalBuilders"

// Ignored returns the keys of builders, and of lists of builders, that the peer does not read.
func (f *File) Ignored() []Ignored {
	all := f.lists(f.root, "")
	for _, e := range f.entries {
		all = append(all, e.ignored()...)
	}
	return all
}

// lists finds lists of builders anywhere below the value of the key parent, except the list
// that the peer reads.
func (f *File) lists(n *yaml.Node, parent string) (all []Ignored) {
	where := fmt.Sprintf("under %q", parent)
	if n == f.root {
		where = "at the top of the file"
	}
	for i, child := range n.Content {
		if n.Kind != yaml.MappingNode {
			all = append(all, f.lists(child, parent)...)
			continue
		}
		if i%2 == 0 || n.Content[i-1] == f.list.key {
			continue
		}
		key := resolve(n.Content[i-1])
		if holdsBuilders(child) && nearest.Name(key.Value, []string{listKey, "chaincode." + listKey}) != "" {
			all = append(all, Ignored{line: key.Line, text: fmt.Sprintf("%q %s, did you mean %q under %q",
				key.Value, where, listKey, "chaincode")})
			continue
		}
		all = append(all, f.lists(child, key.Value)...)
	}
	return all
}

// holdsBuilders reports whether the value is a list of mappings.
func holdsBuilders(n *yaml.Node) bool {
	list := resolve(n)
	return list.Kind == yaml.SequenceNode && len(list.Content) > 0 &&
		resolve(list.Content[0]).Kind == yaml.MappingNode
}

// ignored finds the keys of a builder that the peer does not read.
func (e entry) ignored() (all []Ignored) {
	content := resolve(e.node).Content
	for i := 0; i+1 < len(content); i += 2 {
		key := resolve(content[i])
		if meant := e.meant(key.Value, content[i+1]); meant != "" {
			all = append(all, Ignored{e.Name, key.Line, fmt.Sprintf("%q of the builder %q, did you mean %q",
				key.Value, e.Name, meant)})
		}
	}
	return all
}

// entryKeys lists the keys of a builder that the peer reads. The last is the former name of
// propagateEnvironment.
var entryKeys = []string{"name", "path", "propagateEnvironment", "environment"}

// meant returns the key that was probably meant by a key that the peer does not read. It
// returns "" if the peer reads the key, or if there is no way to know. A list must be meant
// for propagateEnvironment, unless the builder already has that.
func (e entry) meant(key string, value *yaml.Node) string {
	if isEntryKey(key) {
		return ""
	}
	meant := nearest.Name(key, entryKeys)
	isList := resolve(value).Kind == yaml.SequenceNode
	if meant == "environment" || meant == "" && isList && len(e.PropagateEnvironment) == 0 {
		return "propagateEnvironment"
	}
	return meant
}

func isEntryKey(key string) bool {
	return slices.ContainsFunc(entryKeys, func(known string) bool { return strings.EqualFold(known, key) })
}

// insteadOf says which key of the builder was probably meant as the missing one.
func insteadOf(item *yaml.Node, missing string) string {
	content := resolve(item).Content
	for i := 0; i < len(content); i += 2 {
		key := resolve(content[i])
		if !isEntryKey(key.Value) && nearest.Name(key.Value, entryKeys) == missing {
			return fmt.Sprintf("; line %d has %q, did you mean %q", key.Line, key.Value, missing)
		}
	}
	return ""
}

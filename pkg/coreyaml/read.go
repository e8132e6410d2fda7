package coreyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"ccaas-template-builder/internal/nearest"
)

// MaxFile is the maximum size of a core.yaml, in bytes. Fabric's own core.yaml has 36 KiB.
const MaxFile = 1 << 20

// File is a core.yaml that was read. It has the nodes from the root to the builders. A node
// that is missing from the file is nil.
type File struct {
	data            []byte
	root            *yaml.Node
	chaincode, list member
	entries         []entry
}

// member is a key of a mapping and its value.
type member struct{ key, value *yaml.Node }

// entry is a builder and where it is.
type entry struct {
	Builder
	node        *yaml.Node
	path, names member
}

// Builders returns the external builders in their order.
func (f *File) Builders() []Builder { return builders(f.entries) }

func builders(entries []entry) (all []Builder) {
	for _, e := range entries {
		all = append(all, e.Builder)
	}
	return all
}

// Read finds the external builders in a core.yaml. Its error joins everything that would keep
// the peer from starting, or that versions of the peer read differently.
func Read(data []byte) (*File, error) {
	root, err := load(data)
	if err != nil {
		return nil, err
	}
	top, err := find(root, "the file", "chaincode", "chaincode.externalBuilders")
	if err != nil {
		return nil, err
	}
	if dotted := top[1].key; dotted != nil {
		return nil, fail(dotted, "externalBuilders must be a key under chaincode, not part of a key with a dot")
	}
	below, err := find(top[0].value, "chaincode", listKey)
	if err != nil {
		return nil, err
	}
	entries, err := readBuilders(below[0].value)
	return &File{data, root, top[0], below[0], entries}, err
}

// load returns the root of the only document in data, or null if there is none.
func load(data []byte) (*yaml.Node, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("is larger than %d bytes", MaxFile)
	}
	if !utf8.Valid(data) {
		return nil, errors.New("is not UTF-8")
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err == io.EOF {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: 1, Column: 1}, nil
	} else if err != nil {
		return nil, notYAML(err, "")
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, fail(&second, "a second YAML document begins here, and the peer does not read it")
	} else if err != io.EOF {
		return nil, notYAML(err, "")
	}
	var v any
	if err := document.Load(&v, yaml.WithUniqueKeys(false)); err != nil {
		return nil, notYAML(err, "a key or a value is invalid")
	}
	return document.Content[0], nil
}

// notYAML returns an error of the parser, at its line. If reason is not empty, it replaces the
// parser's message: a message about converting a tree to values may quote them.
func notYAML(err error, reason string) error {
	found := &yaml.LoadError{Message: "it cannot be parsed"}
	errors.As(err, &found)
	if reason == "" {
		reason = found.Message
	}
	if found.Mark.Line == 0 {
		return fmt.Errorf("is not YAML: %s", reason)
	}
	return fail(&yaml.Node{Line: found.Mark.Line}, "is not YAML: %s", reason)
}

func readBuilders(list *yaml.Node) (entries []entry, err error) {
	all, err := items(list, "builders")
	errs := []error{err}
	named := map[string]bool{}
	for _, item := range all {
		e, err := readBuilder(item)
		if named[e.Name] {
			err = errors.Join(err, fail(item, "a second builder has the name %q: "+
				"the peer uses the first for whatever either has built", e.Name))
		}
		named[e.Name] = e.Name != ""
		entries, errs = append(entries, e), append(errs, err)
	}
	return entries, errors.Join(errs...)
}

func readBuilder(item *yaml.Node) (entry, error) {
	m, err := find(item, "a builder", entryKeys...)
	if err != nil {
		return entry{}, err
	}
	e := entry{node: item, path: m[1], names: m[2]}
	var errs [4]error
	e.Name, errs[0] = readString(m[0].value)
	e.Path, errs[1] = readString(m[1].value)
	e.PropagateEnvironment, errs[2] = readNames(m[2].value)
	if len(e.PropagateEnvironment) == 0 { // in this case the peer reads the key's former name
		e.PropagateEnvironment, errs[3] = readNames(m[3].value)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return e, err
	}
	if e.Name == "" {
		errs[0] = fail(item, "a builder has no name, so the peer does not start%s", insteadOf(item, "name"))
	}
	if e.Path == "" {
		errs[1] = fail(item, "a builder has no path, so the peer does not start%s", insteadOf(item, "path"))
	}
	return e, errors.Join(errs[:]...)
}

func readNames(list *yaml.Node) (names []string, err error) {
	all, err := items(list, "variables")
	errs := []error{err}
	for _, item := range all {
		name, err := readString(item)
		names, errs = append(names, name), append(errs, err)
	}
	return names, errors.Join(errs...)
}

// readString rejects what YAML reads as a number or a boolean, which versions of the peer
// treat differently. Words such as yes, which Fabric 2 reads as booleans, are strings here.
func readString(n *yaml.Node) (string, error) {
	if isNull(n) {
		return "", nil
	}
	n = resolve(n)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		return "", fail(n, "must be a string; put it in quotes if it looks like a number or a boolean")
	}
	return n.Value, nil
}

// checkKeys rejects the keys in the list of ListVariable that not every version of the peer
// accepts.
func checkKeys(list *yaml.Node) error {
	var errs []error
	known := entryKeys[:3]
	for _, item := range resolve(list).Content {
		for i, key := range resolve(item).Content {
			if key = resolve(key); i%2 == 0 && !slices.Contains(known, key.Value) {
				errs = append(errs, fail(key, "not every peer accepts the key %q here%s: use %s",
					key.Value, nearest.DidYouMean(key.Value, "", known), strings.Join(known, ", ")))
			}
		}
	}
	return errors.Join(errs...)
}

// items returns the items of a list. Null is an empty list.
func items(list *yaml.Node, of string) ([]*yaml.Node, error) {
	if isNull(list) {
		return nil, nil
	}
	if list = resolve(list); list.Kind != yaml.SequenceNode {
		return nil, fail(list, "must be a list of %s", of)
	}
	return list.Content, nil
}

// find returns the members of a mapping that have these keys, in upper or lower case. Null is
// an empty mapping.
func find(mapping *yaml.Node, place string, keys ...string) ([]member, error) {
	found := make([]member, len(keys))
	if isNull(mapping) {
		return found, nil
	}
	if mapping = resolve(mapping); mapping.Kind != yaml.MappingNode {
		return nil, fail(mapping, "%s must be a mapping", place)
	}
	for n := 0; n < len(mapping.Content); n += 2 {
		key := resolve(mapping.Content[n])
		i := slices.IndexFunc(keys, func(k string) bool { return strings.EqualFold(k, key.Value) })
		switch {
		case key.ShortTag() == "!!merge":
			return nil, fail(key, "a merge key is not supported here: write out what it merges")
		case i < 0:
		case found[i].key != nil:
			return nil, fail(key, "%s appears twice", keys[i])
		default:
			found[i] = member{mapping.Content[n], mapping.Content[n+1]}
		}
	}
	return found, nil
}

// resolve returns the node that an alias refers to, or n itself. An alias never refers to
// another alias.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n == nil || n.ShortTag() == "!!null" }

// fail returns an error with the line of a node.
func fail(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("line %d: %w", n.Line, fmt.Errorf(format, args...))
}

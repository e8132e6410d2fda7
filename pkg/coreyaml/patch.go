package coreyaml

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Patch returns core.yaml with b in it. Everything else stays byte for byte as it was.
//
// A new builder becomes the first, because the peer uses the first builder that accepts a
// package. If there is already a builder with the name of b, it gets the path of b, unless b
// has none, and the variables of b that it lacks.
//
// Patch splices text, and reads the result to check it. It rejects a file that it cannot
// splice.
func (f *File) Patch(b Builder) ([]byte, error) {
	want, at, err := f.with(b)
	if err != nil {
		return nil, err
	}
	if reflect.DeepEqual(want, f.Builders()) {
		return bytes.Clone(f.data), nil
	}
	// The parser does not count the byte order mark as a column.
	body, marked := bytes.CutPrefix(f.data, []byte("\ufeff"))
	patched, err := f.splice(string(body), want, at)
	if err != nil {
		return nil, err
	}
	if marked {
		patched = append([]byte("\ufeff"), patched...)
	}
	if err := f.verify(patched, want); err != nil {
		return nil, err
	}
	return patched, nil
}

// with returns the builders that the file should have with b, and the index of the existing
// builder with that name, or -1 if there is none.
func (f *File) with(b Builder) (want []Builder, at int, err error) {
	if b.Name == "" {
		return nil, 0, errors.New("the builder to add has no name")
	}
	for _, s := range append([]string{b.Name, b.Path}, b.PropagateEnvironment...) {
		if !utf8.ValidString(s) {
			return nil, 0, errors.New("the builder to add is not UTF-8")
		}
	}
	want = f.Builders()
	at = slices.IndexFunc(want, func(old Builder) bool { return old.Name == b.Name })
	if at < 0 && b.Path == "" {
		return nil, 0, fmt.Errorf("there is no builder %q yet, and adding it requires its path", b.Name)
	}
	if at < 0 {
		b.PropagateEnvironment = join(nil, b.PropagateEnvironment)
		return append([]Builder{b}, want...), at, nil
	}
	if b.Path != "" {
		want[at].Path = b.Path
	}
	want[at].PropagateEnvironment = join(want[at].PropagateEnvironment, b.PropagateEnvironment)
	return want, at, nil
}

// join appends to names the members of more that it lacks.
func join(names, more []string) []string {
	names = slices.Clip(names)
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
	}
	for _, name := range more {
		if !there[name] {
			there[name] = true
			names = append(names, name)
		}
	}
	return names
}

// splice changes body so that it has the builders in want.
func (f *File) splice(body string, want []Builder, at int) ([]byte, error) {
	way := []*yaml.Node{f.root, f.chaincode.key, f.chaincode.value, f.list.key, f.list.value}
	if at >= 0 {
		e := f.entries[at]
		way = append(way, e.node, e.path.value, e.names.key, e.names.value)
	}
	for _, n := range way {
		if n != nil && (n.Kind == yaml.AliasNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0) {
			return nil, byHand(n, "there is an alias, an anchor or a tag")
		}
	}
	for _, n := range []*yaml.Node{f.root, f.chaincode.value} {
		if isFlow(n) {
			return nil, byHand(n, "the builders are in braces")
		}
	}
	t, err := newText(body)
	if err != nil {
		return nil, err
	}
	if at < 0 {
		err = f.insert(t, want[0])
	} else {
		err = f.entries[at].change(t, want[at])
	}
	return t.patched(), err
}

// insert makes b the first builder of the list, in the style that the list is written in.
func (f *File) insert(t *text, b Builder) error {
	step := f.step()
	section := "externalBuilders:\n" + indent(block(b), step)
	switch list := f.list.value; {
	case f.chaincode.key == nil:
		t.below(len(t.data), indent("chaincode:\n"+indent(section, step), f.root.Column-1))
		return nil
	case f.list.key == nil:
		return t.open(f.chaincode, indent(section, f.chaincode.key.Column-1+step))
	case len(list.Content) == 0:
		return t.open(f.list, indent(block(b), f.list.key.Column-1+step))
	case isFlow(list):
		t.intoBrackets(list, flow(b))
		return nil
	default:
		return t.open(f.list, indent(block(b), list.Column-1))
	}
}

// step returns by how many columns the file indents the keys of chaincode or, if it has no
// such section, those of its first section.
func (f *File) step() int {
	sections := f.root.Content
	if f.chaincode.key != nil {
		sections = append([]*yaml.Node{f.chaincode.key, f.chaincode.value}, sections...)
	}
	for i := 0; i < len(sections); i += 2 {
		key, section := sections[i], sections[i+1]
		if section.Kind == yaml.MappingNode && !isFlow(section) {
			return max(1, section.Content[0].Column-key.Column)
		}
	}
	return 2
}

// change changes an existing builder into want.
func (e entry) change(t *text, want Builder) error {
	from, to, err := t.scalar(e.path.value)
	if err != nil {
		return err
	}
	if want.Path != e.Path {
		t.replace(from, to, scalar(want.Path))
	}
	added := want.PropagateEnvironment[len(e.PropagateEnvironment):]
	key, list := e.names.key, e.names.value
	switch {
	case len(added) == 0:
	case key == nil && isFlow(e.node):
		t.insert(to, ", propagateEnvironment: ["+flowNames(added)+"]")
	case key == nil:
		t.below(to, indent("propagateEnvironment:\n"+indent(blockNames(added), 2), e.node.Column-1))
	case len(list.Content) > 0:
		return t.extend(list, added)
	case isFlow(e.node):
		at, err := t.colon(key)
		t.replace(at, at+len(noValue.FindString(t.rest(at))), " ["+flowNames(added)+"]")
		return err
	default:
		return t.open(e.names, indent(blockNames(added), key.Column+1))
	}
	return nil
}

// verify reads the patched file and checks that it has the wanted builders, and everything
// else that the file had before.
func (f *File) verify(patched []byte, want []Builder) error {
	place := f.root
	if f.list.key != nil {
		place = f.list.key
	}
	if len(patched) > MaxFile {
		return refusal(fmt.Errorf("it would be larger than %d bytes", MaxFile))
	}
	got, err := Read(patched)
	if err != nil || !reflect.DeepEqual(got.Builders(), want) {
		return byHand(place, "patching would give different builders")
	}
	before, err := f.others()
	if err != nil {
		return refusal(err)
	}
	if after, err := got.others(); err != nil || !reflect.DeepEqual(after, before) {
		return byHand(place, "patching would change something else")
	}
	return nil
}

// others returns everything in the core.yaml except its builders.
func (f *File) others() (v any, err error) {
	root, chaincode := f.root, without(f.chaincode.value, f.list.key)
	if chaincode != nil {
		root = without(f.root, f.chaincode.key)
		if len(chaincode.Content) > 0 {
			root.Content = append(root.Content, f.chaincode.key, chaincode)
		}
	}
	if len(root.Content) == 0 {
		return nil, nil
	}
	if again := repeatedKey(root); again != nil {
		return nil, fail(again, "is not YAML: a key appears twice")
	}
	if err := root.Load(&v, yaml.WithUniqueKeys(false)); err != nil {
		return nil, notYAML(err, "a key or a value is invalid")
	}
	return v, nil
}

// repeatedKey returns a key that occurs earlier in the same mapping, or nil if there is none.
// The parser would compare every key with every other, which takes long in a large mapping.
func repeatedKey(n *yaml.Node) *yaml.Node {
	there := map[string]bool{}
	for i, child := range n.Content {
		if key := resolve(child); n.Kind == yaml.MappingNode && i%2 == 0 && key.Kind == yaml.ScalarNode {
			if there[key.Value] {
				return child
			}
			there[key.Value] = true
		}
		if again := repeatedKey(child); again != nil {
			return again
		}
	}
	return nil
}

// without returns a mapping without one of its keys, or the mapping itself if it has no such
// key.
func without(mapping, key *yaml.Node) *yaml.Node {
	if mapping == nil || key == nil {
		return mapping
	}
	i := slices.Index(mapping.Content, key)
	rest := *mapping
	rest.Content = slices.Concat(mapping.Content[:i], mapping.Content[i+2:])
	return &rest
}

// byHand returns the error about a form that cannot be spliced.
func byHand(n *yaml.Node, why string) error { return refusal(fail(n, "%s", why)) }

func refusal(err error) error {
	return fmt.Errorf("%w: the file cannot be patched: add the stanza by hand", err)
}

// Package coreyaml is the externalBuilders of a peer's core.yaml: read, printed, patched.
package coreyaml

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Builder is one entry of chaincode.externalBuilders.
type Builder struct {
	// Name is identity: the peer keeps it with every build.
	Name string
	Path string
	// PropagateEnvironment are the variables that the peer passes on.
	PropagateEnvironment []string
}

// DefaultName is the name of our builder, unless people give it another one.
const DefaultName = "ccaas-template-builder"

// ListVariable, if it is set for the peer, replaces the list of core.yaml.
const ListVariable = "CORE_CHAINCODE_EXTERNALBUILDERS"

// AlwaysPropagated are the variables that the peer passes on in any case.
func AlwaysPropagated() []string { return []string{"LD_LIBRARY_PATH", "LIBPATH", "PATH", "TMPDIR"} }

// Propagates tells whether the peer passes a variable on to the builder, if it
// is set.
func (b Builder) Propagates(name string) bool {
	return slices.Contains(b.PropagateEnvironment, name) || slices.Contains(AlwaysPropagated(), name)
}

// Parse returns the external builders of a core.yaml, in their order. Its errors
// are all that the peer would not start with, or that not every version of it
// reads alike, a line each.
func Parse(data []byte) ([]Builder, error) {
	f, err := read(data)
	if err != nil {
		return nil, err
	}
	return builders(f.entries), nil
}

// ParseVariable reads the value of ListVariable, whose list replaces that
// of core.yaml; if it is empty, it replaces nothing.
func ParseVariable(value string) ([]Builder, error) {
	list, err := load([]byte(value))
	if err != nil || value == "" {
		return nil, err
	}
	if isNull(list) {
		return nil, fail(list, "must be a list of builders")
	}
	entries, err := readBuilders(list)
	if err == nil {
		err = checkKeys(list)
	}
	if err != nil {
		return nil, err
	}
	return builders(entries), nil
}

// Stanza is the part of a core.yaml that holds b alone.
func Stanza(b Builder) []byte {
	return []byte("chaincode:\n" + indent("externalBuilders:\n"+indent(block(b), 2), 2))
}

// block is b as an item of a list, in lines.
func block(b Builder) string {
	lines := "- name: " + scalar(b.Name) + "\n  path: " + scalar(b.Path) + "\n"
	if len(b.PropagateEnvironment) > 0 {
		lines += "  propagateEnvironment:\n" + indent(blockNames(b.PropagateEnvironment), 4)
	}
	return lines
}

func blockNames(names []string) string {
	var lines strings.Builder
	for _, name := range names {
		lines.WriteString("- " + scalar(name) + "\n")
	}
	return lines.String()
}

// flow is b as an item of a list between brackets.
func flow(b Builder) string {
	item := "{name: " + scalar(b.Name) + ", path: " + scalar(b.Path)
	if len(b.PropagateEnvironment) > 0 {
		item += ", propagateEnvironment: [" + flowNames(b.PropagateEnvironment) + "]"
	}
	return item + "}"
}

func flowNames(names []string) string {
	scalars := make([]string, len(names))
	for i, name := range names {
		scalars[i] = scalar(name)
	}
	return strings.Join(scalars, ", ")
}

// indent puts spaces before each line.
func indent(lines string, spaces int) string {
	margin := strings.Repeat(" ", spaces)
	return margin + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n"+margin) + "\n"
}

// plain are the texts that need no quotes anywhere, but for those in notText.
var plain = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./@+-]*$`)

// notText are the words that are no strings without quotes. Peers before Fabric
// 3.0 take all of them for booleans and null, as YAML 1.1 did.
var notText = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null)$`)

// scalar is s as YAML. Go's escapes are YAML's.
func scalar(s string) string {
	if plain.MatchString(s) && !notText.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// Package coreyaml reads ([Read]), prints ([Stanza]) and patches ([File.Patch]) the external
// builders in a peer's core.yaml.
package coreyaml

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ccaas-template-builder/internal/nearest"
)

// Builder is one entry of chaincode.externalBuilders.
type Builder struct {
	// Name identifies the builder. The peer stores it with every build.
	Name string
	Path string
	// PropagateEnvironment lists the variables that the peer passes on.
	PropagateEnvironment []string
}

// MeantPath returns the path that was probably meant, if Path is the builder's folder bin or a
// program in it, otherwise "". The peer itself appends bin/detect to the path.
func (b Builder) MeantPath() string {
	path := filepath.Clean(b.Path)
	if slices.Contains([]string{"detect", "build", "release"}, filepath.Base(path)) {
		path = filepath.Dir(path)
	}
	above := filepath.Dir(path)
	if filepath.Base(path) != "bin" || above == "/" || above == "." {
		return ""
	}
	return above
}

// DefaultName is the name of our builder, unless people choose another.
const DefaultName = "ccaas-template-builder"

// ListVariable is the variable whose value, if set for the peer, replaces the list in
// core.yaml.
const ListVariable = "CORE_CHAINCODE_EXTERNALBUILDERS"

// Parse returns the external builders in a core.yaml. See Read.
func Parse(data []byte) ([]Builder, error) {
	f, err := Read(data)
	if err != nil {
		return nil, err
	}
	return f.Builders(), nil
}

// Find returns the builder with this name and the builders that the peer asks before it. If
// there is none, the error is a *NotFoundError.
func Find(builders []Builder, name string) (found Builder, before []Builder, err error) {
	notFound := &NotFoundError{Name: name}
	for i, b := range builders {
		if b.Name == name {
			return b, builders[:i], nil
		}
		notFound.Names = append(notFound.Names, b.Name)
	}
	return Builder{}, nil, notFound
}

// NotFoundError reports that core.yaml has no builder with this name.
type NotFoundError struct {
	Name  string
	Names []string // the names of the builders that it has
}

func (e *NotFoundError) Error() string {
	text := fmt.Sprintf("has no external builder %q%s", e.Name, nearest.DidYouMean(e.Name, "", e.Names))
	if len(e.Names) > 0 {
		text += "; it has " + strings.Join(e.Names, ", ")
	}
	return text
}

// ParseVariable reads the value of ListVariable. Its list replaces that in core.yaml. An empty
// value replaces nothing.
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

// Stanza returns the part of a core.yaml that configures b and no other builder.
func Stanza(b Builder) []byte {
	return []byte("chaincode:\n" + indent("externalBuilders:\n"+indent(block(b), 2), 2))
}

// block returns b as an item of a list in block style.
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

// flow returns b as an item of a list in brackets.
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

// plain matches text that never needs quotes, unless notText matches it too.
var plain = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./@+-]*$`)

// notText matches words that need quotes to be strings. Peers before Fabric 3.0 read all of
// them as booleans or null, as in YAML 1.1.
var notText = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null)$`)

// scalar returns s as YAML. In quotes, Go's escapes mean the same in YAML.
func scalar(s string) string {
	if plain.MatchString(s) && !notText.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// Package coreyaml reads ([Read]), prints ([Stanza]) and patches ([File.Patch]) the
// externalBuilders of a peer's core.yaml.
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
	// Name identifies the builder: the peer keeps it with every build.
	Name string
	Path string
	// PropagateEnvironment are the variables that the peer passes on.
	PropagateEnvironment []string
}

// MeantPath returns what Path was probably meant to be where it leads to the folder bin of the
// builder or to a program in it; "" if it does not look like that. The peer itself appends
// bin/detect.
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

// DefaultName is the name of our builder unless people choose another.
const DefaultName = "ccaas-template-builder"

// ListVariable replaces the list in core.yaml if it is set for the peer.
const ListVariable = "CORE_CHAINCODE_EXTERNALBUILDERS"

// Parse returns the external builders of a core.yaml, see Read.
func Parse(data []byte) ([]Builder, error) {
	f, err := Read(data)
	if err != nil {
		return nil, err
	}
	return f.Builders(), nil
}

// Find returns the builder with this name, and those that the peer asks before it. If there
// is none, the error is a *NotFoundError.
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

// NotFoundError says that a core.yaml has no builder with this name.
type NotFoundError struct {
	Name  string
	Names []string // of the builders that it has
}

func (e *NotFoundError) Error() string {
	text := fmt.Sprintf("has no external builder %q%s", e.Name, nearest.DidYouMean(e.Name, "", e.Names))
	if len(e.Names) > 0 {
		text += "; it has " + strings.Join(e.Names, ", ")
	}
	return text
}

// ParseVariable reads the value of ListVariable, whose list replaces that in
// core.yaml; if it is empty, it replaces nothing.
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

// Stanza is the part of a core.yaml that holds only b.
func Stanza(b Builder) []byte {
	return []byte("chaincode:\n" + indent("externalBuilders:\n"+indent(block(b), 2), 2))
}

// block is b as an item of a list in block style.
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

// flow is b as an item of a list in brackets.
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

// plain matches texts that need no quotes anywhere, except those that notText matches.
var plain = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./@+-]*$`)

// notText matches the words that are not strings without quotes. Peers before
// Fabric 3.0 read all of them as booleans or null, as in YAML 1.1.
var notText = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null)$`)

// scalar is s as YAML. Go's escapes are YAML's.
func scalar(s string) string {
	if plain.MatchString(s) && !notText.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

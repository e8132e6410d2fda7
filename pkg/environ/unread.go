package environ

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"ccaas-template-builder/internal/nearest"
)

// Unread says which variables are set that nothing reads, and whose names are close to
// one that is read and not set; and which folder of values is close to the one that a label
// would have, if there is none. Read has the names that a template reads, labels those of other
// chaincodes. An error holds no value but names of variables and folders.
func Unread(process map[string]string, label string, read, labels []string) []error {
	return layersOf(process, label).unread(disk, label, read, labels)
}

// Unread is the function of that name, for the variables of e.
func (e *Environment) Unread(read []string) []error {
	return e.layers.unread(e.read, e.label, read, nil)
}

// Misnamed returns a variable that is set, that nothing reads, and that was probably meant to
// be the one called name or NAME_FILE, which it returns too.
func (e *Environment) Misnamed(name string, read []string) (set, meant string) {
	for set, meant := range e.layers.misnamed(e.read, read) {
		if meant == name || meant == name+"_FILE" {
			return set, meant
		}
	}
	return "", ""
}

func (ls layers) unread(r Reader, label string, read, labels []string) []error {
	var all []error
	misnamed := ls.misnamed(r, read)
	for _, name := range slices.Sorted(maps.Keys(misnamed)) {
		all = append(all, fmt.Errorf("%s is set, but neither the package nor the builder reads it, did you mean %q",
			name, misnamed[name]))
	}
	if near := ls.nearLabel(r, label, labels); near != "" {
		all = append(all, fmt.Errorf("%s has no folder %q for this chaincode, but %q, did you mean that",
			DirVariable, label, near))
	}
	return all
}

// misnamed has for each variable that is set, and was probably meant to be another, that other.
func (ls layers) misnamed(r Reader, read []string) map[string]string {
	own := append(settingsNames(), DirVariable)
	wanted := slices.DeleteFunc(append(slices.Clone(read), DirVariable, RequireTLSVariable), func(name string) bool {
		base := strings.TrimSuffix(name, "_FILE")
		return ls.isSet(r, name) || ls.isSet(r, base) || ls.isSet(r, base+"_FILE")
	})
	slices.Sort(wanted)
	misnamed := map[string]string{}
	for _, name := range ls.names(r) {
		if slices.Contains(read, name) || slices.Contains(own, name) {
			continue
		}
		if meant := nearest.Variable(name, wanted); meant != "" && ls.isSet(r, name) {
			misnamed[name] = meant
		}
	}
	return misnamed
}

func (ls layers) isSet(r Reader, name string) bool {
	v, err := ls.lookup(r, name)
	return v != "" || err != nil
}

// names lists the variables of the process, and the files in the folders of values.
func (ls layers) names(r Reader) []string {
	var names []string
	for _, l := range ls {
		names = slices.AppendSeq(names, maps.Keys(l.process))
		if l.dir != "" {
			names = append(names, r.List(l.dir).Files...)
		}
	}
	return names
}

// nearLabel returns a folder of values that is close to the one for a label, which is missing.
func (ls layers) nearLabel(r Reader, label string, labels []string) string {
	for _, l := range ls {
		if l.name != DirVariable || label == "" {
			continue
		}
		there := r.List(l.dir)
		for _, names := range [][]string{there.Folders, there.Files} {
			if _, found := slices.BinarySearch(names, label); found {
				return ""
			}
		}
		others := func(name string) bool { return slices.Contains(labels, name) }
		return nearest.Label(label, slices.DeleteFunc(slices.Clone(there.Folders), others))
	}
	return ""
}

package environ

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"ccaas-template-builder/internal/nearest"
)

// Unread returns an error for each variable that is set but not read, if its name is close to the
// name of a variable that is read but not set. It also returns one if the folder of values has no
// folder for label, but one with a similar name. read lists the variables that a template reads,
// labels the labels of other chaincodes. The errors name variables and folders, and contain no
// values.
func Unread(process map[string]string, label string, read, labels []string) []error {
	return layersOf(process, label).unread(disk, label, read, labels)
}

// Unread is like the function Unread, for the variables of e.
func (e *Environment) Unread(read []string) []error {
	return e.layers.unread(e.read, e.label, read, nil)
}

// Misnamed maps variables in read that are not set to a variable that is set but not read and was
// probably meant to have that name.
func (e *Environment) Misnamed(read []string) map[string]string {
	misnamed := map[string]string{}
	all := e.layers.misnamed(e.read, read)
	for _, set := range slices.Backward(slices.Sorted(maps.Keys(all))) { // if there are several, the first remains
		misnamed[all[set]] = set
	}
	return misnamed
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

// misnamed maps each variable that is set but was probably meant to be another one to that one.
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

// names lists the variables of the process and the files in the folders of values.
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

// nearLabel returns a folder of values with a name similar to label if there is no folder for
// label.
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

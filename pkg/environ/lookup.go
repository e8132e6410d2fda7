package environ

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ccaas-template-builder/internal/safefile"
)

// DirVariable names a folder of values. In it, the file NAME is a variable for every chaincode, and
// the file LABEL/NAME is a variable for the chaincode with that label.
const DirVariable = "CCAAS_ENV_DIR"

// layers lists the places where a variable may be set, the most specific first. The first one in
// which it is set wins.
type layers []layer

type layer struct {
	dir     string // "": the variables of the process
	name    string // the folder's name in errors
	process map[string]string
}

func layersOf(process map[string]string, label string) layers {
	all := layers{{process: process}}
	dir := process[DirVariable]
	if dir == "" {
		return all
	}
	all = append(layers{{dir: dir, name: DirVariable}}, all...)
	if label != "" {
		all = append(layers{{dir: filepath.Join(dir, label), name: DirVariable + "/" + label}}, all...)
	}
	return all
}

// check returns an error if the folder of values has no absolute path or cannot be used, or if
// what has the name of the label in it is not a folder.
func (ls layers) check() error {
	for _, l := range ls {
		if l.dir == "" {
			continue
		}
		if l.name != DirVariable {
			if info, err := os.Stat(l.dir); err == nil && !info.IsDir() {
				return fmt.Errorf("%s is not a folder", l.name)
			}
			continue
		}
		wrapped := around(DirVariable, l.dir)
		if !filepath.IsAbs(l.dir) {
			return cmp.Or(wrapped, fmt.Errorf("%s must be the absolute path of a folder", DirVariable))
		}
		if err := safefile.CheckDir(l.dir); err != nil {
			named := DirVariable + " names a folder that"
			if isPath(l.dir) { // otherwise it may be secret
				named = fmt.Sprintf("%s names %q, which", DirVariable, l.dir)
			}
			return cmp.Or(wrapped, fmt.Errorf("%s cannot be used: %w", named, err))
		}
	}
	return nil
}

// lookup returns the value of a variable, or "" if it is unset. If the value is in a file, trailing
// newlines are removed.
func (ls layers) lookup(read Reader, name string) (string, error) {
	for _, l := range ls {
		if v, ok, err := l.lookup(read, name); ok || err != nil {
			return v, err
		}
	}
	return "", nil
}

// setting returns the value of a settings variable, either directly or from the file that NAME_FILE
// names, and the name under which it was found.
func (ls layers) setting(read Reader, s setting) (name, v string, err error) {
	for _, l := range ls {
		name, v, ok, err := l.setting(read, s)
		if ok || err != nil {
			return name, v, err
		}
	}
	return s.variable, "", nil
}

func (l layer) setting(read Reader, s setting) (name, v string, ok bool, err error) {
	v, ok, err = l.lookup(read, s.variable)
	if err != nil || !s.file {
		return s.variable, v, ok, err
	}
	fileVariable := s.variable + "_FILE"
	file, fileOK, err := l.lookup(read, fileVariable)
	switch {
	case err != nil:
		return "", "", false, err
	case v != "" && file != "":
		return "", "", false, fmt.Errorf("%s and %s are both set: unset one", s.variable, fileVariable)
	case v != "" || !fileOK:
		return s.variable, v, ok, nil
	case file == "":
		return fileVariable, "", true, nil
	}
	v, err = read.readNamed(fileVariable, file)
	if err == nil && v == "" {
		err = fmt.Errorf("%s is empty", named(fileVariable, file))
	}
	return fileVariable, v, true, err
}

func (l layer) lookup(read Reader, name string) (v string, ok bool, err error) {
	if l.dir == "" {
		v, ok = l.process[name]
		return v, ok, checkText(name, v)
	}
	content, err := read.File(filepath.Join(l.dir, name))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, safefile.ErrIsDir) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("the file %s in the folder %s cannot be read: %w", name, l.name, err)
	}
	v = strings.TrimRight(string(content), "\r\n")
	return v, true, checkText(name, v)
}

// InFolder reports whether the folder of values dir has a value for the variable called name of the
// chaincode with this label.
func InFolder(dir, label, name string) bool {
	for _, l := range layersOf(map[string]string{DirVariable: dir}, label) {
		if l.dir == "" {
			break
		}
		if v, ok, err := l.lookup(disk, name); ok || err != nil {
			return v != "" && err == nil
		}
	}
	return false
}

// Files lists the files that contain, or might contain, the values of variables: the settings,
// which are always read, and the variables called names. It includes the files that the variables
// name.
func (r Reader) Files(process map[string]string, label string, names []string) []string {
	files := map[string]bool{}
	ls := layersOf(process, label)
	for _, name := range append(settingsNames(), names...) {
		for _, l := range ls {
			if l.dir != "" {
				files[filepath.Join(l.dir, name)] = true
			}
		}
		if v, err := ls.lookup(r, name); err == nil && filepath.IsAbs(v) {
			files[v] = true
		}
	}
	return slices.Sorted(maps.Keys(files))
}

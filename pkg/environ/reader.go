package environ

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ccaas-template-builder/internal/safefile"
)

// Reader reads what the operator supplies.
type Reader struct {
	// File reads a file of values of at most MaxValue bytes. A missing file is an error that wraps
	// fs.ErrNotExist. No error contains the path, which is one of the operator's values.
	File func(file string) ([]byte, error)
	// List lists a folder of values like the function List, but ignores errors.
	List func(dir string) Names
}

// disk reads from disk each time.
var disk = Reader{
	File: func(file string) ([]byte, error) { return safefile.ReadOperators(file, MaxValue) },
	List: func(dir string) Names {
		names, _ := List(dir)
		return names
	},
}

// Names holds the sorted names in a folder of values, except hidden names, such as those that
// Kubernetes creates for its own use.
type Names struct {
	Files   []string // everything except folders
	Folders []string // includes links to folders
	Links   bool     // there are symbolic links, whose targets may change
}

// List lists a folder of values.
func List(dir string) (names Names, err error) {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		name := entry.Name()
		isFolder, isLink := entry.IsDir(), entry.Type()&fs.ModeSymlink != 0
		if isLink {
			info, err := os.Stat(filepath.Join(dir, name))
			isFolder = err == nil && info.IsDir()
		}
		switch {
		case strings.HasPrefix(name, "."):
			continue
		case isFolder:
			names.Folders = append(names.Folders, name)
		default:
			names.Files = append(names.Files, name)
		}
		names.Links = names.Links || isLink
	}
	return names, err
}

package environ

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ccaas-template-builder/internal/safefile"
)

// Reader is how an environment reads what the operator supplies.
type Reader struct {
	// File reads a file of values, of at most MaxValue bytes. A missing file is an error that
	// wraps fs.ErrNotExist, and no error holds the path, which is an operator's value.
	File func(file string) ([]byte, error)
	// List lists a folder of values, as the function List does. If that is not possible, it
	// returns none.
	List func(dir string) Names
}

// disk reads anew each time.
var disk = Reader{
	File: func(file string) ([]byte, error) { return safefile.ReadOperators(file, MaxValue) },
	List: func(dir string) Names {
		names, _ := List(dir)
		return names
	},
}

// Names are those in a folder of values, sorted, but for hidden ones, among which are those that
// Kubernetes makes for itself.
type Names struct {
	Files   []string // what is no folder
	Folders []string // also links to one
	Links   bool     // there are links, which may lead to something else another time
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

package refresh

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"ccaas-template-builder/internal/safefile"
)

// folder is the one at a path, in one copy for all builds.
func (m *Memory) folder(path string) *folder {
	f := m.folders[path]
	if f == nil {
		f = &folder{path: path, lacks: map[string]bool{}}
		m.folders[path] = f
	}
	return f
}

// folder is one in which files were not found.
type folder struct {
	path    string
	found   identity
	settled bool            // what it lacks cannot have changed while it is as it was found
	lacks   map[string]bool // of the names that were asked for
	// files and dirs are sums of what it has of each; files are all that is not a folder.
	files, dirs string
	change      int // counts the changes of it
	run         int // the last that has looked at it
}

// update looks at the folder, unless the current run has done so.
func (f *folder) update(m *Memory) {
	if f.run == m.run {
		return
	}
	f.run = m.run
	if id, ok := look(syscall.Stat, f.path); ok && f.settled && id == f.found {
		return
	}
	f.fill(m)
}

// ask adds names, and reports whether the folder lacks all of them.
func (f *folder) ask(m *Memory, names []string) bool {
	more := false
	for _, name := range names {
		if _, ok := f.lacks[name]; !ok {
			f.lacks[name], more = true, true
		}
	}
	if more {
		f.run = m.run
		f.fill(m)
	}
	f.update(m)
	return !slices.ContainsFunc(names, func(name string) bool { return !f.lacks[name] })
}

// fill finds out which of the names the folder lacks. A folder that cannot be opened might have
// any of them.
func (f *folder) fill(m *Memory) {
	began := time.Now()
	var info fs.FileInfo
	root, err := safefile.OpenRoot(f.path)
	if err == nil {
		defer root.Close()
		info, err = root.Stat(".")
	}
	gone := os.IsNotExist(err)
	f.found, f.settled = identity{}, gone
	if err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			f.found = identityOf(stat)
			f.settled = f.found.settled(began, m.granularity)
		}
	}
	f.files, f.dirs = f.list(root)
	for name, lacked := range f.lacks {
		lacks := gone
		if err == nil {
			_, err := root.Lstat(name)
			lacks = os.IsNotExist(err)
		}
		if lacks != lacked {
			f.lacks[name] = lacks
			f.change++
		}
	}
}

// list sums up the names in the folder, which is not there if root is nil.
func (f *folder) list(root *os.Root) (files, dirs string) {
	sums := [2]hash.Hash{sha256.New(), sha256.New()}
	if root != nil {
		entries, err := fs.ReadDir(root.FS(), ".")
		f.settled = f.settled && err == nil
		for _, entry := range entries {
			kind := 0
			if entry.IsDir() || isDir(entry, filepath.Join(f.path, entry.Name())) {
				kind = 1
			}
			fmt.Fprintf(sums[kind], "%q\n", entry.Name())
		}
	}
	return string(sums[0].Sum(nil)), string(sums[1].Sum(nil))
}

// isDir reports whether an entry that is no folder is a link to one.
func isDir(entry fs.DirEntry, path string) bool {
	if entry.Type()&fs.ModeSymlink == 0 {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

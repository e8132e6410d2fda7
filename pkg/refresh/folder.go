package refresh

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"syscall"
	"time"

	"ccaas-template-builder/internal/safefile"
)

// folder is the one at a path, in one copy for all builds.
func (m *Memory) folder(path string) *folder {
	f := m.folders[path]
	if f == nil {
		f = &folder{path: path}
		m.folders[path] = f
	}
	return f
}

// folder is one of values.
type folder struct {
	path    string
	found   identity
	settled bool // what it has cannot have changed while it is as it was found
	// files and dirs are sums of the names of what it has; files are all that is not a folder, so a
	// link to one is a file. They are "" if it could not be read.
	files, dirs string
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

// fill finds out what the folder has.
func (f *folder) fill(m *Memory) {
	began := time.Now()
	f.found, f.settled, f.files, f.dirs = identity{}, false, "", ""
	root, err := safefile.OpenRoot(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		f.settled = true
		f.files, f.dirs = sums(nil)
	}
	if err != nil {
		return
	}
	defer root.Close()
	info, err := root.Stat(".")
	if err != nil {
		return
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		f.found = identityOf(stat)
	}
	if entries, err := fs.ReadDir(root.FS(), "."); err == nil {
		f.settled = f.found.settled(began, m.granularity)
		f.files, f.dirs = sums(entries)
	}
}

// sums sums up the names of files and of folders.
func sums(entries []fs.DirEntry) (files, dirs string) {
	both := [2]hash.Hash{sha256.New(), sha256.New()}
	for _, entry := range entries {
		kind := 0
		if entry.IsDir() {
			kind = 1
		}
		fmt.Fprintf(both[kind], "%q\n", entry.Name())
	}
	return string(both[0].Sum(nil)), string(both[1].Sum(nil))
}

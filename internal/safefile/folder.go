package safefile

import (
	"os"
	"path"
)

// Folder is a folder whose files are read one after the other. It keeps open the
// folder that holds the last one: a call on an os.Root opens every folder on the
// way, and files come folder by folder.
type Folder struct {
	root *os.Root
	last *os.Root
	name string // of last, below root
}

// NewFolder returns the folder root.
func NewFolder(root *os.Root) *Folder { return &Folder{root: root} }

// Close closes the last folder, not root.
func (f *Folder) Close() {
	if f.last != nil {
		f.last.Close()
	}
}

// of returns the folder that a file is in, and the file's name there.
func (f *Folder) of(name string) (folder *os.Root, base string, err error) {
	dir, base := path.Split(name)
	if dir == "" {
		return f.root, base, nil
	}
	if f.last == nil || f.name != dir {
		next, err := OpenRootIn(f.root, dir)
		if err != nil {
			return nil, "", err
		}
		f.Close()
		f.last, f.name = next, dir
	}
	return f.last, base, nil
}

// Read is like the function Read.
func (f *Folder) Read(name string, limit int64) ([]byte, error) {
	folder, base, err := f.of(name)
	if err != nil {
		return nil, At(name, err)
	}
	return read(folder, base, name, limit)
}

func (f *Folder) open(name string) (*os.File, error) {
	folder, base, err := f.of(name)
	if err != nil {
		return nil, err
	}
	file, _, err := OpenRegular(folder, base, os.O_RDONLY)
	return file, err
}

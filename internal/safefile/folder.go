package safefile

import (
	"io/fs"
	"os"
	"path"
)

// Folder is a folder whose files are read one after the other. On a disk, it keeps
// open the folder that holds the last one: a call on an os.Root opens every folder
// on the way, and files come folder by folder.
type Folder struct {
	dir  Dir
	last *os.Root
	name string // of last, below dir; "" if there is none
}

// NewFolder returns the folder dir.
func NewFolder(dir Dir) *Folder { return &Folder{dir: dir} }

// Close closes the last folder, not the one that was passed in.
func (f *Folder) Close() {
	if f.last != nil {
		f.last.Close()
	}
}

// of returns the folder that a file is in, and the file's name there.
func (f *Folder) of(name string) (folder Dir, base string, err error) {
	root, ok := f.dir.(*os.Root)
	if !ok {
		return f.dir, name, nil
	}
	return f.below(root, name)
}

// below is of for the folder root on a disk.
func (f *Folder) below(root *os.Root, name string) (folder *os.Root, base string, err error) {
	dir, base := path.Split(name)
	if dir == "" {
		return root, base, nil
	}
	if f.name != dir {
		next, err := OpenRootIn(root, dir)
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

func (f *Folder) open(name string) (fs.File, error) {
	folder, base, err := f.of(name)
	if err != nil {
		return nil, err
	}
	file, _, err := open(folder, base)
	return file, err
}

package safefile

import (
	"io/fs"
	"os"
	"path"
)

// Folder reads the files of a folder one after the other. On a disk, it keeps the folder of the last
// file open: a call on an os.Root opens every folder on the path, and files are usually read folder
// by folder.
type Folder struct {
	dir  Dir
	last *os.Root
	name string // path of last below dir, or "" if last is nil
}

// NewFolder returns a Folder for dir.
func NewFolder(dir Dir) *Folder { return &Folder{dir: dir} }

// Close closes the folder that was kept open, but not the folder passed to NewFolder.
func (f *Folder) Close() {
	if f.last != nil {
		f.last.Close()
	}
}

// of returns the folder that contains a file, and the file's name in that folder.
func (f *Folder) of(name string) (folder Dir, base string, err error) {
	root, ok := f.dir.(*os.Root)
	if !ok {
		return f.dir, name, nil
	}
	return f.below(root, name)
}

// below is like of, for the folder root on a disk.
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

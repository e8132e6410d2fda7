package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
)

// Output is a folder that is being filled. It records what was created in it, so
// that all of it can be removed again.
type Output struct {
	root  *os.Root
	files *Folder // of root
	made  []string
	dirs  map[string]bool // those known to exist
}

// NewOutput returns the folder root, which need not be empty.
func NewOutput(root *os.Root) *Output {
	return &Output{root: root, files: NewFolder(root), dirs: map[string]bool{".": true}}
}

// Close closes what is open, except the folder that was passed in.
func (o *Output) Close() { o.files.Close() }

// Fill runs fill, and removes what it has created unless it comes to a good end: it
// may fail or panic.
func (o *Output) Fill(fill func() error) error {
	filled := false
	defer func() {
		if !filled {
			o.Undo()
		}
	}()
	err := fill()
	filled = err == nil
	return err
}

// Undo removes what was created. An Output must not be used after it.
func (o *Output) Undo() {
	for _, name := range slices.Backward(o.made) {
		o.root.Remove(name) // what cannot be removed was reported when it was created
	}
}

// Write writes data to name, and creates missing folders with DirMode. The file has
// FileMode from its first byte and appears whole: it is written next to its final
// place and renamed, and replaces what is there, even a symbolic link. Nothing is
// synced to disk: the peer copies what is written here and removes it.
func (o *Output) Write(name string, data []byte) error {
	if err := o.write(name, data); err != nil {
		return At(name, err)
	}
	o.made = append(o.made, name)
	return nil
}

func (o *Output) write(name string, data []byte) error {
	if err := o.makeDir(path.Dir(name)); err != nil {
		return err
	}
	dir, base, err := o.files.below(o.root, name)
	if err != nil {
		return err
	}
	unfinished := "." + base
	file, err := dir.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, FileMode)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Chmod(FileMode), file.Close()) // the umask may have taken more away
	if err == nil {
		err = dir.Rename(unfinished, base)
	}
	if err != nil {
		dir.Remove(unfinished) // without reporting it: the first error matters
	}
	return err
}

// Copy copies the regular file from in src to the path to, which must not exist,
// with FileMode. It creates missing folders with DirMode.
func (o *Output) Copy(to string, src *Folder, from string) error {
	in, err := src.open(from)
	if err != nil {
		return At(from, err)
	}
	defer in.Close()
	if err := o.makeDir(path.Dir(to)); err != nil {
		return At(to, err)
	}
	dir, base, err := o.files.below(o.root, to)
	if err != nil {
		return At(to, err)
	}
	out, err := dir.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, FileMode)
	if err != nil {
		return At(to, err)
	}
	o.made = append(o.made, to)
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return At(to, err)
	}
	return nil
}

// makeDir creates the folder name and its parents if they are missing. Anything in
// its way, even a symbolic link to a folder, is an error.
func (o *Output) makeDir(name string) error {
	if o.dirs[name] {
		return nil
	}
	if err := o.makeDir(path.Dir(name)); err != nil {
		return err
	}
	switch err := o.root.Mkdir(name, DirMode); {
	case err == nil:
		o.made = append(o.made, name)
	case !errors.Is(err, fs.ErrExist):
		return err
	default:
		info, err := o.root.Lstat(name)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("%q is %s, not a folder", name, kind(info.Mode()))
		}
	}
	o.dirs[name] = true
	return nil
}

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
// that Undo can remove everything again.
type Output struct {
	root  *os.Root
	files *Folder // of root
	made  []string
	dirs  map[string]bool // folders known to exist
}

// NewOutput returns an Output for the folder root, which need not be empty.
func NewOutput(root *os.Root) *Output {
	return &Output{root: root, files: NewFolder(root), dirs: map[string]bool{".": true}}
}

// Close closes what is open, except the folder passed to NewOutput.
func (o *Output) Close() { o.files.Close() }

// Fill runs fill. If fill fails or panics, Fill removes everything that was created.
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

// Undo removes everything that was created. The Output must not be used afterwards.
func (o *Output) Undo() {
	for _, name := range slices.Backward(o.made) {
		o.root.Remove(name) // errors are ignored: the error that led to Undo matters
	}
}

// Write writes data to the file name, and creates missing folders with DirMode. The file has FileMode
// from the start and appears whole: it is written next to its final place and then renamed. It
// replaces an existing file, even a symbolic link. Nothing is synced to disk, because the peer copies
// the files and then removes them.
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
	err = errors.Join(err, file.Chmod(FileMode), file.Close()) // the umask may have removed more bits
	if err == nil {
		err = dir.Rename(unfinished, base)
	}
	if err != nil {
		dir.Remove(unfinished) // errors are ignored: the first one matters
	}
	return err
}

// Copy copies the regular file at the path from in src to the path to, which must not exist. The copy
// has FileMode. Missing folders are created with DirMode.
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

// makeDir creates the folder name and its parents if they are missing. If anything else has one of
// these names, even a symbolic link to a folder, that is an error.
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

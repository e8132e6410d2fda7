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

// Output is a folder that is being filled. It keeps account of what was made in
// it, so that all of that can be taken back.
type Output struct {
	root  *os.Root
	files *Folder // of root
	made  []string
	dirs  map[string]bool // those that are known to be there
}

// NewOutput is the folder root, in which there may be something already.
func NewOutput(root *os.Root) *Output {
	return &Output{root: root, files: NewFolder(root), dirs: map[string]bool{".": true}}
}

// Close closes what is open, but for the folder that was passed in.
func (o *Output) Close() { o.files.Close() }

// Undo removes what was made. It is the last that is done with an Output.
func (o *Output) Undo() {
	for _, name := range slices.Backward(o.made) {
		o.root.Remove(name) // what cannot be removed was reported when it was made
	}
}

// Write puts data at name, in folders of DirMode that it makes where they are
// missing. The file has FileMode from its first byte and appears whole: it is
// written beside its place and renamed, and replaces what stands there, also a
// symbolic link. Nothing waits for the disk: the peer copies what is written here
// and removes it.
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
	dir, base, err := o.files.of(name)
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
		dir.Remove(unfinished) // or what was reported first would be lost in this
	}
	return err
}

// Copy copies the regular file from of src to the path to, where nothing may
// stand yet, in folders of DirMode and with FileMode.
func (o *Output) Copy(to string, src *Folder, from string) error {
	in, err := src.open(from)
	if err != nil {
		return At(from, err)
	}
	defer in.Close()
	if err := o.makeDir(path.Dir(to)); err != nil {
		return At(to, err)
	}
	dir, base, err := o.files.of(to)
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

// makeDir makes the folder name and those it lies in, where they are missing.
// What stands in its way, a symbolic link to a folder too, is an error.
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

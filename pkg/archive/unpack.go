package archive

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"ccaas-template-builder/internal/safefile"
)

// unpacked is a folder to which checked entries are written. It keeps the folder of the last
// file open, because each call on an os.Root opens every folder on the path.
type unpacked struct {
	root *os.Root
	last *os.Root
	name string // path of last below root, or "" if last is nil
}

func (u *unpacked) close() {
	if u.last != nil {
		u.last.Close()
	}
}

func (u *unpacked) write(header *tar.Header, r io.Reader) error {
	name := filepath.Clean(header.Name)
	if header.Typeflag == tar.TypeDir {
		return failure(name, u.root.MkdirAll(name, safefile.DirMode))
	}
	if err := u.enter(path.Dir(name)); err != nil {
		return failure(name, err)
	}
	mode := fs.FileMode(header.Mode).Perm()
	out, err := u.last.OpenFile(path.Base(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return failure(name, err)
	}
	_, err = io.Copy(out, r)
	return failure(name, errors.Join(err, out.Close()))
}

// enter opens a folder as u.last. It creates the folder if it is missing.
func (u *unpacked) enter(name string) error {
	if u.name == name {
		return nil
	}
	if err := u.root.MkdirAll(name, safefile.DirMode); err != nil {
		return err
	}
	next, err := u.root.OpenRoot(name)
	if err != nil {
		return err
	}
	u.close()
	u.last, u.name = next, name
	return nil
}

func failure(name string, err error) error {
	if err == nil {
		return nil
	}
	return safefile.At(name, err)
}

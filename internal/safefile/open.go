package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Whoever may write to a folder can put something else in the place of a file at any
// moment. So nothing here looks at a name and then opens it: what was opened is
// looked at. A pipe or a device is opened without waiting for its other end.
const noWaiting = syscall.O_NONBLOCK | syscall.O_NOCTTY

// ErrNotRegular matches the error for what is not a regular file.
var ErrNotRegular = errors.New("is not a regular file")

var errReplaced = errors.New("was replaced while it was being opened")

type kindError struct{ mode fs.FileMode }

func (e kindError) Error() string        { return fmt.Sprintf("is %s, not a regular file", kind(e.mode)) }
func (e kindError) Is(target error) bool { return target == ErrNotRegular }

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return "a file"
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// OpenRegular opens the regular file name below root with flag, and never waits for
// it. If there is one that cannot be opened, info is returned with the error.
func OpenRegular(root *os.Root, name string, flag int) (file *os.File, info fs.FileInfo, err error) {
	file, err = root.OpenFile(name, flag|noWaiting, 0)
	named, lookErr := root.Lstat(name)
	switch {
	case lookErr == nil && !named.Mode().IsRegular():
		if err == nil {
			file.Close()
		}
		return nil, nil, kindError{named.Mode()}
	case err != nil:
		return nil, named, err // which is nil if there is none
	}
	if info, err = file.Stat(); err == nil {
		err = lookErr
	}
	if err == nil && !os.SameFile(info, named) { // os.Root follows a link that stays below it
		err = errReplaced
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// open opens a regular file. The file system of an os.Root would refuse a name that is
// not UTF-8.
func open(dir Dir, name string) (fs.File, fs.FileInfo, error) {
	if root, ok := dir.(*os.Root); ok {
		file, info, err := OpenRegular(root, name, os.O_RDONLY)
		return file, info, err
	}
	info, err := dir.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, kindError{info.Mode()}
	}
	file, err := dir.FS().Open(name)
	return file, info, err
}

// OpenRoot opens a folder, and never waits for what is none.
func OpenRoot(dir string) (*os.Root, error) {
	if dir != "" {
		dir += "/." // what is not a folder has no such entry
	}
	return os.OpenRoot(dir)
}

// OpenRootIn is OpenRoot for the folder dir below root.
func OpenRootIn(root *os.Root, dir string) (*os.Root, error) { return root.OpenRoot(dir + "/.") }

// ErrLink is the error for a symbolic link where a folder was expected.
var ErrLink = errors.New("is a symbolic link, not a folder")

// OpenItself opens the folder name of root, to which a link is ErrLink.
func OpenItself(root *os.Root, name string) (*os.Root, error) {
	dir, err := OpenRootIn(root, name)
	named, lookErr := root.Lstat(name)
	isLink := lookErr == nil && named.Mode()&fs.ModeSymlink != 0
	if err != nil {
		if isLink {
			err = ErrLink
		}
		return nil, err
	}
	opened, err := dir.Stat(".")
	switch {
	case isLink:
		err = ErrLink
	case err == nil && lookErr != nil:
		err = lookErr
	case err == nil && !os.SameFile(opened, named):
		err = errReplaced
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

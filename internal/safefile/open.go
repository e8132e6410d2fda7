package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Anyone who may write to a folder can replace a file in it at any moment. So on a disk, nothing here
// checks a name and then opens it: a file is opened first and then checked. With noWaiting, opening a
// pipe or a device does not wait for its other end.
const noWaiting = syscall.O_NONBLOCK | syscall.O_NOCTTY

// ErrNotRegular matches the error for anything that is not a regular file.
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

// OpenRegular opens the regular file name below root with flag, and never waits for it. If the file
// exists but cannot be opened, info is returned with the error.
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
		return nil, named, err // named is nil if the file does not exist
	}
	if info, err = file.Stat(); err == nil {
		err = lookErr
	}
	if err == nil && !os.SameFile(info, named) { // os.Root follows symbolic links that stay below it
		err = errReplaced
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// open opens a regular file. It does not use the FS of an os.Root, which rejects names that are not
// UTF-8.
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

// OpenRoot opens a folder. If dir is something else, such as a pipe, it fails without waiting.
func OpenRoot(dir string) (*os.Root, error) {
	if dir != "" {
		dir += "/." // only a folder has this entry
	}
	return os.OpenRoot(dir)
}

// OpenRootIn is like OpenRoot, for the folder dir below root.
func OpenRootIn(root *os.Root, dir string) (*os.Root, error) { return root.OpenRoot(dir + "/.") }

// ErrLink is the error for a symbolic link where a folder was expected.
var ErrLink = errors.New("is a symbolic link, not a folder")

// OpenItself opens the folder name in root. If name is a symbolic link, the error is ErrLink.
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

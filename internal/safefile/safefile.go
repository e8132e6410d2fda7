// Package safefile reads and writes the files of a package and of a build: only
// regular files, never outside their folder, never larger than a limit, and
// written whole or not at all, with modes that do not depend on the author's.
package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// MaxEntries is how many files and folders a package may hold.
const MaxEntries = 20_000

// MaxPaths is how long the paths of its files may be altogether, in bytes.
const MaxPaths = 8 << 20

// MaxDepth is how deep its folders may nest.
const MaxDepth = 32

// Dir is a folder on a disk, an *os.Root, or one in memory.
type Dir interface {
	FS() fs.FS
	Lstat(name string) (fs.FileInfo, error)
}

// Read returns the content of the regular file name below dir, of at most
// limit bytes. A missing file is an error that wraps fs.ErrNotExist.
func Read(dir Dir, name string, limit int64) ([]byte, error) {
	return read(dir, name, name, limit)
}

// read reads the file base in a folder, which errors call name.
func read(folder Dir, base, name string, limit int64) ([]byte, error) {
	file, info, err := open(folder, base)
	if err == nil {
		defer file.Close()
	}
	if info != nil {
		if refused := checkRegular(info); refused != nil {
			err = refused
		} else if info.Size() > limit {
			err = tooLarge(limit)
		}
	}
	if err != nil {
		return nil, At(name, err)
	}
	data, err := ReadAll(file, limit)
	if err != nil {
		return nil, At(name, err)
	}
	return data, nil
}

// checkRegular rejects anything but a regular file, and a file whose mode does not
// let even its owner read it: the peer keeps the modes of a package, and such a
// file would work only where the peer runs as root.
func checkRegular(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return kindError{info.Mode()}
	}
	if info.Mode().Perm()&0o400 == 0 {
		return fmt.Errorf("has mode %04o, so its owner cannot read it: package it with mode 0644", info.Mode().Perm())
	}
	return nil
}

// ErrIsDir is the error for a folder where a file was expected.
var ErrIsDir = errors.New("it is a folder, not a regular file")

// CheckDir reports why the folder dir, which an operator named, cannot be read.
// The error does not hold the path.
func CheckDir(dir string) error {
	root, err := OpenRoot(dir)
	if err != nil {
		return Reason(err)
	}
	return root.Close()
}

// ReadOperators returns the content of a file that the operator named by its path,
// of at most limit bytes. It follows symbolic links, which Kubernetes uses. The
// error does not hold the path, which is an operator's value.
func ReadOperators(file string, limit int64) ([]byte, error) {
	f, _, err := OpenOperators(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadAll(f, limit)
}

// OpenOperators is ReadOperators for a file that is to be read bit by bit.
func OpenOperators(file string) (*os.File, fs.FileInfo, error) {
	return openOperators(file, os.O_RDONLY)
}

func openOperators(file string, flag int) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(file, flag|noWaiting, 0)
	if err != nil {
		if info, statErr := os.Stat(file); statErr == nil && !info.Mode().IsRegular() {
			err = notOperators(info)
		}
		return nil, nil, Reason(err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notOperators(info)
	}
	if err != nil {
		f.Close()
		return nil, nil, Reason(err)
	}
	return f, info, nil
}

func notOperators(info fs.FileInfo) error {
	if info.IsDir() {
		return ErrIsDir
	}
	return fmt.Errorf("it %w", kindError{info.Mode()})
}

// ReadAll returns what r has, of at most limit bytes. The error does not hold a path.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, Reason(err)
	}
	if int64(len(data)) > limit {
		return nil, tooLarge(limit)
	}
	return data, nil
}

func tooLarge(limit int64) error { return fmt.Errorf("is larger than %d bytes", limit) }

// Files returns the regular files below the folder dir in root, by their slash
// paths in root and in lexical order; none if there is no such folder. Anything
// in it that is neither a regular file nor a folder is an error.
func Files(root Dir, dir string) ([]string, error) {
	switch info, err := root.Lstat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, At(dir, err)
	case !info.IsDir():
		return nil, At(dir, fmt.Errorf("is %s, not a folder", kind(info.Mode())))
	}
	var files []string
	entries, left := 0, MaxPaths
	err := fs.WalkDir(root.FS(), dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return At(name, err)
		}
		if entries++; entries > MaxEntries {
			return fmt.Errorf("%q holds more than %d files and folders", dir, MaxEntries)
		}
		if strings.Count(name, "/") > MaxDepth {
			return fmt.Errorf("%q: folders nest deeper than %d", dir, MaxDepth)
		}
		if entry.IsDir() {
			return nil
		}
		info, err := entry.Info()
		if err == nil {
			err = checkRegular(info)
		}
		if err != nil {
			return At(name, err)
		}
		if left -= len(name); left < 0 {
			return fmt.Errorf("%q: the paths of its files are longer than %d bytes altogether", dir, MaxPaths)
		}
		files = append(files, name)
		return nil
	})
	return files, err
}

// Open opens the folder dir. In errors, what says what it is.
func Open(dir, what string) (*os.Root, error) {
	root, err := OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", what, dir, Reason(err))
	}
	return root, nil
}

// FileError says what is wrong with one file of a package or of a build.
type FileError struct {
	Name string
	Err  error
}

func (e *FileError) Error() string { return fmt.Sprintf("%q: %v", e.Name, e.Err) }
func (e *FileError) Unwrap() error { return e.Err }

// At is err, which is not nil, as a *FileError of the file called name.
func At(name string, err error) error { return &FileError{name, Reason(err)} }

// Reason is what went wrong without the path, which is in the line already or must
// not be.
func Reason(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	var linkError *os.LinkError
	if errors.As(err, &linkError) {
		return linkError.Err
	}
	return err
}

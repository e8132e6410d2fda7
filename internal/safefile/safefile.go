// Package safefile reads and writes the files of a package and of a build. It reads only regular
// files, never outside their folder and never larger than a limit. It writes files whole or not at
// all, with modes that do not depend on the modes in the package.
package safefile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"
)

// MaxEntries is the maximum number of files and folders in a package.
const MaxEntries = 20_000

// MaxPaths is the maximum total length of the paths of its files, in bytes.
const MaxPaths = 8 << 20

// MaxDepth is the maximum nesting depth of its folders.
const MaxDepth = 32

// Dir is a folder: an *os.Root for a folder on a disk, or a folder in memory.
type Dir interface {
	FS() fs.FS
	Lstat(name string) (fs.FileInfo, error)
}

// Read returns the content of the regular file name below dir, which may have at most limit bytes. If
// the file is missing, the error wraps fs.ErrNotExist.
func Read(dir Dir, name string, limit int64) ([]byte, error) {
	return read(dir, name, name, limit)
}

// read reads the file base in folder. In errors, the file is called name.
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

// checkRegular rejects anything except a regular file. It also rejects a file whose mode does not
// allow its owner to read it: the peer keeps the modes in a package, so such a file would work only if
// the peer runs as root.
func checkRegular(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return kindError{info.Mode()}
	}
	if info.Mode().Perm()&0o400 == 0 {
		return fmt.Errorf("has mode %04o, so its owner cannot read it: package it with mode 0644", info.Mode().Perm())
	}
	return nil
}

// ErrIsDir is the error for a folder where a regular file was expected.
var ErrIsDir = errors.New("it is a folder, not a regular file")

// CheckDir returns an error if the folder dir, which an operator named, cannot be opened. The error
// does not contain the path.
func CheckDir(dir string) error {
	root, err := OpenRoot(dir)
	if err != nil {
		return Reason(err)
	}
	return root.Close()
}

// ReadOperators returns the content of a file that the operator named by its path. The file may have
// at most limit bytes. Symbolic links are followed, because Kubernetes uses them. The error does not
// contain the path, which is an operator's value.
func ReadOperators(file string, limit int64) ([]byte, error) {
	f, _, err := OpenOperators(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadAll(f, limit)
}

// OpenOperators is like ReadOperators, but opens the file instead of reading all of it.
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

// ReadAll returns the content of r, which may have at most limit bytes. The error does not contain a
// path.
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

// Files returns the slash-separated paths in root of all regular files below the folder dir, in
// lexical order, or nil if dir does not exist. Anything in dir that is neither a regular file nor a
// folder is an error.
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
	var misnamed error // the first such error, so that the other files are listed
	entries, left := 0, MaxPaths
	err := fs.WalkDir(root.FS(), dir, func(name string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.IsDir() && !utf8.ValidString(name) { // the file system of an os.Root rejects it
			misnamed = cmp.Or(misnamed, At(name, errors.New("is a folder whose name is not UTF-8: rename it")))
			if err != nil {
				return fs.SkipDir
			}
		}
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
	return files, cmp.Or(err, misnamed)
}

// Open opens the folder dir. what describes the folder in errors, for example "package folder".
func Open(dir, what string) (*os.Root, error) {
	root, err := OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%s %q: %w", what, dir, Reason(err))
	}
	return root, nil
}

// FileError describes a problem with a file of a package or of a build.
type FileError struct {
	Name string
	Err  error
}

func (e *FileError) Error() string { return fmt.Sprintf("%q: %v", e.Name, e.Err) }
func (e *FileError) Unwrap() error { return e.Err }

// At returns err, which must not be nil, as a *FileError for the file name.
func At(name string, err error) error { return &FileError{name, Reason(err)} }

// Reason returns err without its path, which the error line already contains or must not contain.
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

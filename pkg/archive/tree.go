package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"

	"ccaas-template-builder/internal/safefile"
)

// maxName is the longest file or folder name that file systems accept, in bytes.
const maxName = 255

// node is a file or a folder of the code archive. It is also its fs.FileInfo and fs.DirEntry.
type node struct {
	name     string
	mode     fs.FileMode
	size     int64
	content  []byte           // of a file, if held in memory
	children map[string]*node // of a folder
}

func newFolder(name string) *node {
	return &node{name: name, mode: fs.ModeDir | safefile.DirMode, children: map[string]*node{}}
}

func (n *node) Name() string               { return n.name }
func (n *node) Size() int64                { return n.size }
func (n *node) Mode() fs.FileMode          { return n.mode }
func (n *node) Type() fs.FileMode          { return n.mode.Type() }
func (n *node) ModTime() time.Time         { return time.Time{} }
func (n *node) IsDir() bool                { return n.mode.IsDir() }
func (n *node) Sys() any                   { return nil }
func (n *node) Info() (fs.FileInfo, error) { return n, nil }

// tree holds the files and folders of the code archive, as far as it has been read.
type tree struct {
	root      *node
	count     int   // of files and folders, without the root
	bytesLeft int64 // still allowed for files
	paths     paths
}

func newTree() *tree {
	return &tree{root: newFolder("."), bytesLeft: maxUnpacked}
}

// paths is the total length of the paths of an archive, in bytes.
type paths int

// add adds a path, or rejects it if it is too long or if all are together.
func (p *paths) add(name string) error {
	if len(name) > maxPath {
		return fmt.Errorf("%.40q…: is a path longer than %d bytes", name, maxPath)
	}
	if *p += paths(len(name)); *p > safefile.MaxPaths {
		return fmt.Errorf("has paths that are longer than %d bytes altogether", safefile.MaxPaths)
	}
	return nil
}

// check adds an entry of the archive, or rejects it: see Unpack.
func (t *tree) check(header *tar.Header, _ io.Reader) error {
	name := filepath.Clean(header.Name)
	if err := checkPath(name); err != nil {
		return err
	}
	if err := t.paths.add(name); err != nil {
		return err
	}
	var err error
	switch header.Typeflag {
	case tar.TypeDir:
		_, err = t.folder(name)
	case tar.TypeReg:
		if strings.HasSuffix(header.Name, "/") {
			return fmt.Errorf("%q: is a file with a folder's name, so the peer rejects the package", header.Name)
		}
		t.bytesLeft -= header.Size
		err = t.file(name, fs.FileMode(header.Mode), header.Size)
	default:
		return fmt.Errorf("%q: is neither a regular file nor a folder, so the peer rejects the package", header.Name)
	}
	switch {
	case errors.Is(err, errTooMany):
		return err
	case err != nil:
		return fmt.Errorf("%q: %w", header.Name, err)
	}
	if t.bytesLeft < 0 {
		return fmt.Errorf("is larger than %d bytes when unpacked", maxUnpacked)
	}
	return nil
}

// folder returns the folder at the path name. It adds this folder and its parents if they are
// missing, because an archive need not list them.
func (t *tree) folder(name string) (*node, error) {
	folder := t.root
	for part := range strings.SplitSeq(name, "/") {
		if part == "." {
			continue // the root itself
		}
		next := folder.children[part]
		switch {
		case next == nil:
			next = newFolder(strings.Clone(part)) // a substring would keep the whole path in memory
			if err := t.add(folder, next); err != nil {
				return nil, err
			}
		case !next.IsDir():
			return nil, fmt.Errorf("%q is also a file", part)
		}
		folder = next
	}
	return folder, nil
}

// file adds a file, and its parent folders if they are missing.
func (t *tree) file(name string, mode fs.FileMode, size int64) error {
	folder, err := t.folder(path.Dir(name))
	if err != nil {
		return err
	}
	base := path.Base(name)
	if existing := folder.children[base]; existing != nil || name == "." {
		if name == "." || existing.IsDir() {
			return errors.New("is also a folder")
		}
		return errors.New("appears twice")
	}
	return t.add(folder, &node{name: strings.Clone(base), mode: mode.Perm(), size: size})
}

func (t *tree) add(folder, n *node) error {
	if len(n.name) > maxName {
		return fmt.Errorf("%.40q… is longer than %d bytes", n.name, maxName)
	}
	if t.count++; t.count > safefile.MaxEntries {
		return errTooMany
	}
	folder.children[n.name] = n
	return nil
}

// find returns the file or folder at a path, or nil.
func (t *tree) find(name string) *node {
	found := t.root
	if name == "." {
		return found
	}
	for part := range strings.SplitSeq(name, "/") {
		if found = found.children[part]; found == nil { // a file has no children
			return nil
		}
	}
	return found
}

// checkPath rejects a path that points outside the archive, as the peer does (ValidPath in
// core/container/externalbuilder), and a path that is too deep or contains NUL.
func checkPath(name string) error {
	switch {
	case !filepath.IsLocal(name):
		return fmt.Errorf("%q: is absolute or points outside the archive, so the peer rejects the package", name)
	case strings.Count(name, "/") > safefile.MaxDepth:
		return fmt.Errorf("%.40q…: folders nest deeper than %d", name, safefile.MaxDepth)
	case strings.ContainsRune(name, 0):
		return fmt.Errorf("%.40q…: is not a valid file path", name)
	}
	return nil
}

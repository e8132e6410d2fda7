package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
)

// Limits on the package code held in memory, in bytes. No caller reads larger files, or more
// in total.
const (
	maxHeld     = 64 << 10 // for one file
	maxHeldCode = 8 << 20  // for all files
)

// Code is a package's code in memory, as it would be after unpacking: the names, sizes and
// modes of all files, and the content of the files that a builder or ccaas lint reads.
type Code struct{ tree *tree }

// Code reads code.tar.gz. It rejects what Unpack rejects.
func (p *Package) Code(ctx context.Context) (*Code, error) {
	code := &Code{newTree()}
	if err := p.eachCode(ctx, code.tree.check); err != nil {
		return nil, err
	}
	held := code.wanted()
	return code, p.eachCode(ctx, func(header *tar.Header, r io.Reader) (err error) {
		if n := code.tree.find(filepath.Clean(header.Name)); held[n] {
			n.content, err = io.ReadAll(r)
		}
		return err
	})
}

// wanted returns the files whose content is to be held in memory.
func (c *Code) wanted() map[*node]bool {
	wanted := map[*node]bool{}
	left := int64(maxHeldCode)
	others, _ := safefile.Files(c, ".") // errors are reported when the files are read
	for _, name := range append(chaincode.Contents(c), others...) {
		n := c.tree.find(name)
		if n.IsDir() || n.size > maxHeld || wanted[n] {
			continue
		}
		if left -= n.size; left < 0 {
			break
		}
		wanted[n] = true
	}
	return wanted
}

// Lstat describes a file or a folder.
func (c *Code) Lstat(name string) (fs.FileInfo, error) { return c.find("lstat", name) }

// FS returns the code as a file system. Its file names need not be valid UTF-8.
func (c *Code) FS() fs.FS { return codeFS{c} }

func (c *Code) find(op, name string) (*node, error) {
	if n := c.tree.find(name); n != nil {
		return n, nil
	}
	return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

type codeFS struct{ code *Code }

func (f codeFS) Open(name string) (fs.File, error) {
	n, err := f.code.find("open", name)
	if err != nil {
		return nil, err
	}
	if n.IsDir() {
		return &openFolder{n, n.entries()}, nil
	}
	if int64(len(n.content)) < n.size {
		err := fmt.Errorf("is not held: the code has more than %d bytes to be read", maxHeldCode)
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return openFile{n, bytes.NewReader(n.content)}, nil
}

func (f codeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := f.code.find("readdir", name)
	if err != nil {
		return nil, err
	}
	return n.entries(), nil
}

func (f codeFS) Stat(name string) (fs.FileInfo, error) { return f.code.Lstat(name) }

// entries returns the entries of a folder, in lexical order.
func (n *node) entries() []fs.DirEntry {
	var entries []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		entries = append(entries, n.children[name])
	}
	return entries
}

type openFile struct {
	*node
	*bytes.Reader
}

func (f openFile) Stat() (fs.FileInfo, error) { return f.node, nil }
func (f openFile) Close() error               { return nil }
func (f openFile) Size() int64                { return f.node.size }

// openFolder is an open folder; rest holds the entries not read yet.
type openFolder struct {
	*node
	rest []fs.DirEntry
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return f.node, nil }
func (f *openFolder) Close() error               { return nil }
func (f *openFolder) Read([]byte) (int, error)   { return 0, errors.New("is a folder") }

func (f *openFolder) ReadDir(n int) (entries []fs.DirEntry, err error) {
	if n <= 0 {
		n = len(f.rest)
	} else if len(f.rest) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(f.rest))
	entries, f.rest = f.rest[:n], f.rest[n:]
	return entries, nil
}

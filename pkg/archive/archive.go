// Package archive reads and writes chaincode package files: gzip tars of metadata.json and
// code.tar.gz. It writes packages whose bytes depend only on their content ([Write]), and
// reads packages as strictly as the peer does ([Open], [Parse]).
package archive

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
)

// Limits on what is read. The peer has none. Packages for this builder need little space:
// they hold a template and indexes.
const (
	MaxFile     = 64 << 20  // of a package file, in bytes
	maxUnpacked = 128 << 20 // of all files in its code.tar.gz, in bytes
	maxPath     = 3 << 10   // of a file's path, which the peer appends to the path of its scratch folder
)

var errTooMany = fmt.Errorf("has more than %d entries, folders included", safefile.MaxEntries)

// Package is a chaincode package that was read.
type Package struct {
	ID       string
	Metadata chaincode.Metadata
	// RawMetadata is metadata.json exactly as in the package.
	RawMetadata []byte
	// Unknown names the entries other than metadata.json and code.tar.gz. The peer ignores them.
	Unknown []string
	sum     [sha256.Size]byte
	data    []byte // the bytes of the package, or nil after Open
	file    string // the name of the package file after Open
}

// Bytes returns the bytes of a package made by Write or read by Parse; their hash is in the
// package ID. It returns nil after Open, which leaves the bytes in the file: use WriteTo.
func (p *Package) Bytes() []byte { return p.data }

// WriteTo writes the bytes of the package, whose hash is in the package ID.
func (p *Package) WriteTo(w io.Writer) (int64, error) {
	var count int64
	err := p.read(context.Background(), func(r io.Reader) (err error) {
		count, err = io.Copy(w, r)
		return err
	})
	return count, err
}

// Open reads the package in file with the same checks as the peer (ParseChaincodePackage in
// core/chaincode/persistence). It also rejects duplicate entries, because the peer
// sometimes uses the first and sometimes the last. Its error is a *safefile.FileError,
// unless ctx has ended.
//
// The package is not held in memory. Its methods read the file again, and fail if it has
// changed.
func Open(ctx context.Context, file string) (*Package, error) {
	p := &Package{file: file}
	if err := p.parse(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, safefile.At(file, err)
	}
	return p, nil
}

// Parse reads a package in memory with the same checks as Open. The package keeps data.
func Parse(data []byte) (*Package, error) {
	p := &Package{data: data}
	if err := p.parse(context.Background()); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Package) parse(ctx context.Context) error {
	seen := map[string]bool{}
	var names paths
	var folder error // the error for the first folder entry; other entries may explain the file better
	err := p.each(ctx, func(header *tar.Header, r io.Reader) error {
		if err := names.add(header.Name); err != nil {
			return err
		}
		if seen[header.Name] {
			return fmt.Errorf("%q: appears twice", header.Name)
		}
		seen[header.Name] = true
		if header.Typeflag != tar.TypeReg {
			err := fmt.Errorf("%q: is not a regular file, so the peer rejects the package: %s", header.Name, makeWithTar)
			if folder = cmp.Or(folder, err); header.Typeflag != tar.TypeDir {
				return folder
			}
			return nil
		}
		switch header.Name {
		case chaincode.MetadataFile:
			return p.readMetadata(r)
		case chaincode.CodeFile:
		default:
			p.Unknown = append(p.Unknown, header.Name)
		}
		return nil
	})
	complete := seen[chaincode.MetadataFile] && seen[chaincode.CodeFile]
	switch {
	case err == nil && !complete:
		return p.incomplete(seen, folder)
	case folder != nil:
		return folder
	case err != nil:
		return err
	}
	if err := chaincode.CheckLabel(p.Metadata.Label); err != nil {
		return err
	}
	p.ID = chaincode.PackageID(p.Metadata.Label, p.sum)
	return nil
}

// read passes the bytes of the package to use, and records their SHA-256. If the package
// already has an ID, it checks that the SHA-256 is unchanged.
func (p *Package) read(ctx context.Context, use func(io.Reader) error) error {
	in := &io.LimitedReader{R: bytes.NewReader(p.data), N: math.MaxInt64}
	if p.file != "" {
		file, info, err := safefile.OpenOperators(p.file)
		if err != nil {
			return err
		}
		defer file.Close()
		if info.Size() > MaxFile {
			return fmt.Errorf("is larger than %d bytes", MaxFile)
		}
		in.R, in.N = file, MaxFile+1 // the file may be growing
	}
	hash := sha256.New()
	r := io.TeeReader(interruptible{ctx, in}, hash)
	if err := use(r); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // the hash covers data after the archive too
		return safefile.Reason(err)
	}
	sum := [sha256.Size]byte(hash.Sum(nil))
	if p.ID != "" && sum != p.sum || in.N == 0 {
		return errors.New("was changed while it was being read")
	}
	p.sum = sum
	return nil
}

// each calls visit for each entry of the package.
func (p *Package) each(ctx context.Context, visit func(*tar.Header, io.Reader) error) error {
	return p.read(ctx, func(r io.Reader) error { return entries(ctx, r, 2*maxUnpacked, visit) })
}

// interruptible is a reader that fails when ctx has ended.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

func (p *Package) readMetadata(r io.Reader) (err error) {
	if p.RawMetadata, err = io.ReadAll(io.LimitReader(r, chaincode.MaxMetadata+1)); err != nil {
		return err
	}
	if len(p.RawMetadata) > chaincode.MaxMetadata {
		return fmt.Errorf("%s is larger than %d bytes", chaincode.MetadataFile, chaincode.MaxMetadata)
	}
	p.Metadata, err = chaincode.ParseMetadata(p.RawMetadata)
	return err
}

// EachUnknown calls visit for each entry in Unknown, with its size in bytes and its content.
func (p *Package) EachUnknown(ctx context.Context, visit func(name string, size int64, r io.Reader) error) error {
	return p.each(ctx, func(header *tar.Header, r io.Reader) error {
		if header.Name == chaincode.MetadataFile || header.Name == chaincode.CodeFile {
			return nil
		}
		return visit(header.Name, header.Size, r)
	})
}

// Unpack writes the files of code.tar.gz below dir, as the peer's Untar does
// (core/container/externalbuilder): folders with mode 0700, files with their modes in the
// archive. Before it writes anything, it rejects what the peer rejects, duplicate files,
// and more than safefile.MaxEntries files and folders, including folders without an entry.
func (p *Package) Unpack(ctx context.Context, dir *os.Root) error {
	if err := p.eachCode(ctx, newTree().check); err != nil {
		return err
	}
	to := &unpacked{root: dir}
	defer to.close()
	return p.eachCode(ctx, to.write)
}

// Template returns the only connection.json template in code.tar.gz, under its name after
// unpacking. It rejects what Unpack rejects.
func (p *Package) Template() (File, error) {
	var found []string
	var template File
	tree := newTree()
	err := p.eachCode(context.Background(), func(header *tar.Header, r io.Reader) (err error) {
		name := filepath.Clean(header.Name)
		if err := tree.check(header, r); err != nil || !chaincode.IsTemplateFile(name) {
			return err
		}
		found = append(found, name)
		template.Name = name
		if header.Size > chaincode.MaxConnection {
			return safefile.At(name, fmt.Errorf("is larger than %d bytes", chaincode.MaxConnection))
		}
		template.Content, err = io.ReadAll(r)
		return err
	})
	if err == nil {
		_, err = chaincode.OneTemplate(found)
	}
	return template, err
}

// eachCode calls visit for each entry of code.tar.gz.
func (p *Package) eachCode(ctx context.Context, visit func(*tar.Header, io.Reader) error) error {
	return p.each(ctx, func(header *tar.Header, r io.Reader) error {
		if header.Name != chaincode.CodeFile {
			return nil
		}
		if err := entries(ctx, r, 2*maxUnpacked, visit); err != nil {
			return fmt.Errorf("%s: %w", chaincode.CodeFile, err)
		}
		return nil
	})
}

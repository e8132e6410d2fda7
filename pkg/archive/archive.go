// Package archive reads and writes a chaincode package as a file: a gzip tar of
// metadata.json and code.tar.gz. It writes packages whose bytes depend only on
// their content ([Write]), and reads them as strictly as the peer does ([Open], [Parse]).
package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
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

// Limits on what is read. The peer has none; the packages that this builder
// accepts hold a template and indexes.
const (
	MaxFile     = 64 << 20  // of a package file, in bytes
	maxUnpacked = 128 << 20 // of all files in its code.tar.gz, in bytes
	maxPath     = 3 << 10   // of a file's path, which follows that of the peer's scratch folder
)

var errTooMany = fmt.Errorf("has more than %d entries, folders included", safefile.MaxEntries)

// Package is a chaincode package that was read.
type Package struct {
	ID       string
	Metadata chaincode.Metadata
	// RawMetadata is metadata.json exactly as in the package.
	RawMetadata []byte
	// Unknown are the entries that are neither metadata nor code, which the peer ignores.
	Unknown []string
	sum     [sha256.Size]byte
	data    []byte // its bytes, or
	file    string // the name of the file that has them
}

// Bytes are the bytes of a package that Write made or Parse read, from which its
// ID is computed. There are none after Open, which leaves them in the file: see WriteTo.
func (p *Package) Bytes() []byte { return p.data }

// WriteTo writes the bytes of the package, from which its ID is computed.
func (p *Package) WriteTo(w io.Writer) (int64, error) {
	var count int64
	err := p.read(context.Background(), func(r io.Reader) (err error) {
		count, err = io.Copy(w, r)
		return err
	})
	return count, err
}

// Open reads the package in file by the rules of the peer
// (ParseChaincodePackage of core/chaincode/persistence). It also rejects an
// entry that appears twice: the peer sometimes uses the first, sometimes the
// last. Its error is a *safefile.FileError, unless ctx has ended.
//
// The package is not held in memory. Its methods read the file again, and fail if
// it is not the same any more.
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

// Parse is Open for a package in memory, which it keeps.
func Parse(data []byte) (*Package, error) {
	p := &Package{data: data}
	if err := p.parse(context.Background()); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Package) parse(ctx context.Context) error {
	seen := map[string]bool{}
	var folder error // the first; what else there is tells what the file may be
	err := p.each(ctx, func(header *tar.Header, r io.Reader) error {
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

// read passes the bytes of the package to use, and checks that they are those that
// its ID was computed from; the first time, it takes their sum.
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
		in.R, in.N = file, MaxFile+1 // it may be growing
	}
	hash := sha256.New()
	r := io.TeeReader(interruptible{ctx, in}, hash)
	if err := use(r); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil { // what follows the archive counts too
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

// Entry returns the content of an entry of the package file, or nothing if it is
// longer than limit bytes.
func (p *Package) Entry(name string, limit int64) (content []byte, err error) {
	err = p.each(context.Background(), func(header *tar.Header, r io.Reader) error {
		if header.Name != name || header.Size > limit {
			return nil
		}
		content, err = io.ReadAll(r)
		return err
	})
	return content, err
}

// Unpack writes the files of code.tar.gz below dir, as the peer's Untar does
// (core/container/externalbuilder): folders 0700, files with the modes they
// have in the archive. Before it writes anything, it rejects what the peer
// rejects, a file that appears twice, and more files and folders than
// safefile.MaxEntries, whether they have entries of their own or not.
func (p *Package) Unpack(ctx context.Context, dir *os.Root) error {
	if err := p.eachCode(ctx, newTree().check); err != nil {
		return err
	}
	to := &unpacked{root: dir}
	defer to.close()
	return p.eachCode(ctx, to.write)
}

// Template returns the only template of connection.json in code.tar.gz, as it
// would be found after unpacking. It rejects what Unpack rejects.
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

// entries calls visit for each entry of a gzip tar, which must unpack to less
// than limit bytes.
func entries(ctx context.Context, r io.Reader, limit int64, visit func(*tar.Header, io.Reader) error) error {
	buffered := bufio.NewReaderSize(r, 64<<10)
	head, headErr := buffered.Peek(headSize)
	unzipped, err := gzip.NewReader(buffered)
	if ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil {
		return notGzip(head, headErr)
	}
	left := &io.LimitedReader{R: interruptible{ctx, unzipped}, N: limit}
	tooMuch := fmt.Errorf("unpacks to %d bytes or more", limit)
	reader := tar.NewReader(left)
	for count := 0; ; count++ {
		header, err := reader.Next()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case left.N == 0: // check this before io.EOF, which the limit may have caused
			return tooMuch
		case err == io.EOF:
			return nil
		case err != nil:
			return notTar(unzipped, count == 0, err)
		case count == safefile.MaxEntries:
			return errTooMany
		}
		switch err := visit(header, reader); {
		case err != nil && left.N == 0:
			return tooMuch
		case errors.Is(err, io.ErrUnexpectedEOF):
			return notTar(unzipped, false, err)
		case err != nil:
			return err
		}
	}
}

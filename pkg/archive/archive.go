// Package archive reads and writes a chaincode package as a file: a gzip tar of
// metadata.json and code.tar.gz. It writes packages whose bytes depend only on
// their content ([Write]), and reads them as strictly as the peer does ([Open], [Parse]).
package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

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

// Package is a chaincode package that was read.
type Package struct {
	ID       string
	Metadata chaincode.Metadata
	// RawMetadata is metadata.json exactly as in the package.
	RawMetadata []byte
	// Unknown are the entries that are neither metadata nor code, which the peer ignores.
	Unknown []string
	data    []byte
}

// Bytes are the bytes of the package, from which its ID is computed.
func (p *Package) Bytes() []byte { return p.data }

// Open reads the package in file by the rules of the peer
// (ParseChaincodePackage of core/chaincode/persistence). It also rejects an
// entry that appears twice: the peer sometimes uses the first, sometimes the
// last. Its error is a *safefile.FileError.
func Open(file string) (*Package, error) {
	data, err := safefile.ReadOperators(file, MaxFile)
	if err != nil {
		return nil, safefile.At(file, err)
	}
	p, err := Parse(data)
	if err != nil {
		return nil, safefile.At(file, err)
	}
	return p, nil
}

// Parse is Open for a package in memory, which it keeps.
func Parse(data []byte) (*Package, error) {
	p := &Package{data: data}
	seen := map[string]bool{}
	err := entries(bytes.NewReader(data), 2*maxUnpacked, func(header *tar.Header, r io.Reader) error {
		if header.Typeflag != tar.TypeReg {
			return fmt.Errorf("%q: is not a regular file, so the peer rejects the package: "+
				"create it with tar czf PACKAGE %s %s", header.Name, chaincode.MetadataFile, chaincode.CodeFile)
		}
		if seen[header.Name] {
			return fmt.Errorf("%q: appears twice", header.Name)
		}
		seen[header.Name] = true
		switch header.Name {
		case chaincode.MetadataFile:
			return p.readMetadata(r)
		case chaincode.CodeFile:
		default:
			p.Unknown = append(p.Unknown, header.Name)
		}
		return nil
	})
	switch {
	case err != nil:
	case !seen[chaincode.CodeFile]:
		err = fmt.Errorf("is not a chaincode package: it has no %s", chaincode.CodeFile)
	case p.RawMetadata == nil:
		err = fmt.Errorf("is not a chaincode package: it has no %s", chaincode.MetadataFile)
	default:
		err = chaincode.CheckLabel(p.Metadata.Label)
	}
	if err != nil {
		return nil, err
	}
	p.ID = chaincode.PackageID(p.Metadata.Label, sha256.Sum256(data))
	return p, nil
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
	err = entries(bytes.NewReader(p.data), 2*maxUnpacked, func(header *tar.Header, r io.Reader) error {
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
// rejects, and a file that appears twice.
func (p *Package) Unpack(dir *os.Root) error {
	if err := p.eachCode(checker()); err != nil {
		return err
	}
	return p.eachCode(func(header *tar.Header, r io.Reader) error { return write(dir, header, r) })
}

// Template returns the only template of connection.json in code.tar.gz, as it
// would be found after unpacking. It rejects what Unpack rejects.
func (p *Package) Template() (File, error) {
	var found []string
	var template File
	check := checker()
	err := p.eachCode(func(header *tar.Header, r io.Reader) (err error) {
		name := filepath.Clean(header.Name)
		if err := check(header, r); err != nil || !chaincode.IsTemplateFile(name) {
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
func (p *Package) eachCode(visit func(*tar.Header, io.Reader) error) error {
	return entries(bytes.NewReader(p.data), 2*maxUnpacked, func(header *tar.Header, r io.Reader) error {
		if header.Name != chaincode.CodeFile {
			return nil
		}
		if err := entries(r, 2*maxUnpacked, visit); err != nil {
			return fmt.Errorf("%s: %w", chaincode.CodeFile, err)
		}
		return nil
	})
}

// checker returns a function that rejects, one at a time, the entries that the peer would reject.
func checker() func(*tar.Header, io.Reader) error {
	left := int64(maxUnpacked)
	seen := map[string]bool{}
	return func(header *tar.Header, _ io.Reader) error {
		name := filepath.Clean(header.Name)
		if err := checkPath(name); err != nil {
			return err
		}
		switch header.Typeflag {
		case tar.TypeDir:
			return nil
		case tar.TypeReg:
			if strings.HasSuffix(header.Name, "/") {
				return fmt.Errorf("%q: is a file with a folder's name, so the peer rejects the package", header.Name)
			}
		default:
			return fmt.Errorf("%q: is neither a regular file nor a folder, so the peer rejects the package", header.Name)
		}
		if seen[name] {
			return fmt.Errorf("%q: appears twice", header.Name)
		}
		seen[name] = true
		if left -= header.Size; left < 0 {
			return fmt.Errorf("is larger than %d bytes when unpacked", maxUnpacked)
		}
		return nil
	}
}

// write writes an entry that has been checked.
func write(dir *os.Root, header *tar.Header, r io.Reader) error {
	name := filepath.Clean(header.Name)
	if header.Typeflag == tar.TypeDir {
		return failure(name, dir.MkdirAll(name, safefile.DirMode))
	}
	if err := dir.MkdirAll(path.Dir(name), safefile.DirMode); err != nil {
		return failure(name, err)
	}
	out, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(header.Mode).Perm())
	if err != nil {
		return failure(name, err)
	}
	_, err = io.Copy(out, r)
	return failure(name, errors.Join(err, out.Close()))
}

func failure(name string, err error) error {
	if err == nil {
		return nil
	}
	return safefile.At(name, err)
}

// checkPath rejects a path that points outside its folder, as the peer does
// (ValidPath of core/container/externalbuilder).
func checkPath(name string) error {
	switch {
	case !filepath.IsLocal(name):
		return fmt.Errorf("%q: is absolute or points outside the archive, so the peer rejects the package", name)
	case strings.Count(name, "/") > safefile.MaxDepth:
		return fmt.Errorf("%.40q…: folders nest deeper than %d", name, safefile.MaxDepth)
	case len(name) > maxPath || strings.ContainsRune(name, 0):
		return fmt.Errorf("%.40q…: is not a valid file path", name)
	}
	return nil
}

// entries calls visit for each entry of a gzip tar, which must unpack to less
// than limit bytes.
func entries(r io.Reader, limit int64, visit func(*tar.Header, io.Reader) error) error {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return errors.New("is not a gzip file")
	}
	left := &io.LimitedReader{R: unzipped, N: limit}
	reader := tar.NewReader(left)
	for count := 0; ; count++ {
		header, err := reader.Next()
		switch {
		case left.N == 0: // check this before io.EOF, which the limit may have caused
			return fmt.Errorf("unpacks to %d bytes or more", limit)
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("is not a valid gzip tar: %w", err)
		case count == safefile.MaxEntries:
			return fmt.Errorf("has more than %d entries", safefile.MaxEntries)
		}
		if err := visit(header, reader); errors.Is(err, io.ErrUnexpectedEOF) && left.N > 0 {
			return fmt.Errorf("is not a valid gzip tar: %w", err)
		} else if err != nil {
			return err
		}
	}
}

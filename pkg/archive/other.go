package archive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ccaas-template-builder/pkg/chaincode"
)

const makeWithTar = "create it with tar czf PACKAGE " + chaincode.MetadataFile + " " + chaincode.CodeFile

// incomplete returns an error that says why a file with the entries in seen is not a
// package: it lacks metadata or code, and may be something else. The peer does not clean
// entry names (ParseChaincodePackage in core/chaincode/persistence), so "./metadata.json"
// is not metadata.json. folder is the error about a folder entry, or nil.
func (p *Package) incomplete(seen map[string]bool, folder error) error {
	const none = "is not a chaincode package"
	inCode := func(name string) bool {
		name = path.Clean(name)
		return chaincode.IsTemplateFile(name) || strings.HasPrefix(name, chaincode.MetaInf+"/")
	}
	inFolder := func(name string) bool { return chaincode.IsTemplateFile(path.Base(name)) }
	switch i := slices.IndexFunc(p.Unknown, inCode); {
	case i >= 0 && seen[chaincode.MetadataFile]:
		return fmt.Errorf("%s: it has no %s, in which %.100q would have to be", none, chaincode.CodeFile, p.Unknown[i])
	case i >= 0 && !seen[chaincode.CodeFile]:
		return fmt.Errorf("%s but the code of one, which a package has as %s beside its %s",
			none, chaincode.CodeFile, chaincode.MetadataFile)
	case folder != nil && slices.ContainsFunc(p.Unknown, inFolder):
		return fmt.Errorf("%s but the tar of a folder: ccaas package makes a package of the folder itself", none)
	case folder != nil:
		return folder
	case len(seen) == 0:
		return fmt.Errorf("%s: it is an empty archive", none)
	}
	for _, missing := range []string{chaincode.CodeFile, chaincode.MetadataFile} {
		if seen[missing] {
			continue
		}
		stem, _, _ := strings.Cut(missing, ".")
		meant := func(name string) bool { return strings.HasPrefix(strings.ToLower(path.Base(name)), stem+".") }
		if i := slices.IndexFunc(p.Unknown, meant); i >= 0 {
			return fmt.Errorf("%s: its entry is called %.100q, which the peer does not take for %s: %s",
				none, p.Unknown[i], missing, makeWithTar)
		}
		if len(p.Unknown) == 1 {
			return fmt.Errorf("%s: it has no %s, only %.100q", none, missing, p.Unknown[0])
		}
		return fmt.Errorf("%s: it has no %s", none, missing)
	}
	return nil
}

// headSize is how many bytes are needed to identify a file: a tar file has its magic at byte 257.
const headSize = 512

// notGzip returns the error for a file that is not gzip and begins with head. If headErr is
// io.EOF, head is the whole file.
func notGzip(head []byte, headErr error) error {
	const none = "is not a gzip file"
	for start, what := range map[string]string{
		"PK\x03\x04":       "a zip file",
		"\xfd7zXZ\x00":     "an xz file",
		"BZh":              "a bzip2 file",
		"\x28\xb5\x2f\xfd": "a zstd file",
	} {
		if bytes.HasPrefix(head, []byte(start)) {
			return fmt.Errorf("%s but %s", none, what)
		}
	}
	switch {
	case len(head) == 0 && headErr == io.EOF:
		return fmt.Errorf("%s: it is empty", none)
	case bytes.HasPrefix(head[min(257, len(head)):], []byte("ustar")):
		return fmt.Errorf("%s but a tar file that is not compressed", none)
	case isText(head):
		return fmt.Errorf("%s but text", none)
	}
	return errors.New(none)
}

func isText(head []byte) bool {
	text := strings.ToValidUTF8(string(head), "") // the last character may be incomplete
	binary := func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }
	return len(head)-len(text) < utf8.UTFMax && text != "" && !strings.ContainsFunc(text, binary)
}

// notTar returns the error for a gzip file whose tar archive cannot be read. first means that
// not even the first entry could be read.
func notTar(unzipped *gzip.Reader, first bool, err error) error {
	const none = "is not a valid gzip tar"
	_, zipErr := unzipped.Read(make([]byte, 1)) // repeats an earlier gzip error
	switch {
	case errors.Is(zipErr, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: it is cut off", none)
	case zipErr != nil && zipErr != io.EOF:
		return fmt.Errorf("%s: it is damaged: %w", none, zipErr)
	case first:
		return fmt.Errorf("%s: it is gzipped, but not a tar file", none)
	}
	return fmt.Errorf("%s: %w", none, err)
}

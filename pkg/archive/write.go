package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"

	"ccaas-template-builder/pkg/chaincode"
)

// File is a file of the code archive: its slash-separated path in the archive and its content.
type File struct {
	Name    string
	Content []byte
}

// Write returns a package of the files with the given label and type. Its bytes, and so its
// package ID, depend only on the arguments: entries are sorted, have no time or owner, and
// all have the same mode. Nothing is compressed, because a better compressor in the next
// release of Go would change the package ID. Write rejects what Open and Unpack reject.
func Write(label, ccType string, files []File) (*Package, error) {
	if err := errors.Join(chaincode.CheckLabel(label), chaincode.CheckType(ccType)); err != nil {
		return nil, err
	}
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return compare(a.Name, b.Name) })
	code, err := writeTar(files)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", chaincode.CodeFile, err)
	}
	metadata, err := json.Marshal(chaincode.Metadata{Type: ccType, Label: label})
	if err != nil {
		return nil, err
	}
	data, err := writeTar([]File{{chaincode.MetadataFile, metadata}, {chaincode.CodeFile, code}})
	if err != nil {
		return nil, err
	}
	if len(data) > MaxFile {
		return nil, fmt.Errorf("the package would be larger than %d bytes", MaxFile)
	}
	pkg, err := Parse(data)
	if err == nil {
		err = pkg.eachCode(context.Background(), newTree().check)
	}
	if err != nil {
		return nil, err
	}
	return pkg, nil
}

func compare(a, b string) int {
	return bytes.Compare([]byte(a), []byte(b))
}

// writeTar returns a gzip tar of regular files that the peer can untar: in the plainest
// format, USTAR, and without folders, which the peer creates itself.
func writeTar(files []File) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, file := range files {
		if i > 0 && files[i-1].Name == file.Name {
			return nil, fmt.Errorf("%q: appears twice", file.Name)
		}
		if err := checkPath(file.Name); err != nil {
			return nil, err
		}
		size := int64(len(file.Content))
		header := &tar.Header{Typeflag: tar.TypeReg, Name: file.Name, Size: size, Mode: 0o644, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("%q: the name must be ASCII, with at most 100 characters after the last / "+
				"and 155 before it", file.Name)
		}
		if _, err := w.Write(file.Content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return stored(b.Bytes()), nil
}

// stored returns data as a gzip stream (RFC 1952) of stored blocks (RFC 1951, 3.2.4). These
// two RFCs fully determine its bytes.
func stored(data []byte) []byte {
	const unknownSystem = 255
	out := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, unknownSystem}
	rest := data
	for {
		block := rest[:min(len(rest), math.MaxUint16)]
		rest = rest[len(block):]
		final := byte(0)
		if len(rest) == 0 {
			final = 1
		}
		out = append(out, final)
		out = binary.LittleEndian.AppendUint16(out, uint16(len(block)))
		out = binary.LittleEndian.AppendUint16(out, ^uint16(len(block)))
		out = append(out, block...)
		if final == 1 {
			break
		}
	}
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(data))
	return binary.LittleEndian.AppendUint32(out, uint32(len(data)))
}

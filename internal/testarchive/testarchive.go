// Package testarchive makes archives for tests, including archives that none of our tools
// would make.
package testarchive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// Entry is an entry of an archive: its content, followed by zeros up to its size. If it is
// raw, the content is written without a header.
type Entry struct {
	tar.Header
	Content string
	raw     bool
}

// Of returns an entry of any kind.
func Of(header tar.Header, content string) Entry { return Entry{Header: header, Content: content} }

// File returns a file with mode 0644.
func File(name, content string) Entry {
	return Of(tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}, content)
}

// Zeros returns a file with size zero bytes, which hardly take space in an archive.
func Zeros(name string, size int64) Entry {
	return Of(tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size}, "")
}

// Link returns a link of the given kind to another name.
func Link(kind byte, name, to string) Entry {
	return Of(tar.Header{Name: name, Typeflag: kind, Linkname: to, Mode: 0o644}, "")
}

// Raw returns an entry that archive/tar refuses to write: of any kind, with any size in its header.
func Raw(kind byte, name string, size int64, content string) Entry {
	const block = 512
	b := make([]byte, block, block+len(content)+block)
	copy(b, name)
	copy(b[100:], "0000644")
	copy(b[124:], "\x80\x00\x00\x00") // a size in binary
	if size < 0 {
		copy(b[124:], "\xff\xff\xff\xff")
	}
	binary.BigEndian.PutUint64(b[128:], uint64(size))
	copy(b[148:], "        ") // the checksum field counts as spaces
	b[156] = kind
	copy(b[257:], "ustar\x0000")
	if kind == tar.TypeGNUSparse {
		copy(b[257:], "ustar  \x00")
	}
	sum := 0
	for _, c := range b {
		sum += int(c)
	}
	copy(b[148:], fmt.Sprintf("%06o\x00", sum))
	b = append(b, content...)
	return Entry{Content: string(b) + strings.Repeat("\x00", -len(b)&(block-1)), raw: true}
}

// Records returns the PAX header of the next entry, with the records KEY=VALUE.
func Records(records ...string) Entry {
	var all strings.Builder
	for _, record := range records {
		n := len(record) + len(" \n")
		for n != len(fmt.Sprint(n))+len(record)+len(" \n") {
			n = len(fmt.Sprint(n)) + len(record) + len(" \n")
		}
		fmt.Fprintf(&all, "%d %s\n", n, record)
	}
	return Raw(tar.TypeXHeader, "pax", int64(all.Len()), all.String())
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Pack returns a gzipped tar of the entries.
func Pack(t testing.TB, entries ...Entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	w := tar.NewWriter(z)
	for _, e := range entries {
		if e.raw {
			if _, err := io.WriteString(z, e.Content); err != nil {
				t.Fatal(err)
			}
			continue
		}
		e.Size = max(e.Size, int64(len(e.Content)))
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if e.Typeflag != tar.TypeReg {
			continue
		}
		rest := io.LimitReader(zero{}, e.Size-int64(len(e.Content)))
		if _, err := io.Copy(w, io.MultiReader(strings.NewReader(e.Content), rest)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil { // a raw entry may follow
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Metadata is the metadata.json of a package that our builder accepts.
const Metadata = `{"path":"","type":"ccaas","label":"basic"}`

// Package returns a package whose code has these entries.
func Package(t testing.TB, entries ...Entry) []byte {
	t.Helper()
	return Pack(t, File("metadata.json", Metadata), File("code.tar.gz", string(Pack(t, entries...))))
}

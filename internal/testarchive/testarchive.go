// Package testarchive makes archives for tests, including archives that none of our tools
// would make.
package testarchive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
)

// Entry is an entry of an archive: its content, followed by zeros up to its size.
type Entry struct {
	tar.Header
	Content string
}

// Of returns an entry of any kind.
func Of(header tar.Header, content string) Entry { return Entry{header, content} }

// File returns a file with mode 0644.
func File(name, content string) Entry {
	return Entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}, content}
}

// Zeros returns a file with size zero bytes, which hardly take space in an archive.
func Zeros(name string, size int64) Entry {
	return Entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: size}, ""}
}

// Link returns a link of the given kind to another name.
func Link(kind byte, name, to string) Entry {
	return Entry{tar.Header{Name: name, Typeflag: kind, Linkname: to, Mode: 0o644}, ""}
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

package archive

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

// An archive larger than the limit is rejected wherever the limit falls, even between two
// entries, where the archive would seem to end.
func TestLimit(t *testing.T) {
	data, err := writeTar([]File{{"a", make([]byte, 512)}, {"b", nil}, {"c", nil}})
	if err != nil {
		t.Fatal(err)
	}
	const size = 2*512 + 512 + 512 + 2*512
	for limit := int64(0); limit < size+512; limit += 256 {
		for name, visit := range map[string]func(io.Reader) error{
			"looking": func(io.Reader) error { return nil },
			"reading": func(r io.Reader) error { _, err := io.ReadAll(r); return err },
		} {
			count := 0
			err := entries(t.Context(), bytes.NewReader(data), limit, func(_ *tar.Header, r io.Reader) error { count++; return visit(r) })
			// The size includes the two zero blocks that end a tar; nothing is read after them.
			if (err == nil) != (limit > size) || err == nil && count != 3 || err != nil && !strings.Contains(err.Error(), "unpacks to") {
				t.Errorf("%s, limit %d of %d: %d entries, %v", name, limit, size, count, err)
			}
		}
	}
}

// A regular file in a tar may have a folder's name, with a slash at the end, though
// archive/tar refuses to write such an entry.
func TestFileWithTheNameOfAFolder(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "folderX", Mode: 0o644, Format: tar.FormatUSTAR}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	header := b.Bytes()[:512]
	header[len("folder")] = '/'
	copy(header[148:156], "        ") // the checksum field counts as spaces
	sum := 0
	for _, c := range header {
		sum += int(c)
	}
	copy(header[148:156], fmt.Sprintf("%06o\x00 ", sum))

	if err := entries(t.Context(), bytes.NewReader(stored(b.Bytes())), maxUnpacked, newTree().check); err == nil || !strings.Contains(err.Error(), `"folder/": is a file with a folder's name`) {
		t.Errorf("got %v", err)
	}
}

// Entries up to each limit are accepted, and the first entry beyond it is rejected.
func TestTreeBounds(t *testing.T) {
	folders := strings.Repeat(strings.Repeat("d", 254)+"/", 8)
	for name, test := range map[string]struct {
		count int
		file  func(i int) *tar.Header
		more  string
		want  string
	}{
		"bytes": {1, func(int) *tar.Header { return &tar.Header{Name: "a", Size: maxUnpacked} }, "b", "is larger than 134217728 bytes"},
		"files": {20_000, func(i int) *tar.Header { return &tar.Header{Name: fmt.Sprint(i)} }, "b", "more than 20000 entries"},
		"paths": {4096, func(i int) *tar.Header { return &tar.Header{Name: folders + fmt.Sprintf("%08d", i)} }, "b", "longer than 8388608 bytes"},
		"name":  {1, func(int) *tar.Header { return &tar.Header{Name: strings.Repeat("n", 255)} }, strings.Repeat("n", 256), "longer than 255 bytes"},
		"path": {1, func(int) *tar.Header {
			return &tar.Header{Name: strings.Repeat(strings.Repeat("d", 127)+"/", 23) + strings.Repeat("x", 128)}
		},
			strings.Repeat(strings.Repeat("d", 127)+"/", 23) + strings.Repeat("x", 129), "is a path longer than 3072 bytes"},
		"depth": {1, func(int) *tar.Header { return &tar.Header{Name: strings.Repeat("d/", 32) + "x"} }, strings.Repeat("d/", 33) + "x", "nest deeper than 32"},
	} {
		tree := newTree()
		for i := range test.count {
			header := test.file(i)
			header.Typeflag = tar.TypeReg
			if err := tree.check(header, nil); err != nil {
				t.Fatalf("%s: the most is refused: %v", name, err)
			}
		}
		err := tree.check(&tar.Header{Name: test.more, Typeflag: tar.TypeReg, Size: 1}, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// An archive may have 24 MiB of headers, and a line counts as 100 bytes more. Its content does not
// count.
func TestHeaders(t *testing.T) {
	for _, test := range []struct {
		bytes, lines int
		counts, ok   bool
	}{{maxHeaders, 0, true, true}, {maxHeaders + 1, 0, true, false}, {maxHeaders + 1, 0, false, true}, {maxHeaders - 100, 1, true, true}, {maxHeaders - 99, 1, true, false}} {
		content := append(make([]byte, test.bytes-test.lines), strings.Repeat("\n", test.lines)...)
		_, err := io.Copy(io.Discard, &headerReader{r: bytes.NewReader(content), counts: test.counts})
		if (err == nil) != test.ok {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

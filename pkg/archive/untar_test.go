package archive

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

// An archive that is larger than the limit is refused wherever the limit falls
// in it, at the border of an entry too, where the rest would seem not to be there.
func TestLimit(t *testing.T) {
	data, err := writeTar([]File{{"a", make([]byte, 512)}, {"b", nil}, {"c", nil}})
	if err != nil {
		t.Fatal(err)
	}
	const size = 2*512 + 512 + 512 + 2*512
	for limit := int64(0); limit < size+512; limit += 256 {
		count := 0
		err := entries(t.Context(), bytes.NewReader(data), limit, func(*tar.Header, io.Reader) error { count++; return nil })
		// The reader may not look behind the two blocks of zeros that end a tar.
		if (err == nil) != (limit > size) || err == nil && count != 3 || err != nil && !strings.Contains(err.Error(), "unpacks to") {
			t.Errorf("limit %d of %d: %d entries, %v", limit, size, count, err)
		}
	}
}

// A tar can say of a regular file that it has a folder's name; no writer here
// would make one.
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
	copy(header[148:156], "        ") // the checksum counts as spaces
	sum := 0
	for _, c := range header {
		sum += int(c)
	}
	copy(header[148:156], fmt.Sprintf("%06o\x00 ", sum))

	if err := entries(t.Context(), bytes.NewReader(stored(b.Bytes())), maxUnpacked, newTree().check); err == nil || !strings.Contains(err.Error(), `"folder/": is a file with a folder's name`) {
		t.Errorf("got %v", err)
	}
}

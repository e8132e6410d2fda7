package archive_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/internal/testarchive"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
)

// A package file may have at most 64 MiB, including data after the archive. Errors name the
// file, except when the context was canceled.
func TestOpen(t *testing.T) {
	name := t.TempDir() + "/p.tgz"
	if err := os.WriteFile(name, withCode(t, file("connection.json", "{}")), 0o600); err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int64]string{archive.MaxFile: "", archive.MaxFile + 1: "is larger than 67108864 bytes"} {
		if err := os.Truncate(name, size); err != nil {
			t.Fatal(err)
		}
		_, err := archive.Open(t.Context(), name)
		var named *safefile.FileError
		if (err == nil) != (want == "") || err != nil && (!errors.As(err, &named) || named.Name != name || named.Err.Error() != want) {
			t.Errorf("%d bytes: got %v, want %q", size, err, want)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := archive.Open(stopped, name); err != context.Canceled {
		t.Errorf("stopped: %v", err)
	}
}

// metadata.json may have at most 64 KiB, and a template at most 1 MiB.
func TestLargestEntries(t *testing.T) {
	for more, want := range map[int]string{0: "", 1: "metadata.json is larger than 65536 bytes"} {
		text := metadata + strings.Repeat(" ", chaincode.MaxMetadata-len(metadata)+more)
		_, err := archive.Parse(pack(t, file("metadata.json", text), file("code.tar.gz", "")))
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("metadata.json, %d more: %v", more, err)
		}
	}
	pkg, err := archive.Parse(withCode(t, testarchive.Zeros("connection.json", chaincode.MaxConnection)))
	if err != nil {
		t.Fatal(err)
	}
	if template, err := pkg.Template(); err != nil || len(template.Content) != chaincode.MaxConnection {
		t.Errorf("got %d bytes, %v", len(template.Content), err)
	}
}

// A package file may have at most 20,000 entries, including those that the peer ignores.
func TestMostEntries(t *testing.T) {
	entries := []entry{file("metadata.json", metadata), file("code.tar.gz", "")}
	for i := len(entries); i < safefile.MaxEntries; i++ {
		entries = append(entries, file(fmt.Sprint(i), ""))
	}
	if _, err := archive.Parse(pack(t, entries...)); err != nil {
		t.Errorf("the most is refused: %v", err)
	}
	_, err := archive.Parse(pack(t, append(entries, file("more", ""))...))
	if err == nil || !strings.Contains(err.Error(), "has more than 20000 entries") {
		t.Errorf("got %v", err)
	}
}

// EachUnknown visits every entry that the peer ignores, in order, until one cannot be visited or the
// context ends.
func TestEachUnknown(t *testing.T) {
	pkg, err := archive.Parse(pack(t, file("A", "12345"), file("metadata.json", metadata), file("code.tar.gz", ""), file("B", "")))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ stop, want string }{{"", "A 5 12345, B 0 , "}, {"A", "A 5 12345, "}} {
		got, stop := "", errors.New("stop")
		err := pkg.EachUnknown(t.Context(), func(name string, size int64, r io.Reader) error {
			data, err := io.ReadAll(r)
			got += fmt.Sprintf("%s %d %s, ", name, size, data)
			if name == test.stop {
				return stop
			}
			return err
		})
		if got != test.want || errors.Is(err, stop) != (test.stop != "") {
			t.Errorf("got %q, %v, want %q", got, err, test.want)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	err = pkg.EachUnknown(ended, func(string, int64, io.Reader) error { panic("visited") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Code holds at most 8 MiB in memory, and no file larger than 64 KiB. ReadDir lists a folder
// at once or in parts.
func TestHeld(t *testing.T) {
	const each = 64 << 10
	entries := []entry{testarchive.Zeros("large", each+1)}
	for i := range 8 << 20 / each {
		entries = append(entries, testarchive.Zeros(fmt.Sprintf("m%03d", i), each))
	}
	pkg, err := archive.Parse(withCode(t, append(entries, file("z", "z"))...))
	if err != nil {
		t.Fatal(err)
	}
	code, err := pkg.Code(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, held := range map[string]bool{"m000": true, "m127": true, "z": false, "large": false} {
		if data, err := fs.ReadFile(code.FS(), name); (err == nil) != held || held && len(data) != each {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
	for n, want := range map[int]int{-1: 130, 0: 130, 7: 7, 200: 130} {
		folder, err := code.FS().Open(".")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := folder.(fs.ReadDirFile).ReadDir(n); err != nil || len(got) != want {
			t.Errorf("ReadDir(%d): %d entries, %v", n, len(got), err)
		}
	}
}

package archive_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
)

// found returns the mode of every file and folder below dir, keyed by path. For files, it adds
// the size and the content or the error from reading.
func found(t *testing.T, dir chaincode.Dir) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(dir.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		info, err := dir.Lstat(name)
		if err != nil {
			return err
		}
		all[name] = info.Mode().String()
		if !entry.IsDir() {
			content, err := safefile.Read(dir, name, 64<<10)
			all[name] += fmt.Sprint(info.Size(), len(content), string(content[:min(len(content), 9)]), err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The code in memory is the same as the unpacked code: the same names, modes and sizes, and
// the same content or error from reading.
func TestCodeIsWhatIsUnpacked(t *testing.T) {
	pkg, err := archive.Parse(withCode(t,
		of(tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755}, ""),
		file("./connection.json", "{}"),
		file("META-INF/statedb/couchdb/indexes/a.json", "{}"),
		of(tar.Header{Name: "META-INF/", Typeflag: tar.TypeDir, Mode: 0o700}, ""),
		of(tar.Header{Name: "zero", Typeflag: tar.TypeReg, Mode: 0}, "x"),
		of(tar.Header{Name: "a/b/setuid", Typeflag: tar.TypeReg, Mode: 0o4755}, "x"),
		of(tar.Header{Name: "empty/", Typeflag: tar.TypeDir, Mode: 0o755}, ""),
		file("large", strings.Repeat("x", 64<<10+1)),
		file("not as large", strings.Repeat("x", 64<<10)),
	))
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(unpack(t, pkg))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	code, err := pkg.Code(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, want := found(t, code), found(t, root)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCodeFS(t *testing.T) {
	pkg, err := archive.Parse(withCode(t, file("connection.json", "{}"), file("a/b/c", "x"), file("a/d", "")))
	if err != nil {
		t.Fatal(err)
	}
	code, err := pkg.Code(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(code.FS(), "connection.json", "a/b/c", "a/d"); err != nil {
		t.Error(err)
	}
}

// endsAfter is a context that ends after left calls of Err.
type endsAfter struct {
	context.Context
	left int
}

func (e *endsAfter) Err() error {
	if e.left--; e.left < 0 {
		return context.Canceled
	}
	return nil
}

// Unpack stops soon after its context ends, at any point.
func TestUnpackInterrupted(t *testing.T) {
	const all = 1000
	entries := []entry{file("connection.json", "{}")}
	for i := range all {
		entries = append(entries, file(fmt.Sprint(i), "x"))
	}
	pkg, err := archive.Parse(withCode(t, entries...))
	if err != nil {
		t.Fatal(err)
	}
	unpacks := func(calls int) (files int, err error) {
		dir := t.TempDir()
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		err = pkg.Unpack(&endsAfter{t.Context(), calls}, root)
		made, _ := os.ReadDir(dir)
		return len(made), err
	}
	begun := false
	for calls := 0; ; calls += 500 {
		files, err := unpacks(calls)
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("after %d: %v", calls, err)
		}
		begun = begun || files > 0 && files < all/2
	}
	if !begun {
		t.Error("it was never interrupted in the middle")
	}
	if _, err := pkg.Code(&endsAfter{t.Context(), 500}); !errors.Is(err, context.Canceled) {
		t.Errorf("read into memory: %v", err)
	}
}

// Each method reads the package file again, and fails if the file has changed.
func TestChangedFile(t *testing.T) {
	name := t.TempDir() + "/p.tgz"
	if err := os.WriteFile(name, withCode(t, file("connection.json", "{}")), 0o600); err != nil {
		t.Fatal(err)
	}
	pkg, err := archive.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pkg.Template(); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(name, withCode(t, file("connection.json", "[]")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pkg.Template(); err == nil || !strings.Contains(err.Error(), "was changed while it was being read") {
		t.Errorf("got %v", err)
	}
}

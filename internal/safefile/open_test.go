package safefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccaas-template-builder/internal/safefile"
)

// openFiles returns the number of files that this process has open.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("only Linux tells which files are open")
	}
	return len(entries)
}

// No file stays open, whether it was accepted or rejected.
func TestClosesAll(t *testing.T) {
	dir, root := folder(t, map[string]string{"a": "12345", "d/b": "x", "link": "->a", "linked": "->d"})
	files := safefile.NewFolder(root)
	before := openFiles(t)
	for _, name := range []string{"a", "d/b", "link", "d", "none", "linked"} {
		safefile.Read(root, name, 3)
		safefile.ReadOperators(filepath.Join(dir, name), 3)
		safefile.CheckDir(filepath.Join(dir, name))
		if opened, err := safefile.OpenItself(root, name); err == nil {
			opened.Close()
		}
		files.Read(name, 5)
	}
	files.Close()
	info, err := root.Lstat("d/b")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d/b", "d", "none/a"} {
		safefile.Replace(root, name, nil, 0o600, info)
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files stay open", after-before)
	}
}

// OpenRegular distinguishes a file that cannot be opened from a missing one. The file here is a running
// program, which cannot be opened for writing.
func TestOpenRegular(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root, err := safefile.Open(filepath.Dir(program), "folder")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if _, info, err := safefile.OpenRegular(root, filepath.Base(program), os.O_RDWR); err == nil || info == nil {
		t.Errorf("got %v, %v", info, err)
	}
	if _, info, err := safefile.OpenRegular(root, "none", os.O_RDWR); !errors.Is(err, fs.ErrNotExist) || info != nil {
		t.Errorf("got %v, %v", info, err)
	}
	_, err = safefile.Open(program+"/none", "the folder")
	want(t, err, `the folder "`+program+`/none": not a directory`)
}

// OpenItself opens a folder, but not a symbolic link to one.
func TestOpenItself(t *testing.T) {
	_, root := folder(t, map[string]string{"d/a": "", "link": "->d", "dangling": "->none", "out": "->..", "file": ""})
	dir, err := safefile.OpenItself(root, "d")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if _, err := dir.Lstat("a"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"link", "dangling", "out"} {
		if _, err := safefile.OpenItself(root, name); !errors.Is(err, safefile.ErrLink) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for name, part := range map[string]string{"none": "no such file", "file": "not a directory"} {
		_, err := safefile.OpenItself(root, name)
		want(t, err, part)
	}
}

// Each file is read from its own folder, whichever folder was open before.
func TestFolder(t *testing.T) {
	_, root := folder(t, map[string]string{"a": "a", "d/a": "d/a", "d/b": "d/b", "d/e/a": "d/e/a", "f/a": "f/a"})
	files := safefile.NewFolder(root)
	defer files.Close()
	for name := range strings.FieldsSeq("a d/a d/b f/a d/a a d/e/a d/a") {
		if data, err := files.Read(name, 9); err != nil || string(data) != name {
			t.Errorf("%s is %q, %v", name, data, err)
		}
	}
	_, err := files.Read("none/a", 9)
	want(t, err, `"none/a": no such file`)
}

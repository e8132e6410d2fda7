package safefile_test

import (
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"ccaas-template-builder/internal/safefile"
)

// names returns the names of the files and folders in dir.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

// Replace replaces the whole file. The new file has the requested mode and the owner of the old one.
func TestReplace(t *testing.T) {
	dir, root := folder(t, map[string]string{"d/a": "old", "d/link": "->a"})
	file := filepath.Join(dir, "d/a")
	owner := os.Getuid()
	if owner == 0 {
		owner = 65534
	}
	if err := os.Chown(file, owner, -1); err != nil {
		t.Fatal(err)
	}
	old, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d/a", "d/link"} {
		if err := safefile.Replace(root, name, []byte("new"), 0o640, old); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil || info.Mode() != 0o640 || info.Sys().(*syscall.Stat_t).Uid != uint32(owner) {
			t.Errorf("%s is %+v, %v", name, info, err)
		}
		if data, _ := os.ReadFile(filepath.Join(dir, name)); string(data) != "new" {
			t.Errorf("%s is %q", name, data)
		}
	}
	want(t, safefile.Replace(root, "none/a", nil, 0o600, old), "no such file")
	want(t, safefile.Replace(root, "d", nil, 0o600, old), "file exists")
	want(t, safefile.Replace(root, "../a", nil, 0o600, old), "path escapes")
	if all := names(t, dir); !slices.Equal(all, []string{"d"}) {
		t.Errorf("left %q", all)
	}
}

// ReplaceIf replaces the file unless still returns an error. The old file still exists at that moment.
func TestReplaceIf(t *testing.T) {
	dir, root := folder(t, map[string]string{"a": "old"})
	info, err := root.Stat("a")
	if err != nil {
		t.Fatal(err)
	}
	changed := errors.New("has changed")
	for _, test := range []struct {
		still error
		want  string
	}{{changed, "old"}, {nil, "new"}} {
		before := ""
		err := safefile.ReplaceIf(root, "a", []byte("new"), 0o600, info, func() error {
			data, err := root.ReadFile("a")
			before = string(data)
			return errors.Join(err, test.still)
		})
		if !errors.Is(err, test.still) || before != "old" {
			t.Errorf("got %v, %q before, want %v", err, before, test.still)
		}
		if data, _ := root.ReadFile("a"); string(data) != test.want {
			t.Errorf("got %q, want %q", data, test.want)
		}
	}
	if all := names(t, dir); !slices.Equal(all, []string{"a"}) {
		t.Errorf("left %q", all)
	}
}

// If there is no room for the whole file, the old file is kept and no other file is left.
func TestNoRoom(t *testing.T) {
	dir, root := folder(t, map[string]string{"a": "old"})
	_, src := folder(t, map[string]string{"large": "more than fits"})
	info, err := root.Stat("a")
	if err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 5, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
	output := safefile.NewOutput(root)
	large := []byte("more than fits")
	want(t, safefile.Replace(root, "a", large, 0o600, info), "file too large")
	want(t, output.Write("a", large), `"a": file too large`)
	want(t, output.Copy("b", safefile.NewFolder(src), "large"), "file too large")
	output.Undo()
	if all := names(t, dir); !slices.Equal(all, []string{"a"}) {
		t.Errorf("left %q", all)
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "a")); string(data) != "old" {
		t.Errorf("a is %q", data)
	}
}

// RemoveUnfinished removes what a killed Replace has left, but no files with similar names.
func TestRemoveUnfinished(t *testing.T) {
	dir, root := folder(t, map[string]string{
		".a1": "", ".a90": "", ".a": "", "a1": "", ".a1x": "", ".ax1": "", ".b1": "", ".a-1": "",
	})
	if err := safefile.RemoveUnfinished(root, "a"); err != nil {
		t.Fatal(err)
	}
	kept := []string{".a", ".a-1", ".a1x", ".ax1", ".b1", "a1"}
	if all := names(t, dir); !slices.Equal(all, kept) {
		t.Errorf("left %q, want %q", all, kept)
	}
	_, full := folder(t, map[string]string{".a1/file": ""})
	want(t, safefile.RemoveUnfinished(full, "a"), `".a1": directory not empty`)
}

package safefile_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ccaas-template-builder/internal/safefile"
)

// folder creates a folder with files, keyed by path. Content that begins with -> makes a symbolic link.
func folder(t *testing.T, files map[string]string) (string, *os.Root) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		err := os.WriteFile(path, []byte(content), 0o644)
		if target, ok := strings.CutPrefix(content, "->"); ok {
			err = errors.Join(os.Remove(path), os.Symlink(target, path))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return dir, root
}

func want(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("got %v, want an error with %q", err, part)
	}
}

func TestRead(t *testing.T) {
	dir, root := folder(t, map[string]string{"a": "12345", "d/b": "x", "link": "->a", "zero": ""})
	if data, err := safefile.Read(root, "a", 5); err != nil || string(data) != "12345" {
		t.Errorf("got %q, %v", data, err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "zero"), 0); err != nil {
		t.Fatal(err)
	}
	if socket, err := net.Listen("unix", filepath.Join(dir, "socket")); err != nil {
		t.Fatal(err)
	} else {
		defer socket.Close()
	}
	for name, part := range map[string]string{
		"none": `"none": no such file or directory`, "link": `"link": is a symbolic link`, "d": `"d": is a folder`,
		"pipe": `"pipe": is a pipe`, "socket": `"socket": is a socket`, "zero": `"zero": has mode 0000`, "../x": `"../x": path escapes`,
	} {
		_, err := safefile.Read(root, name, 5)
		want(t, err, part)
		if irregular := strings.Contains(part, ": is a "); errors.Is(err, safefile.ErrNotRegular) != irregular {
			t.Errorf("%v is ErrNotRegular: %t", err, !irregular)
		}
	}
	_, err := safefile.Read(root, "a", 4)
	want(t, err, `"a": is larger than 4 bytes`)
	if _, err := safefile.Read(root, "none", 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
}

func TestReadOperators(t *testing.T) {
	dir, _ := folder(t, map[string]string{"a": "12345", "link": "->a", "d/b": "x"})
	if data, err := safefile.ReadOperators(filepath.Join(dir, "link"), 5); err != nil || string(data) != "12345" {
		t.Errorf("got %q, %v", data, err)
	}
	for name, part := range map[string]string{"none": "no such file", "d": "it is a folder", "a/b": "not a directory"} {
		_, err := safefile.ReadOperators(filepath.Join(dir, name), 5)
		want(t, err, part)
		if strings.Contains(err.Error(), dir) {
			t.Errorf("%q holds the path", err)
		}
	}
}

func TestWrite(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir, root := folder(t, map[string]string{"victim": "untouched", "planted": "->victim", "d/present": "old"})
	output := safefile.NewOutput(root)
	for _, name := range []string{"a", "new/folders/a", "planted", "d/present"} {
		if err := output.Write(name, []byte("new")); err != nil {
			t.Error(err)
		}
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		if data, _ := os.ReadFile(filepath.Join(dir, name)); string(data) != "new" {
			t.Errorf("%s is %q", name, data)
		}
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "victim")); string(data) != "untouched" {
		t.Errorf("wrote through a symbolic link: %q", data)
	}
	if info, err := os.Stat(filepath.Join(dir, "new")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info, err)
	}
	want(t, output.Write("../escaped", nil), "path escapes")
	want(t, output.Write("new", []byte("not over a folder")), `"new": file exists`)
	var left []string
	filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
		if strings.HasPrefix(filepath.Base(path), ".") {
			left = append(left, path)
		}
		return nil
	})
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// anyNames is a folder whose file system accepts names that are not UTF-8, as that of a package does.
type anyNames struct {
	*os.Root
	dir string
}

func (a anyNames) FS() fs.FS                         { return a }
func (a anyNames) Open(name string) (fs.File, error) { return os.Open(filepath.Join(a.dir, name)) }

func TestFiles(t *testing.T) {
	_, root := folder(t, map[string]string{"m/b/c": "", "m/a": "", "m/b/a": "", "x": "", "links/l": "->../x", "toplink": "->m"})
	if files, err := safefile.Files(root, "m"); err != nil || !slices.Equal(files, []string{"m/a", "m/b/a", "m/b/c"}) {
		t.Errorf("got %v, %v", files, err)
	}
	if files, err := safefile.Files(root, "none"); err != nil || files != nil {
		t.Errorf("got %v, %v", files, err)
	}
	_, deep := folder(t, map[string]string{"m/" + strings.Repeat("d/", 40) + "x": ""})
	_, err := safefile.Files(deep, "m")
	want(t, err, `"m": folders nest deeper than 32`)
	_, odd := folder(t, map[string]string{"m/x\xff/f": "", "m/z": ""})
	files, err := safefile.Files(odd, "m")
	want(t, err, `"m/x\xff": is a folder whose name is not UTF-8: rename it`)
	if !slices.Equal(files, []string{"m/z"}) {
		t.Errorf("beside a folder whose name is not UTF-8: %q", files)
	}
	files, err = safefile.Files(anyNames{odd, odd.Name()}, "m")
	want(t, err, `"m/x\xff": is a folder whose name is not UTF-8: rename it`)
	if !slices.Equal(files, []string{"m/x\xff/f", "m/z"}) {
		t.Errorf("in and beside a folder whose name is not UTF-8: %q", files)
	}
	for dir, part := range map[string]string{"links": `"links/l": is a symbolic link, not a regular file`, "toplink": `"toplink": is a symbolic link, not a folder`, "x": `"x": is a file, not a folder`} {
		_, err := safefile.Files(root, dir)
		want(t, err, part)
	}
}

func TestCopy(t *testing.T) {
	_, src := folder(t, map[string]string{"a": "content"})
	dir, dst := folder(t, map[string]string{"present": "", "planted": "->present", "d/x": "", "folder": "->d"})
	output := safefile.NewOutput(dst)
	if err := output.Copy("d/a", safefile.NewFolder(src), "a"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "d/a"))
	if err != nil || info.Mode() != 0o600 || info.Size() != int64(len("content")) {
		t.Errorf("%v, %v", info, err)
	}
	want(t, output.Copy("present", safefile.NewFolder(src), "a"), `"present": file exists`)
	want(t, output.Copy("planted", safefile.NewFolder(src), "a"), `"planted": file exists`)
	want(t, output.Copy("folder/a", safefile.NewFolder(src), "a"), `"folder" is a symbolic link, not a folder`)
	want(t, output.Copy("present/a", safefile.NewFolder(src), "a"), `"present" is a file, not a folder`)
	want(t, output.Copy("b", safefile.NewFolder(src), "none"), `"none": no such file or directory`)
}

// Undo removes what was created, but nothing that existed before.
func TestUndo(t *testing.T) {
	_, src := folder(t, map[string]string{"a": "content"})
	dir, dst := folder(t, map[string]string{"d/before": ""})
	output := safefile.NewOutput(dst)
	for _, to := range []string{"d/new/deep/a", "d/new/b", "c"} {
		if err := output.Copy(to, safefile.NewFolder(src), "a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := output.Write("e/f/g", []byte("x")); err != nil {
		t.Fatal(err)
	}
	output.Undo()
	var left []string
	filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
		left = append(left, strings.TrimPrefix(path, dir))
		return nil
	})
	if want := []string{"", "/d", "/d/before"}; !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
}

// If the function fails or panics, Fill leaves nothing; if it succeeds, Fill keeps everything.
func TestFill(t *testing.T) {
	for name, end := range map[string]func() error{
		"good": func() error { return nil }, "failed": func() error { return errors.New("x") }, "panic": func() error { panic("x") },
	} {
		dir, dst := folder(t, nil)
		output := safefile.NewOutput(dst)
		func() {
			defer func() { _ = recover() }()
			_ = output.Fill(func() error { return errors.Join(output.Write("d/a", nil), end()) })
		}()
		if left, _ := os.ReadDir(dir); (len(left) > 0) != (name == "good") {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

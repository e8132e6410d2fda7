package safefile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"ccaas-template-builder/internal/safefile"
)

// memory is a folder in memory.
type memory fstest.MapFS

func (m memory) FS() fs.FS                              { return fstest.MapFS(m) }
func (m memory) Lstat(name string) (fs.FileInfo, error) { return fstest.MapFS(m).Lstat(name) }

func file(content string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(content), Mode: 0o600}
}

func TestReadInMemory(t *testing.T) {
	dir := memory{"d/a": file("12345"), "link": {Data: []byte("d/a"), Mode: 0o777 | fs.ModeSymlink}}
	if data, err := safefile.Read(dir, "d/a", 5); err != nil || string(data) != "12345" {
		t.Errorf("got %q, %v", data, err)
	}
	_, err := safefile.Read(dir, "d/a", 4)
	want(t, err, `"d/a": is larger than 4 bytes`)
	for name, part := range map[string]string{"d": `"d": is a folder`, "link": `"link": is a symbolic link`} {
		_, err := safefile.Read(dir, name, 5)
		want(t, err, part)
	}
	if _, err := safefile.Read(dir, "none", 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestBounds checks the maximum number of files and folders, including the folder itself, the maximum
// depth, and the maximum total length of paths.
func TestBounds(t *testing.T) {
	many, deep, long := memory{}, memory{}, memory{}
	for i := range safefile.MaxEntries - 1 {
		many[fmt.Sprintf("m/%d", i)] = file("")
	}
	deep["m/"+strings.Repeat("d/", safefile.MaxDepth-1)+"x"] = file("")
	for i := range safefile.MaxPaths >> 20 {
		long[fmt.Sprintf("m/%d", i)+strings.Repeat("x", 1<<20-len("m/0"))] = file("")
	}
	for _, test := range []struct {
		dir        memory
		more, want string
	}{
		{many, "m/z", "holds more than 20000 files and folders"},
		{deep, "m/" + strings.Repeat("d/", safefile.MaxDepth) + "x", "folders nest deeper than 32"},
		{long, "m/z", "longer than 8388608 bytes altogether"},
	} {
		if _, err := safefile.Files(test.dir, "m"); err != nil {
			t.Errorf("the most is refused: %.300v", err)
		}
		test.dir[test.more] = file("")
		if _, err := safefile.Files(test.dir, "m"); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %.300v, want %q", err, test.want)
		}
	}
}

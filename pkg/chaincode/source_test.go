package chaincode_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"ccaas-template-builder/pkg/chaincode"
)

// code is a folder of code: file contents keyed by path.
type code map[string]string

func (c code) FS() fs.FS {
	files := fstest.MapFS{}
	for name, content := range c {
		files[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o600}
	}
	return files
}

func (c code) Lstat(name string) (fs.FileInfo, error) { return fs.Stat(c.FS(), name) }

// broken is a folder of code that cannot be read.
type broken struct{ code }

func (broken) Lstat(name string) (fs.FileInfo, error) {
	return nil, &fs.PathError{Op: "lstat", Path: name, Err: errors.New("broken")}
}

func (broken) FS() fs.FS { return os.DirFS("/none") }

func TestTemplateFile(t *testing.T) {
	const both = "connection.json and connection.json.tmpl both exist"
	for want, dir := range map[string]chaincode.Dir{
		"connection.json":           code{"connection.json": "", "a": ""},
		"connection.json.tmpl":      code{"connection.json.tmpl": ""},
		both + ": remove one":       code{"connection.json": "", "connection.json.tmpl": ""},
		`"connection.json": broken`: broken{},
		"there is no connection.json or connection.json.tmpl in the package's code": code{"sub/server.json": ""},
	} {
		got, err := chaincode.TemplateFile(dir)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLeftOut(t *testing.T) {
	left, err := chaincode.LeftOut(code{
		"connection.json": "", "META-INF/a": "", "metadata/a": "", "connection.json.tmpl": "", "a.env": "", "sub/META-INF": "",
	})
	if want := []string{"a.env", "sub"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("got %q, %v, want %q", left, err, want)
	}
	if _, err := chaincode.LeftOut(broken{}); err == nil {
		t.Error("a folder that cannot be read has nothing")
	}
}

// Files of both layouts go below META-INF. Their paths there must not clash, and each file
// under statedb must be an index.
func TestArtifacts(t *testing.T) {
	const index = `{"index":{"fields":["a"]}}`
	for name, test := range map[string]struct {
		dir  code
		want string // the artifacts, with * after each index, or part of the error
	}{
		"none": {code{"connection.json": ""}, ""},
		"both layouts": {code{
			"META-INF/statedb/couchdb/indexes/a.json": index, "metadata/statedb/couchdb/indexes/b.json": index,
			"metadata/notes.txt": "", "metadata/.gitkeep": "", "META-INF/.d/a": "",
		}, "META-INF/statedb/couchdb/indexes/a.json* META-INF/notes.txt META-INF/statedb/couchdb/indexes/b.json*"},
		"the same path": {code{"META-INF/a": "", "metadata/a": ""}, `"metadata/a": also exists as "META-INF/a": remove one`},
		"file and folder": {code{"META-INF/a": "", "metadata/a/b/c": ""},
			`"metadata/a/b/c": would be in the folder "META-INF/a", which is a file: remove one`},
		"no index":        {code{"META-INF/statedb/couchdb/indexes/a.json": "{}"}, `has no "index"`},
		"another place":   {code{"META-INF/statedb/a.json": index}, "indexes must be for CouchDB"},
		"statedb itself":  {code{"metadata/statedb": index}, "indexes must be for CouchDB"},
		"largest index":   {code{"META-INF/statedb/couchdb/indexes/a.json": pad(index, 64<<10)}, "META-INF/statedb/couchdb/indexes/a.json*"},
		"too large":       {code{"META-INF/statedb/couchdb/indexes/a.json": pad(index, 64<<10+1)}, "is larger than 65536 bytes"},
		"like its layout": {code{"META-INF/statedbs": ""}, "META-INF/statedbs"},
	} {
		artifacts, hidden, err := chaincode.Artifacts(test.dir)
		var got []string
		for _, a := range artifacts {
			mark := ""
			if a.Index {
				mark = "*"
			}
			got = append(got, a.To+mark)
		}
		switch text := strings.Join(got, " "); {
		case err != nil && (test.want == "" || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		case err == nil && text != test.want:
			t.Errorf("%s: got %q, want %q", name, text, test.want)
		case (name == "both layouts") != (len(hidden) == 2):
			t.Errorf("%s: hidden %q", name, hidden)
		}
	}
}

func pad(text string, size int) string { return text + strings.Repeat(" ", size-len(text)) }

// All indexes together may have at most 4 MiB.
func TestLargestIndexes(t *testing.T) {
	dir := code{}
	for i := range 64 {
		dir[fmt.Sprintf("META-INF/statedb/couchdb/indexes/%d.json", i)] = pad(`{"index":{"fields":["a"]}}`, 64<<10)
	}
	if _, _, err := chaincode.Artifacts(dir); err != nil {
		t.Errorf("the most is refused: %v", err)
	}
	dir["metadata/statedb/couchdb/indexes/z.json"] = `{"index":{"fields":["a"]}}`
	_, _, err := chaincode.Artifacts(dir)
	check(t, err, "the indexes of the package exceed 4194304 bytes")
}

func TestReadMetadata(t *testing.T) {
	dir, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if _, err := chaincode.ReadMetadata(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := dir.WriteFile("metadata.json", []byte(`{"label":"a"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if metadata, err := chaincode.ReadMetadata(dir); err != nil || metadata.Label != "a" {
		t.Errorf("got %+v, %v", metadata, err)
	}
}

// Types are compared regardless of case. Without a list, ccaas and external are accepted.
func TestAccepts(t *testing.T) {
	for _, test := range []struct {
		types, ccType string
		want          bool
	}{
		{"", "ccaas", true}, {"", "External", true}, {"", "golang", false}, {"", "", false}, {" , ", "ccaas", true},
		{"a,b", "b", true}, {"a, b ", "B", true}, {"a,b", "ccaas", false}, {"a,,b", "", false}, {"a,b", "a,b", false},
	} {
		if got := chaincode.Accepts(test.types, test.ccType); got != test.want {
			t.Errorf("%q of %q: got %t", test.ccType, test.types, got)
		}
	}
}

// A type may contain only letters, digits and . _ -
func TestTypes(t *testing.T) {
	for ccType, valid := range map[string]bool{
		"azAZ09": true, "a.b_c-d": true, "-": true,
		"a@": false, "a[": false, "a`": false, "a{": false, "a/": false, "a:": false, "a,": false, "é": false,
	} {
		if err := chaincode.CheckType(ccType); (err == nil) != valid {
			t.Errorf("%q: %v", ccType, err)
		}
	}
}

// A type is shown if it looks like one.
func TestShownType(t *testing.T) {
	for ccType, want := range map[string]string{
		"": "", "ccaas": "ccaas", "k8s.v1_a-B": "k8s.v1_a-B", strings.Repeat("a", 32): strings.Repeat("a", 32),
		strings.Repeat("a", 33): "(hidden)", "a b": "(hidden)", "a\n": "(hidden)",
	} {
		if got := chaincode.ShownType(ccType); got != want {
			t.Errorf("%q is shown as %q", ccType, got)
		}
	}
}

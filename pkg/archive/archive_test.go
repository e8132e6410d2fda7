package archive_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ccaas-template-builder/internal/testarchive"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
)

var files = []archive.File{
	{Name: "connection.json", Content: []byte("{}\n")},
	{Name: "META-INF/statedb/couchdb/indexes/owner.json", Content: []byte(`{"index":{"fields":["owner"]}}`)},
	{Name: "big", Content: bytes.Repeat([]byte("0123456789abcdef"), 10_000)}, // more than two stored blocks
}

// Peers identify a package by its ID. If the golden ID changes, building an installed
// package again gives a different package.
func TestGoldenID(t *testing.T) {
	const golden = "basic_1.0:b1a1c30f56cfc49b90b1e8f5014b5c3abf39846b46c0732e4a4568b10d3a9c45"
	for name, order := range map[string][]archive.File{"sorted": files, "reversed": {files[2], files[1], files[0]}} {
		t.Run(name, func(t *testing.T) {
			pkg, err := archive.Write("basic_1.0", "ccaas", order)
			if err != nil {
				t.Fatal(err)
			}
			if pkg.ID != golden {
				t.Errorf("%s: the package ID is %s, want %s", name, pkg.ID, golden)
			}
			if want := fmt.Sprintf("basic_1.0:%x", sha256.Sum256(pkg.Bytes())); pkg.ID != want {
				t.Errorf("%s: the package ID is %s, want %s by its bytes", name, pkg.ID, want)
			}
		})
	}
}

func TestWriteAndUnpack(t *testing.T) {
	pkg, err := archive.Write("basic_1.0", "ccaas", files)
	if err != nil {
		t.Fatal(err)
	}
	if m := pkg.Metadata; m.Label != "basic_1.0" || m.Type != "ccaas" || m.Path != "" || string(pkg.RawMetadata) != `{"path":"","type":"ccaas","label":"basic_1.0"}` {
		t.Errorf("metadata is %+v, %s", m, pkg.RawMetadata)
	}
	dir := unpack(t, pkg)
	for _, file := range files {
		got, err := os.ReadFile(filepath.Join(dir, file.Name))
		if err != nil || !bytes.Equal(got, file.Content) {
			t.Errorf("%s: got %d bytes, %v", file.Name, len(got), err)
		}
	}
	if again, err := archive.Parse(pkg.Bytes()); err != nil || !reflect.DeepEqual(again, pkg) {
		t.Errorf("read again, the package is %+v, %v", again, err)
	}
}

func unpack(t *testing.T, pkg *archive.Package) string {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := pkg.Unpack(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestWriteRefuses(t *testing.T) {
	large := make([]byte, archive.MaxFile/2+1)
	many := make([]archive.File, 20_001)
	for i := range many {
		many[i].Name = strconv.Itoa(i)
	}
	for name, test := range map[string]struct {
		label, ccType string
		files         []archive.File
		want          string
	}{
		"label":     {"a/b", "ccaas", files, `label "a/b"`},
		"no label":  {"", "ccaas", files, "the label is empty"},
		"type":      {"a", "cc aas", files, `type "cc aas"`},
		"no type":   {"a", "", files, "the type is empty"},
		"both":      {"", "", files, "the label is empty\nthe type is empty"},
		"twice":     {"a", "ccaas", []archive.File{{Name: "x"}, {Name: "x"}}, `"x": appears twice`},
		"absolute":  {"a", "ccaas", []archive.File{{Name: "/x"}}, `"/x": is absolute`},
		"escaping":  {"a", "ccaas", []archive.File{{Name: "../x"}}, `"../x": is absolute or points outside`},
		"too large": {"a", "ccaas", []archive.File{{Name: "x", Content: large}, {Name: "y", Content: large}}, "would be larger than 67108864 bytes"},
		"too many":  {"a", "ccaas", many, "has more than 20000 entries"},
		"too long":  {"a", "ccaas", []archive.File{{Name: strings.Repeat("x", 101)}}, "the name must be ASCII"},
		"not ASCII": {"a", "ccaas", []archive.File{{Name: "ä"}}, `"ä": the name must be ASCII`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := archive.Write(test.label, test.ccType, test.files)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

type entry = testarchive.Entry

var (
	of       = testarchive.Of
	file     = testarchive.File
	pack     = testarchive.Pack
	withCode = testarchive.Package
)

const metadata = testarchive.Metadata

func TestParseRefuses(t *testing.T) {
	good := withCode(t, file("connection.json", "{}"))
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"cut off":           {good[:60], "is not a valid gzip tar: it is cut off"},
		"cut off in a file": {good[:len(good)/2], "is not a valid gzip tar: it is cut off"},
		"no metadata":       {pack(t, file("code.tar.gz", "")), "it has no metadata.json"},
		"no code":           {pack(t, file("metadata.json", metadata)), "it has no code.tar.gz"},
		"dot":               {pack(t, of(tar.Header{Name: "./", Typeflag: tar.TypeDir}, ""), file("metadata.json", metadata), file("code.tar.gz", "")), `"./": is not a regular file`},
		"link":              {pack(t, of(tar.Header{Name: "metadata.json", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, "")), `"metadata.json": is not a regular file`},
		"code twice":        {pack(t, file("metadata.json", metadata), file("code.tar.gz", "a"), file("code.tar.gz", "b")), `"code.tar.gz": appears twice`},
		"metadata twice":    {pack(t, file("metadata.json", metadata), file("metadata.json", metadata), file("code.tar.gz", "")), `"metadata.json": appears twice`},
		"metadata no JSON":  {pack(t, file("metadata.json", "{"), file("code.tar.gz", "")), "metadata.json: is not valid JSON"},
		"metadata large":    {pack(t, file("metadata.json", strings.Repeat(" ", 1<<17)), file("code.tar.gz", "")), "metadata.json is larger"},
		"label":             {pack(t, file("metadata.json", `{"label":"../x"}`), file("code.tar.gz", "")), `label "../x"`},
		"no label":          {pack(t, file("metadata.json", `{}`), file("code.tar.gz", "")), "the label is empty"},
		"global PAX header": {pack(t, of(tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "abc"}}, ""), file("metadata.json", metadata)), "is not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := archive.Parse(test.data)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestUnpackRefuses(t *testing.T) {
	link := testarchive.Link
	for name, test := range map[string]struct {
		code []entry
		want string
	}{
		"symbolic link":     {[]entry{link(tar.TypeSymlink, "connection.json", "/etc/passwd")}, "is neither a regular file nor a folder"},
		"hard link":         {[]entry{file("a", ""), link(tar.TypeLink, "connection.json", "a")}, "is neither a regular file nor a folder"},
		"device":            {[]entry{of(tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}, "")}, "is neither a regular file nor a folder"},
		"pipe":              {[]entry{of(tar.Header{Name: "pipe", Typeflag: tar.TypeFifo}, "")}, "is neither a regular file nor a folder"},
		"global PAX header": {[]entry{of(tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "abc"}}, "")}, "is neither a regular file nor a folder"},
		"absolute":          {[]entry{file("/tmp/escaped", "")}, `"/tmp/escaped": is absolute or points outside`},
		"escaping":          {[]entry{file("a/../../escaped", "")}, `"../escaped": is absolute or points outside`},
		"escaping folder":   {[]entry{of(tar.Header{Name: "../escaped/", Typeflag: tar.TypeDir, Mode: 0o755}, "")}, "is absolute or points outside"},
		"twice":             {[]entry{file("a", "1"), file("./a", "2")}, `"./a": appears twice`},
		"long path":         {[]entry{of(tar.Header{Name: strings.Repeat(strings.Repeat("d", 200)+"/", 20) + "f", Typeflag: tar.TypeReg, Format: tar.FormatPAX}, "")}, "is a path longer than 3072 bytes"},
		"deep folders":      {[]entry{file(strings.Repeat("d/", 40)+"f", "")}, "folders nest deeper than 32"},
		"file as folder":    {[]entry{file("a", ""), file("a/b", "")}, `"a/b": `},
		"folder as file":    {[]entry{file("a/b", ""), file("a", "")}, `"a": is also a folder`},
		"root as file":      {[]entry{file(".", "")}, `".": is also a folder`},
		"long name":         {[]entry{file(strings.Repeat("n", 256), "")}, "is longer than 255 bytes"},
		"newline in name":   {[]entry{file("a\nb", ""), file("a\nb", "")}, `"a\nb": appears twice`},
	} {
		t.Run(name, func(t *testing.T) {
			pkg, err := archive.Parse(withCode(t, test.code...))
			if err != nil {
				t.Fatal(err)
			}
			outer := t.TempDir()
			dir := filepath.Join(outer, "dir")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			if err := pkg.Unpack(t.Context(), root); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if entries, _ := os.ReadDir(outer); len(entries) != 1 {
				t.Errorf("something was written outside: %v", entries)
			}
		})
	}
}

// Like the peer, Unpack keeps permissions and accepts folders with or without an entry.
func TestUnpackLikeThePeer(t *testing.T) {
	pkg, err := archive.Parse(withCode(t,
		of(tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755}, ""),
		file("./connection.json", "{}"),
		of(tar.Header{Name: "zero", Typeflag: tar.TypeReg, Mode: 0}, "x"),
		of(tar.Header{Name: "a/b/setuid", Typeflag: tar.TypeReg, Mode: 0o4755}, "x"),
		of(tar.Header{Name: strings.Repeat("a_long_name/", 30) + "ä", Typeflag: tar.TypeReg, Mode: 0o600, Format: tar.FormatPAX}, "x"),
	))
	if err != nil {
		t.Fatal(err)
	}
	dir := unpack(t, pkg)
	for name, want := range map[string]fs.FileMode{"connection.json": 0o644, "zero": 0, "a/b/setuid": 0o755, "a": fs.ModeDir | 0o700, strings.Repeat("a_long_name/", 30) + "ä": 0o600} {
		t.Run(name, func(t *testing.T) {
			info, err := os.Lstat(filepath.Join(dir, name))
			if err != nil {
				t.Error(err)
			} else if info.Mode() != want {
				t.Errorf("%.20s has mode %s, want %s", name, info.Mode(), want)
			}
		})
	}
}

// Template finds the template that would be found in the unpacked package.
func TestTemplate(t *testing.T) {
	large := strings.Repeat("x", chaincode.MaxConnection+1)
	for name, test := range map[string]struct {
		entries []entry
		want    string // name and content, or the error
	}{
		"one":           {[]entry{file("connection.json", "a"), file("other", "b")}, "connection.json a"},
		"other name":    {[]entry{file("connection.json.tmpl", "a")}, "connection.json.tmpl a"},
		"with a dot":    {[]entry{file("./connection.json", "a")}, "connection.json a"},
		"none":          {[]entry{file("sub/connection.json", "a")}, "there is no connection.json or connection.json.tmpl in the package's code"},
		"two":           {[]entry{file("connection.json", "a"), file("connection.json.tmpl", "b")}, "connection.json and connection.json.tmpl both exist: remove one"},
		"twice":         {[]entry{file("connection.json", "a"), file("./connection.json", "b")}, `code.tar.gz: "./connection.json": appears twice`},
		"no package":    {[]entry{file("connection.json", "a"), file("../x", "b")}, `code.tar.gz: "../x": is absolute or points outside the archive, so the peer rejects the package`},
		"of great size": {[]entry{file("connection.json", large)}, `code.tar.gz: "connection.json": is larger than 1048576 bytes`},
	} {
		t.Run(name, func(t *testing.T) {
			pkg, err := archive.Parse(withCode(t, test.entries...))
			if err != nil {
				t.Fatal(name, err)
			}
			template, err := pkg.Template()
			got := template.Name + " " + string(template.Content)
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("%s: got %q, want %q", name, got, test.want)
			}
		})
	}
}

// A package that unpacks to more than 128 MiB is rejected before it fills the disk.
func TestBomb(t *testing.T) {
	zeros := strings.Repeat("\x00", 1<<20)
	var entries []entry
	for i := range 130 {
		entries = append(entries, file(fmt.Sprint(i), zeros))
	}
	pkg, err := archive.Parse(withCode(t, entries...))
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := pkg.Unpack(t.Context(), root); err == nil || !strings.Contains(err.Error(), "is larger than 134217728 bytes when unpacked") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownEntries(t *testing.T) {
	pkg, err := archive.Parse(pack(t, file("README", ""), file("metadata.json", metadata), file("code.tar.gz", "")))
	if err != nil || !slices.Equal(pkg.Unknown, []string{"README"}) {
		t.Errorf("got %v, %v", pkg, err)
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"connection.json.tmpl", "META-INF/statedb/couchdb/indexes/a.json", "metadata/notes.txt", "peer0.env", "tls/server.key", ".git/config"} {
		content := []byte("{}")
		if strings.HasSuffix(name, "a.json") {
			content = []byte(`{"index":{"fields":["a"]}}`)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	found, leftOut, err := archive.Folder(root)
	var names []string
	for _, f := range found {
		names = append(names, f.Name)
	}
	if want := []string{"connection.json.tmpl", "META-INF/statedb/couchdb/indexes/a.json", "metadata/notes.txt"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("got %v, %v, want %v", names, err, want)
	}
	if want := []string{".git", "peer0.env", "tls"}; !slices.Equal(leftOut, want) {
		t.Errorf("left out %v, want %v", leftOut, want)
	}
}

// Parse accepts or rejects any input, and Unpack writes nothing outside its folder.
func FuzzParse(f *testing.F) {
	f.Add([]byte{})
	f.Add(withCode(f, file("connection.json", "{}")))
	f.Add(withCode(f, of(tar.Header{Name: "d/", Typeflag: tar.TypeDir}, ""), file("../x", "")))
	if pkg, err := archive.Write("basic", "ccaas", files[:2]); err == nil {
		f.Add(pkg.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pkg, err := archive.Parse(data)
		if err != nil {
			return
		}
		if !strings.HasPrefix(pkg.ID, pkg.Metadata.Label+":") {
			t.Errorf("label %q in %q", pkg.Metadata.Label, pkg.ID)
		}
		outer := t.TempDir()
		if err := os.Mkdir(filepath.Join(outer, "dir"), 0o700); err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(filepath.Join(outer, "dir"))
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		_ = pkg.Unpack(t.Context(), root) // even if it fails, nothing may appear outside
		if entries, _ := os.ReadDir(outer); len(entries) != 1 {
			t.Errorf("something was written outside: %v", entries)
		}
	})
}

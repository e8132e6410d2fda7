package chaincode_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccaas-template-builder/internal/must"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
)

// If the template is missing, the error names a file that may be meant as the template, but
// no other file with a similar name.
func TestTemplateElsewhere(t *testing.T) {
	const none = "there is no connection.json or connection.json.tmpl in the package's code"
	for name, test := range map[string]struct {
		files []string
		want  string
	}{
		"nothing":         {nil, ""},
		"another case":    {[]string{"Connection.json"}, `, but there is "Connection.json": rename it`},
		"mistyped":        {[]string{"conection.json"}, `, but there is "conection.json": rename it`},
		"plural":          {[]string{"connections.json.tmpl"}, `, but there is "connections.json.tmpl": rename it`},
		"from Windows":    {[]string{"connection.json.txt"}, `, but there is "connection.json.txt": rename it`},
		"in src":          {[]string{"src/connection.json"}, `, but there is "src/connection.json": move it to the top`},
		"a template":      {[]string{"chaincode/basic/connection.json.tmpl"}, `, but there is "chaincode/basic/connection.json.tmpl": move it to the top`},
		"both":            {[]string{"src/CONNECTION.JSON"}, `, but there is "src/CONNECTION.JSON": move it to the top, and rename it`},
		"the highest":     {[]string{"a/b/connection.json", "z/connection.json"}, `, but there is "z/connection.json": move it to the top`},
		"two as high":     {[]string{"a/connection.json", "z/connection.json"}, `, but there is "a/connection.json": move it to the top`},
		"deep":            {[]string{"a/b/c/connection.json"}, `, but there is "a/b/c/connection.json": move it to the top`},
		"too deep":        {[]string{"a/b/c/d/connection.json", "a/b/c/d/e/connection.json"}, ""},
		"code of Node":    {[]string{"package.json", "lib/connection.js", "lib/connection.ts"}, ""},
		"a profile":       {[]string{"connection-org1.json", "connection-profile.yaml"}, ""},
		"collections":     {[]string{"collections_config.json", "collection.json", "META-INF/statedb/couchdb/indexes/owner.json"}, ""},
		"unpacked":        {[]string{"metadata.json", "code.tar.gz"}, ", but code.tar.gz, which is part of a package and not of its code"},
		"a package twice": {[]string{"metadata.json", "code.tar.gz", "src/connection.json"}, ", but code.tar.gz, which is part of a package and not of its code"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, name := range test.files {
				file := filepath.Join(dir, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			root := must.Get(os.OpenRoot(dir))(t)
			defer root.Close()
			if _, err := chaincode.TemplateFile(root); err == nil || err.Error() != none+test.want {
				t.Errorf("got %v, want %q", err, none+test.want)
			}
		})
	}
}

// The search covers as many files and folders as a package may hold, including the top folder.
func TestTemplateElsewhereAmongMany(t *testing.T) {
	dir := code{"connections.json": ""}
	for i := range safefile.MaxEntries - 2 {
		dir[fmt.Sprint(i)] = ""
	}
	const found = `, but there is "connections.json": rename it`
	if _, err := chaincode.TemplateFile(dir); err == nil || !strings.HasSuffix(err.Error(), found) {
		t.Errorf("got %v", err)
	}
	dir["a"] = ""
	if _, err := chaincode.TemplateFile(dir); err == nil || strings.HasSuffix(err.Error(), found) {
		t.Errorf("got %v", err)
	}
}

// If a file that the peer does not read seems to be an index, Ignored names the path where
// the peer would read it.
func TestIgnored(t *testing.T) {
	for from, want := range map[string]string{
		"META-INF/couchdb/indexes/a.json":             "META-INF/statedb/couchdb/indexes/a.json",
		"META-INF/couchdb/a.json":                     "META-INF/statedb/couchdb/indexes/a.json",
		"META-INF/indexes/a.json":                     "META-INF/statedb/couchdb/indexes/a.json",
		"META-INF/StateDB/CouchDB/indexes/a.json":     "META-INF/statedb/couchdb/indexes/a.json",
		"META-INF/collections/Assets/indexes/a.json":  "META-INF/statedb/couchdb/collections/Assets/indexes/a.json",
		"META-INF/couchdb/collections/assets/a.json":  "META-INF/statedb/couchdb/collections/assets/indexes/a.json",
		"META-INF/couchdb/collections/a.json":         "META-INF/statedb/couchdb/indexes/a.json",
		"metadata/couchdb/index/a.json":               "metadata/statedb/couchdb/indexes/a.json",
		"META-INF/MANIFEST.MF":                        "",
		"META-INF/couchdb/readme.md":                  "",
		"META-INF/a.json":                             "",
		"META-INF/maven/org.example/basic/index.json": "",
	} {
		if want != "" {
			want = `, did you mean "` + want + `"`
		}
		if got := (chaincode.Artifact{From: from}).Ignored(); got != "the peer reads only statedb there"+want {
			t.Errorf("%s: got %q, want %q", from, got, want)
		}
	}
}

// FolderMeant guesses which package folder is meant by a name that nothing reads.
func TestFolderMeant(t *testing.T) {
	for name, want := range map[string]string{
		"meta-inf":      "META-INF",
		"META_INF":      "META-INF",
		"METAINF":       "META-INF",
		"MetaData":      "metadata",
		"statedb":       "META-INF/statedb",
		"CouchDB":       "META-INF/statedb/couchdb",
		"indexes":       "META-INF/statedb/couchdb/indexes",
		"collections":   "META-INF/statedb/couchdb/collections",
		"metadata.json": "",
		"metadata.md":   "",
		"src":           "",
		"main.go":       "",
	} {
		if got := chaincode.FolderMeant(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

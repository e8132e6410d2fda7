package chaincode_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"ccaas-template-builder/pkg/chaincode"
)

// check fails the test unless err contains want, or is nil if want is "".
func check(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && err == nil:
		t.Errorf("accepted, want an error with %q", want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("got %q, want it to hold %q", err, want)
	}
}

func TestCheckLabel(t *testing.T) {
	for label, want := range map[string]string{
		"azAZ09": "", "a@": "letters", "a[": "letters", "a`": "letters", "a{": "letters", "a:": "letters",
		"basic_1.0": "", "a": "", "9": "", "a+b-c.d_e": "", strings.Repeat("a", 173): "",
		"":                       "empty",
		"_a":                     "begin with",
		"a/b":                    "letters, digits",
		"..":                     "begin with",
		"a b":                    "letters, digits",
		"a\n":                    `"a\n"`,
		"ä":                      "letters, digits",
		strings.Repeat("a", 174): "longer than 173 bytes",
	} {
		t.Run(label, func(t *testing.T) { check(t, chaincode.CheckLabel(label), want) })
	}
}

func TestPackageID(t *testing.T) {
	got := chaincode.PackageID("basic_1", sha256.Sum256(nil))
	if want := "basic_1:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseMetadata(t *testing.T) {
	for data, want := range map[string]string{
		`{"path":"","type":"ccaas","label":"a"}`:             "",
		`{"Type":"ccaas","LABEL":"a","other":1}`:             "",
		`{"type":"ccaas","label":"a","extra":{"x":{"y":1}}}`: "",
		`{"type":1}`: `"type" must not be a JSON number`,
		`[]`:         "is a JSON array, not an object",
		`{"type":`:   "not valid JSON",
		`{"type":"ccaas","label":"a","EXTRA":[1,"x"]}`: "",
		`{} {}`:       "there is trailing data",
		`{}}`:         "there is trailing data",
		`{}]`:         "there is trailing data",
		`{"type":"a}`: "not valid JSON",
	} {
		t.Run(data, func(t *testing.T) {
			_, err := chaincode.ParseMetadata([]byte(data))
			check(t, err, want)
		})
	}
}

func TestCheckIndexPath(t *testing.T) {
	for path, want := range map[string]string{
		"statedb/couchdb/indexes/a.json":                       "",
		"statedb/couchdb/collections/my-coll_1/indexes/a.json": "",
		"statedb/couchdb/indexes/a.txt":                        "NAME.json",
		"statedb/couchdb/indexes/.json":                        "NAME.json",
		"statedb/couchdb/indexes/sub/a.json":                   "must be in",
		"statedb/couchdb/indexes/a\nb.json":                    "control characters",
		"statedb/couchdb/a.json":                               "must be in",
		"statedb/couchdb/collections/c/a.json":                 "must be in",
		"statedb/couchdb/collections/a b/indexes/a.json":       `"a b"`,
		"statedb/leveldb/indexes/a.json":                       "CouchDB",
		"statedb/a.json":                                       "CouchDB",
	} {
		t.Run(path, func(t *testing.T) { check(t, chaincode.CheckIndexPath(path), want) })
	}
}

func TestCheckIndex(t *testing.T) {
	for data, want := range map[string]string{
		`{"index":{"fields":["docType","owner"]},"ddoc":"d","name":"n","type":"json"}`: "",
		`{"index":{"fields":[{"size":"desc"},{"color":"ASC"}]}}`:                       "",
		`{"index":{"fields":["a"],"partial_filter_selector":{"x":1}}}`:                 "",
		``:                                  "not valid JSON",
		`{"index":`:                         "not valid JSON",
		`null`:                              "null",
		`[]`:                                "is a JSON array",
		`{"index":{"fields":["a"]}} x`:      "not valid JSON",
		`{"ddoc":"d"}`:                      `no "index"`,
		`{"Index":{"fields":["a"]}}`:        `no "index"`,
		`{"index":"a"}`:                     `"index"`,
		`{"index":{}}`:                      `must have "fields"`,
		`{"index":{"fields":[]}}`:           `must have "fields"`,
		`{"index":{"fields":"a"}}`:          `must have "fields"`,
		`{"index":{"fields":["a"],"x":1}}`:  `key in "index": "x"`,
		`{"index":{"fields":[1]}}`:          "field 1",
		`{"index":{"fields":["a",null]}}`:   "field 2",
		`{"index":{"fields":[{"a":"up"}]}}`: `"asc" or "desc"`,
		`{"index":{"fields":[{"a":"asc","b":"asc"}]}}`:                     "one name",
		`{"index":{"fields":["a"]},"type":"text"}`:                         `"json"`,
		`{"index":{"fields":["a"]},"ddoc":1}`:                              `"ddoc"`,
		`{"index":{"fields":["a"]},"name":null}`:                           `"name"`,
		`{"index":{"fields":["a"]},"def":1}`:                               `definition: "def"`,
		`{"index":{"fields":["a"]},"` + strings.Repeat("k", 32) + `":1}`:   `definition: "` + strings.Repeat("k", 32) + `"`,
		`{"index":{"fields":["a"]},"` + strings.Repeat("k", 33) + `":1}`:   "definition: name of 33 bytes",
		`{"index":{"fields":["a"],"partial_filter_selector":{"x":1e999}}}`: "1e999, which is out of range",
	} {
		t.Run(data, func(t *testing.T) { check(t, chaincode.CheckIndex([]byte(data)), want) })
	}
}

// ShortID keeps eight digits of the hash in a package ID, and does not change other names.
func TestShortID(t *testing.T) {
	id := chaincode.PackageID("basic_1.0", [32]byte{0x12, 0x34, 0x56, 0x78, 0x9a})
	for name, want := range map[string]string{
		id: "basic_1.0:12345678", "lost+found": "lost+found", strings.Repeat("a", 64): strings.Repeat("a", 64), ":" + strings.Repeat("a", 64): ":aaaaaaaa",
	} {
		if got := chaincode.ShortID(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if got := chaincode.LabelOf(id); got != "basic_1.0" {
		t.Errorf("the label is %s", got)
	}
}

package environ_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccaas-template-builder/pkg/environ"
)

// Quotes and blanks around a value are reported unless they do no harm.
func TestAround(t *testing.T) {
	for value, want := range map[string]string{
		"cc:9999":                      "",
		"":                             "",
		"it's":                         "",
		`{"a":"b"}`:                    "",
		`"cc:9999"`:                    "begins with a quote",
		`'cc:9999'`:                    "begins with a quote",
		"“cc:9999”":                    "begins with a quote",
		`cc:9999"`:                     "ends with a quote",
		" cc:9999":                     "begins with a blank",
		"\tcc:9999":                    "begins with a blank",
		"\u00a0cc:9999":                "begins with a blank",
		"cc:9999 ":                     "ends with a blank or newline",
		"cc:9999\r":                    "ends with a blank or newline",
		"cc:9999\n":                    "ends with a blank or newline",
		" -----BEGIN CERTIFICATE-----": "",
		`"-----BEGIN CERTIFICATE-----`: "begins with a quote",
	} {
		env := load(t, map[string]string{"HOST": value})
		got := ""
		if err := env.Around("HOST"); err != nil {
			got = err.Error()
		}
		if got == "" != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%q: %q", value, got)
		}
		if strings.Contains(got, "9999") {
			t.Errorf("%q is shown: %q", value, got)
		}
	}
}

// An error shows the path of a file, but no other value that may have been set by mistake.
func TestPaths(t *testing.T) {
	id := identity(t)
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, test := range []struct{ name, value, want string }{
		{"A_FILE", "pki/ca.crt", `A_FILE must be the absolute path of a file, not "pki/ca.crt"`},
		{"A_KEY_FILE", "./server.key", `A_KEY_FILE must be the absolute path of a file, not "./server.key"`},
		{"A_FILE", "/no/where", `A_FILE names "/no/where", which cannot be read: no such file or directory`},
		{"A_FILE", dir, `A_FILE names "` + dir + `", which cannot be read: it is a folder, not a regular file`},
		{"A_FILE", file("bom", "\ufeffx"), `/bom", which begins with a byte order mark: save it as UTF-8 without one`},
		{"A_FILE", file("utf16", "\xff\xfex\x00"), `/utf16", which begins with the byte order mark of UTF-16`},
		{"A_FILE", file("der", "\x30\x82\x01\x80"), `/der", which is not text`},
		{"A_FILE", `"/no/where"`, "A_FILE begins with a quote"},
		{"A_FILE", "/no/where ", "A_FILE ends with a blank or newline"},
		{"SECRET", "/no/where", "the file that SECRET names cannot be read"},
		{"SECRET", "hunter.txt", "SECRET must be the absolute path of a file"},
		{"A_FILE", "hunter2", "A_FILE must be the absolute path of a file"},
		{"A_KEY_FILE", id.Key, "A_KEY_FILE must be the absolute path of a file"},
		{"A_KEY_FILE", base64.StdEncoding.EncodeToString([]byte(id.Key)), "A_KEY_FILE must be the absolute path of a file"},
		{"A_KEY_FILE", "/" + base64.StdEncoding.EncodeToString([]byte(id.Key)), "the file that A_KEY_FILE names cannot be read"},
		{"A_KEY_FILE", "/" + id.Key, "the file that A_KEY_FILE names cannot be read"},
		{"A_FILE", "hunter.", "A_FILE must be the absolute path of a file"},
		{"A_FILE", "hunter.extension", `A_FILE must be the absolute path of a file, not "hunter.extension"`},
		{"A_FILE", "hunter.extensions", "A_FILE must be the absolute path of a file"},
		{"A_FILE", "/" + strings.Repeat("no/", 341), `A_FILE names "/no/no`},
		{"A_FILE", "//" + strings.Repeat("no/", 341), "the file that A_FILE names cannot be read"},
		{"A_FILE", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJwZWVyMCJ9.c2lnbmF0dXJlIQ", "A_FILE must be the absolute path of a file"},
	} {
		_, err := load(t, map[string]string{test.name: test.value}).ReadFile(test.name)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
			continue
		}
		shown := strings.Contains(err.Error(), test.value) && !strings.HasPrefix(test.want, "A_FILE ends")
		if shown != (strings.Contains(test.want, `"`)) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// A byte order mark is reported wherever the value comes from.
func TestByteOrderMark(t *testing.T) {
	dir := t.TempDir()
	err := os.WriteFile(filepath.Join(dir, "CORE_CHAINCODE_ADDRESS"), []byte("\ufeffcc:9999"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for name, process := range map[string]map[string]string{
		"CORE_CHAINCODE_ADDRESS begins": {environ.DirVariable: dir},
		"CORE_CHAINCODE_DOMAIN begins":  {"CORE_CHAINCODE_DOMAIN": "\ufeffcc"},
		environ.LegacyVariable + " beg": {environ.LegacyVariable: "\ufeff{}"},
	} {
		if _, err := environ.Load(process, "basic"); err == nil || !strings.HasPrefix(err.Error(), name) ||
			!strings.Contains(err.Error(), "a byte order mark") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

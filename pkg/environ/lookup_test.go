package environ_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccaas-template-builder/pkg/environ"
)

// put writes a file called name in dir.
func put(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// A value that was found does not change afterwards, and a key has the same number however often it
// is read. A lookup that failed is tried again.
func TestFoundOnce(t *testing.T) {
	dir := t.TempDir()
	key := identity(t).Key
	env := load(t, map[string]string{
		"K": key, "F": put(t, dir, "f", "first"), "LATER": filepath.Join(dir, "later"), environ.DirVariable: dir,
	})
	put(t, dir, "V", "first")
	read := func(name, want string) {
		t.Helper()
		if got, err := env.ReadFile(name); err != nil || got.Value != want {
			t.Errorf("%s: got %v, %v, want %s", name, got.Value, err, want)
		}
	}
	read("F", "first")
	if _, err := env.ReadFile("LATER"); err == nil {
		t.Error("read a file that is not there")
	}
	first, again := lookup(t, env, "K"), lookup(t, env, "K")
	if first != again || lookup(t, env, "V") != "first" {
		t.Errorf("one key is %v and %v", first, again)
	}
	for _, name := range []string{"f", "V", "later"} {
		put(t, dir, name, "second")
	}
	read("F", "first")
	read("LATER", "second")
	if v := lookup(t, env, "V"); v != "first" {
		t.Errorf("V is %v now", v)
	}
}

// A value may have at most 64 KiB, wherever it comes from.
func TestLargestValue(t *testing.T) {
	dir := t.TempDir()
	for size, fits := range map[int]bool{environ.MaxValue: true, environ.MaxValue + 1: false} {
		text := strings.Repeat("a", size)
		env := load(t, map[string]string{"V": text, "F": put(t, dir, "f", text), environ.DirVariable: dir})
		put(t, dir, "IN_FOLDER", text)
		for name, read := range map[string]func(string) (environ.Var, error){
			"V": env.Lookup, "IN_FOLDER": env.Lookup, "F": env.ReadFile,
		} {
			if got, err := read(name); (err == nil && got.Value == text) != fits {
				t.Errorf("%s of %d bytes: %v", name, size, err)
			}
		}
	}
}

// What is not a folder is reported once, not for each variable that would be in it. Other errors
// are still reported.
func TestNoFolder(t *testing.T) {
	dir := t.TempDir()
	file := put(t, dir, "basic", "x")
	for dir, want := range map[string]string{
		dir:  "CCAAS_ENV_DIR/basic is not a folder",
		file: fmt.Sprintf("CCAAS_ENV_DIR names %q, which cannot be used: not a directory", file),
	} {
		_, err := environ.Load(map[string]string{environ.DirVariable: dir, "CCAAS_REQUIRE_TLS": "maybe"}, "basic")
		if want += "\nCCAAS_REQUIRE_TLS must be true or false"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A file in the folder of values is for every chaincode, and a file in the folder of a label is for
// chaincodes with that label. A file that is empty or not text is not a value.
func TestInFolder(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "ALL", "x")
	put(t, dir, "EMPTY", "\n")
	put(t, dir, "BINARY", "\xff")
	put(t, dir, "basic/ONE", "x")
	put(t, dir, "UNSET", "x")
	put(t, dir, "basic/UNSET", "") // hides the one above
	for name, want := range map[string]bool{"ALL": true, "ONE": true, "EMPTY": false, "BINARY": false, "NONE": false, "UNSET": false, "basic": false} {
		if got := environ.InFolder(dir, "basic", name); got != want {
			t.Errorf("%s: got %t", name, got)
		}
	}
	if environ.InFolder(dir, "other", "ONE") {
		t.Error("ONE is there for another label")
	}
	if environ.InFolder("", "basic", environ.DirVariable) || environ.InFolder(dir, "", environ.DirVariable) {
		t.Error("the variables of the process are in the folder")
	}
}

// The message for an unset value names the variables that can set it, and its hint says where.
func TestWhereToSet(t *testing.T) {
	plain, folder := load(t, nil), load(t, map[string]string{environ.DirVariable: t.TempDir()})
	for field, want := range map[string]string{
		"Address": "", "RootCert": "neither CORE_CHAINCODE_ROOT_CERT nor CORE_CHAINCODE_ROOT_CERT_FILE is set",
	} {
		if got := plain.Root()[field].(environ.Var).Why; got != want {
			t.Errorf("%s: got %q, want %q", field, got, want)
		}
	}
	for env, want := range map[*environ.Environment]bool{plain: false, folder: true} {
		v, err := env.Lookup("NONE")
		if err != nil || strings.Contains(v.Hint, "the folder that CCAAS_ENV_DIR names") != want {
			t.Errorf("got %q, %v", v.Hint, err)
		}
	}
}

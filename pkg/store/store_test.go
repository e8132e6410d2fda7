package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccaas-template-builder/pkg/store"
)

var hash = strings.Repeat("0a", 32)

func TestPaths(t *testing.T) {
	s := store.Store("/p")
	if got, want := s.PackageFile("basic_1.0:"+hash), "/p/lifecycle/chaincodes/basic_1.0."+hash+".tar.gz"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := s.Build("basic_1.0:"+hash), store.Build("/p/externalbuilder/builds/basic_1.0-"+hash); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPackageID(t *testing.T) {
	for _, id := range []string{"basic_1.0:" + hash, "a-b-c:" + hash, "a+b.c-:" + hash} {
		if got, err := store.Store("/p").Build(id).PackageID(); got != id {
			t.Errorf("got %q, %v, want %q", got, err, id)
		}
	}
	for _, name := range []string{"lost+found", hash, "-" + hash, "basic-" + hash[1:], "basic-" + strings.ToUpper(hash), "b\xffc-" + hash, "basic_1.0-" + hash + ".old"} {
		if got, err := store.Build("/p/" + name).PackageID(); err == nil {
			t.Errorf("%q is a build of %q", name, got)
		}
	}
}

func TestBuilds(t *testing.T) {
	s := store.Store(t.TempDir())
	if _, err := s.Builds(); err == nil || err.Error() != "no such file or directory" {
		t.Errorf("no folder: %v", err)
	}
	for name, info := range map[string]string{"b": `{"builder_name":"ours"}`, "a": `{}`, "c": "", "d": "{"} {
		dir := filepath.Join(s.BuildsDir(), name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if info != "" {
			if err := os.WriteFile(filepath.Join(dir, store.InfoFile), []byte(info), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	builds, err := s.Builds()
	if err != nil || len(builds) != 4 {
		t.Fatal(builds, err)
	}
	for i, want := range []string{"its build-info.json names no builder", "ours", "build-info.json cannot be read: no such file or directory", "its build-info.json names no builder"} {
		got, err := builds[i].Builder()
		if err != nil {
			got = err.Error()
		}
		if got != want || builds[i].Name() != string(rune('a'+i)) {
			t.Errorf("%s: got %q, want %q", builds[i].Name(), got, want)
		}
	}
}

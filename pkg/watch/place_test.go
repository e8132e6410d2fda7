package watch

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// tree makes files and folders below a new folder: a name that ends in / is a
// folder, a content that begins with -> a symbolic link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		put(t, filepath.Join(dir, name), files[name])
	}
	return dir
}

func put(t *testing.T, path, content string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if len(content) > 2 && content[:2] == "->" {
		err = errors.Join(err, os.Symlink(content[2:], path))
	} else {
		err = errors.Join(err, os.WriteFile(path, []byte(content), 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestPlaces(t *testing.T) {
	dir := tree(t, map[string]string{
		"plain/file":     "x",
		"k8s/..1/KEY":    "x",
		"k8s/..data":     "->..1",
		"k8s/KEY":        "->..data/KEY",
		"live/cert":      "->../archive/cert1",
		"archive/cert1":  "x",
		"folder":         "->plain",
		"loop":           "->loop",
		"absolute":       "->/nowhere/at/all",
		"dangling/below": "->not/there",
	})
	for path, want := range map[string][]string{
		"plain/file":        {"plain", "plain/file"},
		"plain/../k8s/KEY":  {"k8s", "k8s/KEY", "k8s/..data", "k8s/..1", "k8s/..1/KEY"},
		"live/cert":         {"live", "live/cert", "archive", "archive/cert1"},
		"folder/file":       {"folder", "plain", "plain/file"},
		"none/below":        {"none"},
		"loop":              {"loop"},
		"dangling/below/it": {"dangling", "dangling/below", "dangling/not"},
	} {
		places := map[place]bool{}
		addPlaces(places, filepath.Join(dir, path))
		var got []string
		for p := range places {
			if below, err := filepath.Rel(dir, filepath.Join(p.dir, p.name)); err == nil && filepath.IsLocal(below) && below != "." {
				got = append(got, below)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	places := map[place]bool{}
	addPlaces(places, filepath.Join(dir, "absolute"))
	if !places[place{"/", "nowhere"}] {
		t.Errorf("the target of an absolute link is not among %v", places)
	}
}

// Of the events of a folder only those count that are about a file that is read.
func TestMatters(t *testing.T) {
	dir := tree(t, map[string]string{"values/NAME": "x", "builds/b/x": "x"})
	n, err := newNotifier()
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	places := map[place]bool{{filepath.Join(dir, "builds"), ""}: true}
	addPlaces(places, filepath.Join(dir, "values/NAME"))
	if !n.add(places) || n.failed != nil {
		t.Fatal(n.failed)
	}
	if n.add(places) {
		t.Error("the same places are more places")
	}
	for _, step := range []struct {
		name    string
		matters bool
	}{{"values/other", false}, {"values/NAME", true}, {"unrelated", false}, {"builds/another", true}, {"values/NAME.tmp", false}, {"values/NAME", true}} {
		if err := os.WriteFile(filepath.Join(dir, step.name), []byte("y"), 0o644); err != nil {
			t.Fatal(err)
		}
		e := <-n.watcher.Events
		for e.Name != filepath.Join(dir, step.name) { // the end of the step before
			e = <-n.watcher.Events
		}
		if n.matters(e) != step.matters {
			t.Errorf("%v: matters is %t", e, !step.matters)
		}
	}
}

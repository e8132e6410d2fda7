package watch

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// tree makes files and folders in a new folder. A name that ends in / makes a folder, and a
// content that begins with -> a symbolic link.
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
		places := newPlaces(func(string) {})
		places.add(filepath.Join(dir, path))
		var got []string
		for p := range places.passage {
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
	places := newPlaces(func(string) {})
	places.add(filepath.Join(dir, "absolute"))
	if _, ok := places.passage[place{"/", "nowhere"}]; !ok {
		t.Errorf("the target of an absolute link is not among %v", places.passage)
	}
}

// Only events about a file that is read count, not other events in its folder.
func TestMatters(t *testing.T) {
	dir := tree(t, map[string]string{"values/NAME": "x", "builds/b/x": "x"})
	n, err := newNotifier()
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	n.anyIn(filepath.Join(dir, "builds"))
	n.watch([]string{filepath.Join(dir, "values/NAME")}, nil)
	if n.failed != nil {
		t.Fatal(n.failed)
	}
	for _, step := range []struct {
		name    string
		matters bool
	}{{"values/other", false}, {"values/NAME", true}, {"unrelated", false}, {"builds/another", true}, {"values/NAME.tmp", false}, {"values/NAME", true}} {
		if err := os.WriteFile(filepath.Join(dir, step.name), []byte("y"), 0o644); err != nil {
			t.Fatal(err)
		}
		e := <-n.watcher.Events
		for e.Name != filepath.Join(dir, step.name) { // skip the events of the step before
			e = <-n.watcher.Events
		}
		if n.matters(e) != step.matters {
			t.Errorf("%v: matters is %t", e, !step.matters)
		}
	}
}

// A notifier is exact until a watched folder or link is replaced by another.
func TestExact(t *testing.T) {
	for name, test := range map[string]struct {
		change func(t *testing.T, dir string)
		exact  bool
	}{
		"nothing":             {func(*testing.T, string) {}, true},
		"written":             {write("v/NAME", "y"), true},
		"replaced":            {rename("new", "v/NAME"), true},
		"new file":            {write("v/LATER", "y"), true},
		"irrelevant":          {write("v/other", "y"), true},
		"swapped":             {rename("..data_tmp", "k8s/..data"), false},
		"new folder":          {write("v/LABEL/NAME", "y"), false},
		"link in its place":   {rename("link", "v/NAME"), false},
		"folder in its place": {rename("folder", "v/LATER"), false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, map[string]string{"v/NAME": "x", "new": "y", "k8s/..1/KEY": "x", "k8s/..data": "->..1", "k8s/KEY": "->..data/KEY",
				"..data_tmp": "->..2", "link": "->new", "folder/x": "x"})
			n := notifying(t, dir)
			test.change(t, dir)
			put(t, dir+"/v/END", "")
			for e := range n.watcher.Events {
				if n.matters(e); e.Name == dir+"/v/END" {
					break
				}
			}
			if n.exact() != test.exact {
				t.Errorf("exact is %t", !test.exact)
			}
		})
	}
}

// exact also notices a folder that is replaced without an event, as by a mount.
func TestExactUnseen(t *testing.T) {
	dir := tree(t, map[string]string{"v/NAME": "x", "w/NAME": "x"})
	n := notifying(t, dir)
	rename("v", "old")(t, dir)
	rename("w", "v")(t, dir)
	if n.exact() { // no event has been read, so exact must have compared the folders
		t.Error("the folder is another one")
	}
}

// Lists that are no longer watched do not accumulate.
func TestDropped(t *testing.T) {
	dir := tree(t, map[string]string{"v/NAME": "x"})
	n := notifying(t, dir)
	for range 2 {
		if !n.exact() {
			t.Fatal("it is not exact to begin with")
		}
		n.watch(nil, [][]string{{dir + "/v/NAME"}})
	}
	n.watch(nil, [][]string{{dir + "/v/NAME"}})
	if n.exact() {
		t.Error("it goes on with what nobody asks for")
	}
}

func notifying(t *testing.T, dir string) *notifier {
	t.Helper()
	n, err := newNotifier()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	n.watch([]string{dir + "/v/NAME", dir + "/v/LATER", dir + "/v/LABEL/NAME", dir + "/k8s/KEY"}, nil)
	return n
}

package main_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/testprograms"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/store"
)

// outdated is a peer with one build whose values have changed since it was made.
type outdated struct {
	install
	peer            string            // the peer's folder
	id              string            // the package ID
	files           map[string]string // the content of all its files before a refresh, by path
	built, released string            // the connection in bld, and the one that the peer reads
	old, new        string            // the content of both before and after a refresh
}

func newOutdated(t *testing.T) outdated {
	t.Helper()
	o := outdated{install: newInstall(t)}
	if err := os.WriteFile(filepath.Join(o.dir, "peer.env"), []byte(strings.Join(o.env, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	template, err := os.ReadFile(filepath.Join(o.dir, "src/connection.json"))
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := archive.Write("basic", chaincode.DefaultType, []archive.File{{Name: chaincode.ConnectionFile, Content: template}})
	if err != nil {
		t.Fatal(err)
	}
	o.id = pkg.ID
	o.peer = o.installed(t, "peer", pkg)
	b := string(store.Store(o.peer).Build(o.id))
	o.built, o.released = filepath.Join(b, copied), filepath.Join(b, released)
	o.files = contents(t, o.peer)
	if err := os.WriteFile(filepath.Join(o.dir, "values/HOST"), []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	later := o.installed(t, "later", pkg) // has what a refresh should make of the first
	o.old, o.new = o.files[o.released], contents(t, later)[later+strings.TrimPrefix(o.released, o.peer)]
	if o.old == "" || o.new == "" || o.new == o.old {
		t.Fatalf("the connection was %q and is to be %q", o.old, o.new)
	}
	return o
}

// installed installs a package on a new peer, and returns the peer's folder.
func (i install) installed(t *testing.T, name string, pkg *archive.Package) string {
	t.Helper()
	dir := filepath.Join(i.dir, name)
	ours := coreyaml.Builder{Name: coreyaml.DefaultName, Path: builder}
	if err := testprograms.Install(t.Context(), dir, pkg, program.Environment(i.env), ours); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Paths of the connections in a build.
const (
	copied   = store.Output + "/" + chaincode.ConnectionFile
	released = store.Release + "/" + chaincode.ReleasedConnection
)

// lock returns the file that a refresh locks. The file stays.
func (o outdated) lock() string {
	return filepath.Join(o.peer, "externalbuilder/ccaas-refresh.lock")
}

const refreshCommand = "ccaas refresh --peer-dir peer --env-file peer.env"

// undisturbed runs a refresh without any fault.
func (o outdated) undisturbed(t *testing.T) {
	t.Helper()
	if out, err := o.run(builder + "/bin/" + refreshCommand); err != nil {
		t.Fatal(err, out)
	}
}

// back restores the peer's folder as it was before any refresh.
func (o outdated) back(t *testing.T) {
	t.Helper()
	for path := range contents(t, o.peer) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for path, content := range o.files {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// contents returns the content of all files below dir, by path.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// whole fails the test unless each connection is either the old one or the new one.
func (o outdated) whole(t *testing.T, when string) {
	t.Helper()
	for _, file := range []string{o.built, o.released} {
		if got, err := os.ReadFile(file); err != nil || string(got) != o.old && string(got) != o.new {
			t.Errorf("%s: %s has %d bytes, %v", when, file, len(got), err)
		}
	}
}

// isNew fails the test unless the peer's folder has the new connections and the lock, and is
// otherwise unchanged.
func (o outdated) isNew(t *testing.T, when string) {
	t.Helper()
	want := maps.Clone(o.files)
	want[o.released], want[o.built] = o.new, o.new
	want[o.lock()] = ""
	if got := contents(t, o.peer); !maps.Equal(got, want) {
		t.Errorf("%s: there are %q, want %q with the new connections", when, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	checkModes(t, o.peer+"/externalbuilder")
}

// halfDone changes the peer's folder as if a refresh had replaced the copy of the connection,
// but not yet the one that the peer reads.
func (o outdated) halfDone(t *testing.T) {
	t.Helper()
	o.back(t)
	if err := os.WriteFile(o.built, []byte(o.new), 0o600); err != nil {
		t.Fatal(err)
	}
}

// If a refresh is killed at any system call, each connection is the old one or the new one,
// and the next refresh removes all traces.
func TestKilledRefresh(t *testing.T) {
	requireTime(t)
	t.Parallel()
	needStrace(t)
	for name, start := range map[string]func(outdated, *testing.T){
		"from the start": outdated.back, "half done": outdated.halfDone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOutdated(t)
			kills := 0
			for _, call := range append([]string{"flock", "fchown", "linkat", "unlinkat", "getdents64"}, writing...) {
				for n := 1; o.killedOnce(t, start, call, n); n++ {
					kills++
				}
			}
			if kills < 20 {
				t.Errorf("it was killed %d times", kills)
			}
		})
	}
}

// killedOnce runs a refresh, kills it as killed does, checks what it leaves, and runs another.
// It reports whether the first was killed.
func (o outdated) killedOnce(t *testing.T, start func(outdated, *testing.T), call string, n int) bool {
	t.Helper()
	start(o, t)
	killed := o.killed(t, refreshCommand, call, n)
	when := fmt.Sprintf("killed at %s %d", call, n)
	o.whole(t, when)
	checkModes(t, o.peer+"/externalbuilder")
	if killed {
		o.undisturbed(t)
	}
	o.isNew(t, when)
	return killed
}

// A refresh that is killed just before a rename has already written the whole file elsewhere.
func TestKilledBeforeRename(t *testing.T) {
	t.Parallel()
	needStrace(t)
	o := newOutdated(t)
	for name, start := range map[string]func(*testing.T){"copy": o.back, "released": o.halfDone} {
		t.Run(name, func(t *testing.T) {
			start(t)
			before := contents(t, o.peer)
			if !o.killed(t, refreshCommand, "renameat", 1) {
				t.Fatal("there is no rename")
			}
			unfinished, _ := filepath.Glob(filepath.Join(o.peer, "externalbuilder/builds/*/.connection.json*"))
			if len(unfinished) != 1 {
				t.Fatalf("it left %q", unfinished)
			}
			before[unfinished[0]], before[o.lock()] = o.new, ""
			if after := contents(t, o.peer); !maps.Equal(before, after) {
				t.Errorf("there are %q, want %q as they were, and all of the new one", slices.Sorted(maps.Keys(after)), slices.Sorted(maps.Keys(before)))
			}
		})
	}
}

// If a disk is full or fails, there is an error that names the file. The old connection stays,
// and no other file is left. The copy is replaced before the connection that the peer reads.
func TestFailingDiskRefresh(t *testing.T) {
	t.Parallel()
	needStrace(t)
	o := newOutdated(t)
	for how, why := range map[string]string{
		"ulimit -f 1; ":                              "file too large", // in the middle of a write, as on a full disk
		inject("/dev/null", "fsync:error=EIO"):       "input/output error",
		inject("/dev/null", "renameat:error=ENOSPC"): "no space left on device",
	} {
		o.back(t)
		o.fails(t, how, copied, why)
		o.halfDone(t)
		o.fails(t, how, released, why)
		o.undisturbed(t)
		o.isNew(t, how)
	}
}

// fails runs a refresh that cannot replace the connection name.
func (o outdated) fails(t *testing.T, how, name, why string) {
	t.Helper()
	before := contents(t, o.peer)
	out, err := o.run(how + builder + "/bin/" + refreshCommand)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("%s: %v", how, err)
	}
	if want := fmt.Sprintf(": %q: cannot be replaced, so the old one stays: %s\n", name, why); strings.Count(out, ": error: ") != 1 || !strings.Contains(out, want) {
		t.Errorf("%s: it said %q, want one error with %q", how, out, want)
	}
	before[o.lock()] = ""
	if after := contents(t, o.peer); !maps.Equal(before, after) {
		t.Errorf("%s: there are %q, want %q as they were", how, slices.Sorted(maps.Keys(after)), slices.Sorted(maps.Keys(before)))
	}
}

// If a folder cannot be synced to the disk, the change that the peer already sees is not undone.
func TestFailingFolderRefresh(t *testing.T) {
	t.Parallel()
	needStrace(t)
	o := newOutdated(t)
	out, err := o.run(inject("/dev/null -P "+filepath.Dir(o.released), "fsync:error=EIO") + builder + "/bin/" + refreshCommand)
	want := fmt.Sprintf("warning: %s: %q: has been replaced, but a crash of the machine may bring the old one back: input/output error\n", o.id, released)
	if err != nil || strings.Count(out, "warning:") != 1 || !strings.Contains(out, want) {
		t.Errorf("it said %q, %v, want %q", out, err, want)
	}
	o.isNew(t, "folder that fails")
}

// Whichever system call fails, the connections stay whole, and the refresh reports correctly
// what it has done.
func TestFailingCallsRefresh(t *testing.T) {
	requireTime(t)
	t.Parallel()
	needStrace(t)
	o := newOutdated(t)
	for _, fault := range []string{"write:error=ENOSPC", "fsync:error=EIO", "renameat:error=ENOSPC", "openat:error=EMFILE", "unlinkat:error=EIO"} {
		for n := 1; o.survives(t, fault, n); n++ {
		}
	}
}

// survives runs a refresh in which the nth system call of one kind in each thread fails. It
// reports whether there was such a call.
func (o outdated) survives(t *testing.T, fault string, n int) bool {
	t.Helper()
	o.back(t)
	when := fmt.Sprintf("%s at call %d", fault, n)
	log := filepath.Join(o.dir, "strace.log")
	out, err := o.run(inject(log, fmt.Sprintf("%s:when=%d", fault, n)) + builder + "/bin/" + refreshCommand)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Errorf("%s: %v %s", when, err, out)
	}
	o.whole(t, when)
	for name, file := range map[string]string{copied: o.built, released: o.released} {
		stays := strings.Contains(out, fmt.Sprintf("%q: cannot be replaced, so the old one stays", name))
		if got := contents(t, o.peer)[file]; stays && got != o.old {
			t.Errorf("%s: %s is not the old one, and it said %s", when, name, out)
		}
	}
	if err == nil {
		o.isNew(t, when)
	}
	calls, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(calls), "(INJECTED)")
}

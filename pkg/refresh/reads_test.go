package refresh_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"ccaas-template-builder/pkg/refresh"
)

// File times are assumed to have a granularity of three seconds.
func TestSettled(t *testing.T) {
	for age, want := range map[time.Duration]bool{-time.Second: false, 0: false, 3 * time.Second: false, 3*time.Second + 1: true, time.Hour: true} {
		if got := refresh.Settled(now, now.Add(age)); got != want {
			t.Errorf("changed %s before: %t", age, got)
		}
	}
}

// A file is not known if it has changed when it is read again, nor is anything that exists but is
// not a regular file.
func TestReadTwice(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a")
	write(t, file, []byte("x"))
	write(t, dir+"/old", nil)
	for name, test := range map[string]struct {
		file      string
		meanwhile func()
		want      bool
	}{
		"the same":  {file, func() {}, true},
		"missing":   {dir + "/none", func() {}, true},
		"changed":   {file, func() { write(t, file, []byte("longer")) }, false},
		"new":       {dir + "/new", func() { write(t, dir+"/new", nil) }, false},
		"removed":   {dir + "/old", func() { remove(t, dir+"/old") }, false},
		"a folder":  {dir, func() {}, false},
		"in a file": {file + "/b", func() {}, false},
	} {
		if got := refresh.ReadTwice(test.file, test.meanwhile); got != test.want {
			t.Errorf("%s: known: %t", name, got)
		}
	}
}

// The target of a symbolic link may be created without a change to the link's folder.
func TestLinkToNowhere(t *testing.T) {
	c := newChanges(t, 0, 2)
	write(t, c.values+"/HOST", []byte("cc"))
	timeout := c.values + "/" + c.pkgs[0].Metadata.Label + "/CORE_CHAINCODE_TIMEOUT"
	if err := os.Mkdir(filepath.Dir(timeout), 0o700); err != nil {
		t.Fatal(err)
	}
	link(t, c.spare+"/later", timeout)
	time.Sleep(2 * coarse)
	c.r.Memory = refresh.NewMemory(coarse)
	c.r.DryRun = true
	before := outcome(run(t, c.r))
	if run(t, c.r); c.r.Memory.Recalled() != 1 {
		t.Errorf("%d are remembered", c.r.Memory.Recalled())
	}
	write(t, c.spare+"/later", []byte("9s"))
	if after := outcome(run(t, c.r)); after[0] == before[0] {
		t.Errorf("it is still %s", after[0])
	}
}

// The creation of a file is noticed only in a folder of values.
func TestLacks(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/d/a", nil)
	link(t, "nowhere", dir+"/d/link")
	for file, want := range map[string]bool{"d/none": true, "d/a": false, "d/link": false, "none": false, "e/none": false} {
		if got := refresh.Lacks(dir+"/d", filepath.Join(dir, file)); got != want {
			t.Errorf("%s: %t", file, got)
		}
	}
}

// Two builds may find different files at the same path, if a symbolic link changes in between.
func TestFoundDifferently(t *testing.T) {
	c := newChanges(t, 0, 2)
	lead := func(to string) { link(t, to, c.spare+"/data") }
	write(t, c.spare+"/one/HOST", []byte("cc"))
	write(t, c.spare+"/two/HOST", []byte("cc2"))
	link(t, c.spare+"/data/HOST", c.values+"/HOST")
	lead("one")
	time.Sleep(2 * coarse)
	c.r.Memory, c.r.DryRun = refresh.NewMemory(coarse), true
	run(t, c.r)
	second := c.s.Build(c.pkgs[1].ID)
	for _, name := range []string{released, built} {
		write(t, at(second, name), rendered(with(c.envs[0], "HOST", "cc2")))
	}
	time.Sleep(2 * coarse)
	c.r.Done = func() { lead("two") } // after the first result is recalled
	if results := run(t, c.r); c.r.Memory.Recalled() != 1 || results[1].State != refresh.Unchanged {
		t.Errorf("%d are remembered, the second is %s", c.r.Memory.Recalled(), results[1].State)
	}
	lead("one")
	c.r.Done = nil
	isState(t, run(t, c.r)[1], refresh.Outdated, "")
}

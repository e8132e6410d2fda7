package refresh_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"ccaas-template-builder/pkg/refresh"
)

// The times of files may be three seconds coarse.
func TestSettled(t *testing.T) {
	for age, want := range map[time.Duration]bool{-time.Second: false, 0: false, 3 * time.Second: false, 3*time.Second + 1: true, time.Hour: true} {
		if got := refresh.Settled(now, now.Add(age)); got != want {
			t.Errorf("changed %s before: %t", age, got)
		}
	}
}

// A file that is another one when it is read again is not known, nor is what is no file.
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

// What a link leads to may come without a change of the folder that it is in.
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

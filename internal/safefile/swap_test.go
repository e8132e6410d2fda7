package safefile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ccaas-template-builder/internal/safefile"
)

// swapped replaces file with a pipe and with the original file in turn, until the test ends.
func swapped(t *testing.T, file string) {
	t.Helper()
	pipe, other := file+".pipe", file+".file"
	if err := errors.Join(os.Link(file, other), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			for _, from := range []string{pipe, other} {
				next := file + ".next"
				os.Link(from, next)
				os.Rename(next, file)
				os.Remove(next) // Rename leaves next if both are the same file
			}
		}
	}()
	t.Cleanup(func() { stop.Store(true); <-done })
}

// No call waits for a pipe in the place of a file or a folder, whether the pipe appears during the
// call or was there before.
func TestNeverWaits(t *testing.T) {
	dir, root := folder(t, map[string]string{"d/a": "12345"})
	file := filepath.Join(dir, "d/a")
	_, dst := folder(t, nil)
	output := safefile.NewOutput(dst)
	swapped(t, file)
	for name, read := range map[string]func() error{
		"Read":          func() error { _, err := safefile.Read(root, "d/a", 5); return err },
		"Folder.Read":   func() error { _, err := safefile.NewFolder(root).Read("d/a", 5); return err },
		"ReadOperators": func() error { _, err := safefile.ReadOperators(file, 5); return err },
		"Copy": func() error {
			dst.Remove("a")
			return output.Copy("a", safefile.NewFolder(root), "d/a")
		},
		"Open":       func() error { _, err := safefile.Open(file+".pipe", "folder"); return err },
		"CheckDir":   func() error { return safefile.CheckDir(file + ".pipe") },
		"OpenRootIn": func() error { _, err := safefile.OpenRootIn(root, "d/a.pipe"); return err },
	} {
		var now atomic.Int64
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 10_000 {
				now.Add(1)
				err := read()
				for _, fine := range []string{"is a pipe", "was replaced while", "not a directory"} {
					if err != nil && strings.Contains(err.Error(), fine) {
						err = nil
					}
				}
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Errorf("%s waits at call %d", name, now.Load())
		}
	}
}

// A symbolic link that replaces a file or a folder during a call is never followed: the call reads the
// original file or folder, or fails.
func TestNeverFollows(t *testing.T) {
	dir, root := folder(t, map[string]string{"file": "itself", "folder/file": "itself", "other/file": "other"})
	links := map[string]string{"file": "other/file", "folder": "other"}
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			for name, to := range links {
				place, aside := filepath.Join(dir, name), filepath.Join(dir, name+".aside")
				os.Rename(place, aside)
				os.Symlink(to, place)
				os.Remove(place)
				os.Rename(aside, place)
			}
		}
	}()
	defer func() { stop.Store(true); <-done }()
	read := map[string]int{}
	for range 20_000 {
		if data, err := safefile.Read(root, "file", 9); err == nil {
			read[string(data)]++
		}
		if opened, err := safefile.OpenItself(root, "folder"); err == nil {
			data, err := opened.ReadFile("file")
			opened.Close()
			if err == nil {
				read[string(data)]++
			}
		}
	}
	if read["itself"] == 0 || read["other"] > 0 {
		t.Errorf("read %v", read)
	}
}

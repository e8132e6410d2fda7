package safefile_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ccaas-template-builder/internal/safefile"
)

const (
	soon  = 20 * time.Millisecond
	never = 10 * time.Second
)

// opened opens a file, and closes it when the test ends.
func opened(t *testing.T, file string) *os.File {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// One holder has the lock until it closes the file. Others wait until then, or until their timeout.
func TestLock(t *testing.T) {
	dir, _ := folder(t, map[string]string{"a": ""})
	file := filepath.Join(dir, "a")
	holder, other := opened(t, file), opened(t, file)
	if err := safefile.Lock(t.Context(), holder, soon); err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	canceled, cancel := context.WithCancel(t.Context())
	time.AfterFunc(soon, cancel)
	for name, test := range map[string]struct {
		ctx     context.Context
		timeout time.Duration
		want    error
	}{
		"timeout":  {t.Context(), soon, safefile.ErrHeld},
		"over":     {over, never, safefile.ErrHeld},
		"canceled": {canceled, never, context.Canceled},
	} {
		if err := safefile.Lock(test.ctx, other, test.timeout); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
	time.AfterFunc(soon, func() { holder.Close() })
	if err := safefile.Lock(t.Context(), other, never); err != nil {
		t.Errorf("it was not released: %v", err)
	}
	if err := safefile.Lock(t.Context(), holder, never); err == nil {
		t.Error("locked a file that is closed")
	}
}

// LockOperators locks the file that has the name in the end, and opens it for writing if possible.
func TestLockOperators(t *testing.T) {
	dir, _ := folder(t, map[string]string{"a": "old", "new": "new"})
	file := filepath.Join(dir, "a")
	before := openFiles(t)
	holder, _, err := safefile.LockOperators(t.Context(), file, soon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.WriteString("own"); err != nil {
		t.Error(err)
	}
	if _, _, err := safefile.LockOperators(t.Context(), file, soon); !errors.Is(err, safefile.ErrHeld) {
		t.Errorf("got %v", err)
	}
	time.AfterFunc(soon, func() {
		if err := errors.Join(os.Rename(filepath.Join(dir, "new"), file), holder.Close()); err != nil {
			t.Error(err)
		}
	})
	f, info, err := safefile.LockOperators(t.Context(), file, never)
	if err != nil {
		t.Fatal(err)
	}
	if named, err := os.Stat(file); err != nil || !os.SameFile(info, named) {
		t.Errorf("locked what had the name before: %v", err)
	}
	time.AfterFunc(soon, func() {
		if err := errors.Join(os.Remove(file), f.Close()); err != nil {
			t.Error(err)
		}
	})
	_, _, err = safefile.LockOperators(t.Context(), file, never)
	want(t, err, "no such file or directory")
	if after := openFiles(t); after != before {
		t.Errorf("%d files stay open", after-before)
	}
}

// A file that cannot be opened for writing, here a running program, is locked nevertheless.
func TestLockForReading(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := safefile.LockOperators(t.Context(), program, soon)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

package refresh_test

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A peer's user who puts a pipe in the place of a connection.json, at whichever
// moment, does not keep a refresh waiting, nor those that wait for its lock.
func TestPipes(t *testing.T) {
	env := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, b := installed(t, env)
	file := at(b, released)
	pipe, other := at(b, "pipe"), at(b, "other")
	if err := errors.Join(os.Link(file, other), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	swapping := make(chan struct{})
	go func() {
		defer close(swapping)
		for next := at(b, "next"); !stop.Load(); {
			for _, from := range []string{pipe, other} {
				os.Link(from, next)
				os.Rename(next, file)
				os.Remove(next) // which stays if both were the same file
			}
		}
	}()
	defer func() { stop.Store(true); <-swapping }()
	done := make(chan struct{})
	var runs atomic.Int64
	go func() {
		defer close(done)
		for range 1000 {
			runs.Add(1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if results, err := refresher(s, env).Run(ctx); err != nil || len(results) != 1 {
				t.Errorf("got %v, %v", results, err)
			}
			cancel()
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Errorf("run %d waits", runs.Load())
	}
}

package refresh_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
)

// A peer's user who puts a pipe in the place of a connection.json, at any moment, cannot block a
// refresh or the runs that wait for its lock.
func TestPipes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long, and is a matter of luck")
	}
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
				os.Remove(next) // remains if both were the same file
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

// A peer's user who puts a symbolic link into the peer's folder cannot make a refresh write to, or
// read from, another place, such as another peer's folder with the same chaincode.
func TestLinksOut(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	id := pack(t, "basic_1.0", chaincode.DefaultType).ID
	build := "externalbuilder/builds/" + store.Store("").Build(id).Name()
	for name, test := range map[string]struct {
		state refresh.State // "": the whole run fails
		want  string
	}{
		"externalbuilder":                   {"", "path escapes"},
		"externalbuilder/builds":            {"", "path escapes"},
		build:                               {refresh.LeftAlone, "is a symbolic link"},
		build + "/build-info.json":          {refresh.Failed, "build-info.json cannot be read: is a symbolic link"},
		build + "/release":                  {refresh.Failed, "path escapes"},
		build + "/release/chaincode":        {refresh.Failed, "path escapes"},
		build + "/release/chaincode/server": {refresh.Failed, "path escapes"},
		build + "/bld":                      {refresh.Failed, "path escapes"},
		"lifecycle":                         {refresh.Failed, "path escapes"},
		"lifecycle/chaincodes":              {refresh.Failed, "path escapes"},
		strings.TrimPrefix(store.Store("/").PackageFile(id), "/"): {refresh.Failed, "is a symbolic link"},
	} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			s, _ := installed(t, old)
			other, _ := installed(t, old)
			target, err := filepath.Rel(filepath.Dir(filepath.Join(string(s), name)), filepath.Join(string(other), name))
			if err != nil {
				t.Fatal(err)
			}
			link(t, target, filepath.Join(string(s), name))
			before := tree(t, string(other))
			results, err := refresher(s, with(old, "HOST", "cc2")).Run(t.Context())
			if test.state == "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, %v", results, err)
				}
			} else if err != nil || len(results) != 1 {
				t.Errorf("got %v, %v", results, err)
			} else {
				isState(t, results[0], test.state, test.want)
			}
			same(t, string(other), before)
		})
	}
}

// A symbolic link to the build of another package of the same peer does not make a refresh confuse
// the two. The operator may name the peer's folder by a symbolic link.
func TestLinksWithin(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, b := installed(t, old)
	one, other := pack(t, "one", chaincode.DefaultType).ID, s.Build(pack(t, "one", chaincode.DefaultType).ID)
	link(t, b.Name(), string(other))
	write(t, s.PackageFile(one), pack(t, "one", chaincode.DefaultType).Bytes())
	named := filepath.Join(t.TempDir(), "peer")
	link(t, string(s), named)
	renewed := with(old, "HOST", "cc2")
	results := run(t, refresher(store.Store(named), renewed))
	if len(results) != 2 {
		t.Fatalf("got %v", results)
	}
	isState(t, results[0], refresh.Refreshed, "")
	holds(t, at(b, released), renewed)
	isState(t, results[1], refresh.LeftAlone, "is a symbolic link, not a folder")
	if results[1].PackageID != one {
		t.Errorf("it is %s, want %s", results[1].PackageID, one)
	}
}

package watch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
)

// watching is a watch of a folder that runs until the test ends.
type watching struct {
	dir  string
	runs chan int // receives the number of each run when it begins
}

// start starts a watch of dir/peer and of files, whose paths are relative to dir.
func start(t *testing.T, dir string, interval time.Duration, files ...string) watching {
	t.Helper()
	w := watching{dir, make(chan int, 1000)}
	for i := range files {
		files[i] = filepath.Join(dir, files[i])
	}
	runs := 0
	watch := &Watch{
		Refresh: func(context.Context) ([]refresh.Result, error) {
			runs++
			w.runs <- runs
			return []refresh.Result{{PackageID: "a", State: refresh.Unchanged, Files: files}}, nil
		},
		Store:    store.Store(filepath.Join(dir, "peer")),
		Files:    []string{filepath.Join(dir, "peer.env")},
		Interval: interval,
		Settle:   500 * time.Millisecond,
		Log:      slog.New(slog.DiscardHandler),
		Status:   NewStatus(time.Now),
	}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { watch.Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	return w
}

// run waits for the nth run.
func (w watching) run(t *testing.T, n int) {
	t.Helper()
	for {
		select {
		case got := <-w.runs:
			if got == n {
				return
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("there was no run %d", n)
		}
	}
}

func rename(from, to string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
}

func write(name, content string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		put(t, filepath.Join(dir, name), content)
	}
}

// However a file that is read is replaced or changed, it is read again.
func TestChanges(t *testing.T) {
	for name, test := range map[string]struct {
		files  map[string]string
		reads  string
		change []func(t *testing.T, dir string)
	}{
		"written":                  {map[string]string{"v/NAME": "x"}, "v/NAME", []func(*testing.T, string){write("v/NAME", "y")}},
		"replaced":                 {map[string]string{"v/NAME": "x", "v/new": "y"}, "v/NAME", []func(*testing.T, string){rename("v/new", "v/NAME")}},
		"removed":                  {map[string]string{"v/NAME": "x"}, "v/NAME", []func(*testing.T, string){rename("v/NAME", "v/old")}},
		"new":                      {map[string]string{"v/other": "x"}, "v/NAME", []func(*testing.T, string){write("v/NAME", "y")}},
		"new folder":               {map[string]string{"v/other": "x"}, "v/LABEL/NAME", []func(*testing.T, string){write("v/LABEL/NAME", "y")}},
		"folder replaced":          {map[string]string{"v/NAME": "x", "w/NAME": "y"}, "v/NAME", []func(*testing.T, string){rename("v", "old"), rename("w", "v")}},
		"swapped as by Kubernetes": {map[string]string{"v/..1/NAME": "x", "v/..data": "->..1", "v/NAME": "->..data/NAME", "v/..2/NAME": "y", "v/..data_tmp": "->..2"}, "v/NAME", []func(*testing.T, string){rename("v/..data_tmp", "v/..data")}},
		"link to another":          {map[string]string{"live/cert": "->../archive/1", "archive/1": "x", "archive/2": "y", "live/tmp": "->../archive/2"}, "live/cert", []func(*testing.T, string){rename("live/tmp", "live/cert")}},
		"behind a link":            {map[string]string{"live/cert": "->../archive/1", "archive/1": "x"}, "live/cert", []func(*testing.T, string){write("archive/1", "y")}},
		"env file":                 {map[string]string{"peer.env": "A=1", "v/NAME": "x"}, "v/NAME", []func(*testing.T, string){write("peer.env", "A=2")}},
		"a build":                  {map[string]string{"peer/externalbuilder/builds/a/x": "x", "v/NAME": "x"}, "v/NAME", []func(*testing.T, string){write("peer/externalbuilder/builds/b/x", "x")}},
		"the first build":          {map[string]string{"peer/x": "x", "v/NAME": "x"}, "v/NAME", []func(*testing.T, string){write("peer/externalbuilder/builds/b/x", "x")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t, tree(t, test.files), time.Hour, test.reads)
			w.run(t, 2) // the first run found out what to watch
			for _, change := range test.change {
				change(t, w.dir)
			}
			w.run(t, 3)
		})
	}
}

// A second change is noticed too, even if the first has replaced a folder.
func TestChangesGoOn(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"v/..1/NAME": "x", "v/..data": "->..1", "v/NAME": "->..data/NAME", "v/..2/NAME": "y", "v/..3/NAME": "y"})
	w := start(t, dir, time.Hour, "v/NAME")
	w.run(t, 2)
	put(t, dir+"/v/tmp", "->..2")
	rename("v/tmp", "v/..data")(t, dir)
	w.run(t, 3)
	put(t, dir+"/v/tmp", "->..3")
	rename("v/tmp", "v/..data")(t, dir)
	w.run(t, 4)
	write("v/..3/NAME", "z")(t, dir)
	w.run(t, 5)
}

// A build that the peer is still copying is noticed once it is complete.
func TestHalfThere(t *testing.T) {
	t.Parallel()
	const build = "peer/externalbuilder/builds/a/"
	dir := tree(t, map[string]string{build + "release/x": "x"})
	w := start(t, dir, time.Hour, build+"build-info.json", build+"release/chaincode/server/connection.json")
	w.run(t, 2)
	write(build+"build-info.json", "{}")(t, dir)
	w.run(t, 3)
	write(build+"release/chaincode/server/connection.json", "{}")(t, dir)
	w.run(t, 4)
}

// Without any change, a run begins after each interval.
func TestInterval(t *testing.T) {
	t.Parallel()
	start(t, tree(t, map[string]string{"v/NAME": "x"}), time.Millisecond, "v/NAME").run(t, 20)
}

// Each event is logged on one line. A result that has not changed is not logged again.
func TestLog(t *testing.T) {
	var out bytes.Buffer
	drop := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	w := &Watch{Log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: drop})), Status: NewStatus(time.Now), trouble: map[string]string{}, known: map[string]string{}}
	change := []refresh.Change{{What: "address", Old: "a:1", New: "b:1"}, {What: "client_key", Old: "(hidden)", New: "(hidden)"}}
	for _, step := range []struct {
		result refresh.Result
		err    error
		want   string
	}{
		{refresh.Result{State: refresh.Unchanged}, nil, "level=INFO msg=unchanged package_id=x"},
		{refresh.Result{State: refresh.Unchanged}, nil, ""},
		{refresh.Result{State: refresh.Refreshed, Changes: change}, nil, `level=INFO msg=refreshed package_id=x changes="address: a:1 → b:1; client_key: (hidden) → (hidden)"`},
		{refresh.Result{State: refresh.Refreshed, Changes: change}, nil, `level=INFO msg=refreshed package_id=x changes="address: a:1 → b:1; client_key: (hidden) → (hidden)"`},
		{refresh.Result{State: refresh.Unchanged}, nil, ""},
		{refresh.Result{State: refresh.Failed, Errors: refresh.Errors{errors.New("one\ntwo"), errors.New("three")}}, nil, `level=ERROR msg=failed package_id=x errors="one\\ntwo; three"`},
		{refresh.Result{State: refresh.Failed, Errors: refresh.Errors{errors.New("one\ntwo"), errors.New("three")}}, nil, ""},
		{refresh.Result{}, errors.New("no folder"), `level=ERROR msg="cannot refresh" errors="no folder"`},
		{refresh.Result{}, errors.New("no folder"), ""},
		{refresh.Result{State: refresh.Failed, Errors: refresh.Errors{errors.New("four")}}, nil, "level=INFO msg=\"resolved: cannot refresh\"\nlevel=ERROR msg=failed package_id=x errors=four"},
		{refresh.Result{State: refresh.Unchanged, Warnings: []error{message.WithHint(errors.New("expired"), "renew")}}, nil, "level=WARN msg=unchanged package_id=x warnings=expired hints=renew"},
		{refresh.Result{State: refresh.Outdated, Changes: change[:1]}, nil, `level=WARN msg=outdated package_id=x changes="address: a:1 → b:1"`},
		{refresh.Result{State: refresh.LeftAlone, Errors: refresh.Errors{errors.New("is another's")}}, nil, `level=INFO msg=left package_id=x errors="is another's"`},
		{refresh.Result{PackageID: "y", State: refresh.Unchanged}, nil, "level=INFO msg=unchanged package_id=y\nlevel=INFO msg=gone package_id=x"},
		{refresh.Result{State: refresh.LeftAlone, Errors: refresh.Errors{errors.New("is another's")}}, nil, "level=INFO msg=left package_id=x errors=\"is another's\"\nlevel=INFO msg=gone package_id=y"},
		{refresh.Result{}, message.WithHint(errors.New("no folder"), "make one"), `level=ERROR msg="cannot refresh" errors="no folder" hints="make one"`},
	} {
		out.Reset()
		step.result.PackageID = cmp.Or(step.result.PackageID, "x")
		w.Refresh = func(context.Context) ([]refresh.Result, error) { return []refresh.Result{step.result}, step.err }
		w.run(t.Context())
		if got := strings.TrimSpace(out.String()); got != step.want {
			t.Errorf("got\n%s\nwant\n%s", got, step.want)
		}
	}
}

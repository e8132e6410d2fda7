// Package watch keeps the connections of a peer's chaincodes up to date. It refreshes them
// whenever a value or a build changes, and at regular intervals. It logs what it does and
// offers its [Status] to Prometheus. [Watch.Run] is the loop.
package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
)

// patience is the maximum time to wait while changes continue, as a multiple of Settle.
const patience = 10

// Watch watches one peer.
type Watch struct {
	// Refresh refreshes all builds of the peer, with the current values.
	Refresh func(context.Context) ([]refresh.Result, error)
	Store   store.Store
	// Files are watched in addition to the files that the results name.
	Files    []string
	Interval time.Duration
	// Settle is how long to wait for further changes after a change. Values often change
	// together, such as a certificate and its key.
	Settle time.Duration
	// Hook, if not nil, is run for each build for which Refresh reports that it is due. Its
	// Output is logged.
	Hook *refresh.Hook
	// Splay is the upper limit of the random time to wait before the hook is run.
	Splay time.Duration
	// Servers probes the servers of all builds. It is called every ProbeInterval, unless that
	// is 0.
	Servers       func(context.Context) ([]refresh.Server, error)
	ProbeInterval time.Duration

	Log    *slog.Logger
	Status *Status

	results []refresh.Result  // of the last completed run
	trouble map[string]string // the last text logged about each problem
	known   map[string]string // the last result logged of each build
	hooks   *hooks
}

// Run watches until ctx is done. It returns when no hook runs any longer.
func (w *Watch) Run(ctx context.Context) {
	w.hooks = w.newHooks()
	defer w.hooks.wait()
	var probing sync.WaitGroup
	defer probing.Wait()
	probing.Go(func() { w.probeServers(ctx) })
	w.trouble, w.known = map[string]string{}, map[string]string{}
	var n *notifier
	defer func() { n.close() }()
	for ctx.Err() == nil {
		n = w.notifier(n)
		w.watch(n)
		w.run(ctx)
		if w.watch(n) { // what was not watched before may have changed in between
			w.run(ctx)
			w.watch(n)
		}
		n.wait(ctx, w.Interval, w.Settle)
	}
}

// notifier returns n if it is still exact, otherwise a new notifier.
func (w *Watch) notifier(n *notifier) *notifier {
	if n != nil && n.exact() {
		return n
	}
	n.close()
	n, err := newNotifier()
	w.logProblem(slog.LevelWarn, "changes are noticed only at the interval, not at once", err)
	return n
}

// watch makes n watch everything that the last run has read, and reports whether n watches
// more than before.
func (w *Watch) watch(n *notifier) (more bool) {
	before := len(n.places.passage)
	n.anyIn(w.Store.BuildsDir())
	lists := make([][]string, len(w.results))
	for i, r := range w.results {
		lists[i] = r.Files
	}
	n.watch(w.Files, lists)
	w.logProblem(slog.LevelWarn, "some changes are noticed only at the interval, not at once", n.failed)
	return len(n.places.passage) > before
}

// run refreshes all builds once.
func (w *Watch) run(ctx context.Context) {
	w.Status.begin()
	results, err := w.Refresh(ctx)
	if ctx.Err() != nil {
		return
	}
	w.Status.end(results, err)
	w.logProblem(slog.LevelError, "cannot refresh", err)
	if err != nil {
		return
	}
	w.results = results
	before := w.known
	w.known = map[string]string{}
	for _, r := range results {
		w.logResult(r, before[r.PackageID])
		delete(before, r.PackageID)
	}
	for _, id := range slices.Sorted(maps.Keys(before)) {
		w.Log.Info("gone", "package_id", id)
	}
	w.hooks.update(ctx, results)
}

// logProblem logs an error once, and later, once, that it is resolved.
func (w *Watch) logProblem(level slog.Level, what string, err error) {
	text := message.OneLine(strings.Join(texts(message.Errors(err)), "; "))
	if w.trouble[what] == text {
		return
	}
	w.trouble[what] = text
	if err == nil {
		w.Log.Info("resolved: " + what)
		return
	}
	args := []any{"errors", text}
	if hints := message.Hints(err); len(hints) > 0 {
		args = append(args, "hints", message.OneLine(strings.Join(hints, "; ")))
	}
	w.Log.Log(context.Background(), level, what, args...)
}

// logResult logs the result for a build, unless the same was logged before.
func (w *Watch) logResult(r refresh.Result, before string) {
	level, args := slog.LevelInfo, []any{"package_id", r.PackageID}
	add := func(key string, texts []string) {
		if len(texts) > 0 {
			args = append(args, key, message.OneLine(strings.Join(texts, "; ")))
		}
	}
	add("changes", texts(r.Changes))
	add("warnings", texts(r.Warnings))
	add("errors", texts(message.Errors(r.Err())))
	add("hints", message.Hints(errors.Join(r.Err(), errors.Join(r.Warnings...))))
	if len(r.Warnings) > 0 {
		level = slog.LevelWarn
	}
	switch r.State {
	case refresh.Outdated:
		level = slog.LevelWarn
	case refresh.Failed:
		level = slog.LevelError
	}
	next := r // the result of the next run if nothing changes
	if r.State == refresh.Refreshed {
		next.State, next.Changes = refresh.Unchanged, nil
	}
	w.known[r.PackageID] = fmt.Sprint(next.State, next.Changes, next.Warnings, next.Errors)
	if r.State == next.State && w.known[r.PackageID] == before {
		return
	}
	w.Log.Log(context.Background(), level, string(r.State), args...)
}

func texts[T any](all []T) []string {
	var texts []string
	for _, one := range all {
		texts = append(texts, fmt.Sprint(one))
	}
	return texts
}

// Package watch keeps the connections of a peer's chaincodes up to date: it
// refreshes them whenever a value or a build changes, and at an interval. It logs
// what it does, and offers its [Status] to Prometheus. [Watch.Run] is the loop.
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

// patience is how many times Settle to wait at most while changes continue.
const patience = 10

// Watch is one peer that is being watched.
type Watch struct {
	// Refresh refreshes all builds of the peer, with the current values.
	Refresh func(context.Context) ([]refresh.Result, error)
	Store   store.Store
	// Files are watched in addition to those that the results name.
	Files    []string
	Interval time.Duration
	// Settle is how long to wait for further changes after a change: values often
	// change together, such as a certificate and its key.
	Settle time.Duration
	// Hook, if not nil, is run for each build where Refresh reports that it is due. Its
	// Output is logged.
	Hook *refresh.Hook
	// Splay limits a random time to wait before the hook is run.
	Splay time.Duration
	// Servers probes the servers of all builds, every ProbeInterval, unless that is 0.
	Servers       func(context.Context) ([]refresh.Server, error)
	ProbeInterval time.Duration

	Log    *slog.Logger
	Status *Status

	results []refresh.Result  // of the last run that has ended
	trouble map[string]string // what was last logged about each problem
	known   map[string]string // and about each build
	hooks   *hooks
}

// Run runs until ctx is done, and no hook runs any longer.
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
		if w.watch(n) { // what is watched only now may have changed before
			w.run(ctx)
			w.watch(n)
		}
		n.wait(ctx, w.Interval, w.Settle)
	}
}

// notifier is n, or a new one if that is no longer exact.
func (w *Watch) notifier(n *notifier) *notifier {
	if n != nil && n.exact() {
		return n
	}
	n.close()
	n, err := newNotifier()
	w.say(slog.LevelWarn, "changes are noticed only at the interval, not at once", err)
	return n
}

// watch makes n watch everything that the last run has read, and reports whether
// that is more than before.
func (w *Watch) watch(n *notifier) (more bool) {
	before := len(n.places.passage)
	n.anyIn(w.Store.BuildsDir())
	lists := make([][]string, len(w.results))
	for i, r := range w.results {
		lists[i] = r.Files
	}
	n.watch(w.Files, lists)
	w.say(slog.LevelWarn, "some changes are noticed only at the interval, not at once", n.failed)
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
	w.say(slog.LevelError, "cannot refresh", err)
	if err != nil {
		return
	}
	w.results = results
	before := w.known
	w.known = map[string]string{}
	for _, r := range results {
		w.sayResult(r, before[r.PackageID])
		delete(before, r.PackageID)
	}
	for _, id := range slices.Sorted(maps.Keys(before)) {
		w.Log.Info("gone", "package_id", id)
	}
	w.hooks.update(ctx, results)
}

// say logs an error, and later that it is resolved, each once.
func (w *Watch) say(level slog.Level, what string, err error) {
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

// sayResult logs the result for a build, unless it was already known.
func (w *Watch) sayResult(r refresh.Result, before string) {
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
	next := r // the next result, if nothing else happens
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

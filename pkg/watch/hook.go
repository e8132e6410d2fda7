package watch

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/pemtext"
	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
)

const (
	// hooksAtOnce is how many hooks run at the same time, each for another chaincode.
	hooksAtOnce = 8
	// firstRetry is how long to wait after the first failure of a hook. The time doubles with
	// each further failure, up to lastRetry.
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// hooks runs the hook for each build for which it is due, until it succeeds.
type hooks struct {
	hook   refresh.Hook
	splay  time.Duration
	store  store.Store
	log    *slog.Logger
	status *Status

	slots   chan struct{} // has one element for each hook that runs
	workers sync.WaitGroup
	mutex   sync.Mutex
	jobs    map[string]*job // by package ID
}

// job is a build for which the hook is due.
type job struct {
	packageID string
	again     bool // the hook has become due again since it was started
	cancel    context.CancelFunc
}

func (w *Watch) newHooks() *hooks {
	if w.Hook == nil {
		return nil
	}
	return &hooks{
		hook: *w.Hook, splay: w.Splay, store: w.Store, log: w.Log, status: w.Status,
		slots: make(chan struct{}, hooksAtOnce), jobs: map[string]*job{},
	}
}

// update starts a job for each build for which the hook has become due, and cancels the jobs
// of builds that are gone.
func (h *hooks) update(ctx context.Context, results []refresh.Result) {
	if h == nil {
		return
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	there := map[string]bool{}
	for _, r := range results {
		there[r.PackageID] = true
		j := h.jobs[r.PackageID]
		switch {
		case j != nil:
			j.again = j.again || r.HookDue
		case r.HookDue:
			j = &job{packageID: r.PackageID}
			var jobContext context.Context
			jobContext, j.cancel = context.WithCancel(ctx)
			h.jobs[r.PackageID] = j
			h.status.hookDue(r.PackageID, true)
			h.workers.Go(func() { h.work(jobContext, j) })
		}
	}
	for id, j := range h.jobs {
		if !there[id] {
			j.cancel()
		}
	}
}

// wait waits until all hooks have ended. Their context must be done.
func (h *hooks) wait() {
	if h != nil {
		h.workers.Wait()
	}
}

// work runs the hook for a build until it has succeeded and is not due again.
func (h *hooks) work(ctx context.Context, j *job) {
	defer j.cancel()
	wait, retry := spread(h.splay), firstRetry
	for {
		pause(ctx, wait)
		h.begin(j)
		if err := h.run(ctx, j.packageID, retry); err != nil && ctx.Err() == nil {
			wait, retry = retry, min(2*retry, lastRetry)
			continue
		}
		if h.ended(ctx, j) {
			return
		}
		wait, retry = spread(h.splay), firstRetry
	}
}

// begin records that the hook is about to run. The run takes account of every change so far.
func (h *hooks) begin(j *job) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	j.again = false
}

// ended reports whether nothing is left to do for the build. If so, it removes the job.
func (h *hooks) ended(ctx context.Context, j *job) bool {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if j.again && ctx.Err() == nil {
		return false
	}
	delete(h.jobs, j.packageID)
	h.status.hookDue(j.packageID, false)
	return true
}

// run runs the hook once and logs the result. A hook that fails will be run again after retry.
func (h *hooks) run(ctx context.Context, packageID string, retry time.Duration) error {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	said := &tail{}
	hook := h.hook
	hook.Output = said
	begun := time.Now()
	changed, err := hook.Run(ctx, h.store, packageID)
	if ctx.Err() != nil || changed == nil && err == nil {
		return err
	}
	h.status.hookRan(packageID, err)
	args := []any{"package_id", packageID, "changed", strings.Join(changed, ","),
		"took", time.Since(begun).Round(time.Millisecond).String()}
	if text := said.text(); text != "" {
		args = append(args, "output", text)
	}
	if err == nil {
		h.log.Info("the command succeeded", args...)
		return nil
	}
	args = append(args, "errors", message.OneLine(strings.Join(texts(message.Errors(err)), "; ")))
	if hints := message.Hints(err); len(hints) > 0 {
		args = append(args, "hints", strings.Join(hints, "; "))
	}
	h.log.Error("the command failed", append(args, "again_in", retry.String())...)
	return err
}

// Metrics about the hook.
var (
	hookPending = prometheus.NewDesc("ccaas_hook_pending",
		"Whether a connection was replaced and the command has not succeeded since.", []string{"package_id"}, nil)
	hookRuns = prometheus.NewDesc("ccaas_hook_runs_total",
		"Runs of the command for a chaincode, by result.", []string{"package_id", "result"}, nil)
)

// hookDue records whether the hook is due for a build.
func (s *Status) hookDue(packageID string, due bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.pending[packageID] = due
}

// hookRan records that the hook has run for a build.
func (s *Status) hookRan(packageID string, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err != nil {
		s.hooks[hookOutcome{packageID, "failed"}]++
	} else {
		s.hooks[hookOutcome{packageID, "succeeded"}]++
	}
}

// hookOutcome is a build and a result that its hook can have.
type hookOutcome struct{ packageID, result string }

// collectHooks collects the metrics about the hook.
func (s *Status) collectHooks(metrics chan<- prometheus.Metric) {
	for id, due := range s.pending {
		metrics <- prometheus.MustNewConstMetric(hookPending, prometheus.GaugeValue, number(due), id)
	}
	for of, n := range s.hooks {
		metrics <- prometheus.MustNewConstMetric(hookRuns, prometheus.CounterValue, n, of.packageID, of.result)
	}
}

// spread returns a random duration below limit.
func spread(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return rand.N(limit)
}

// pause waits for d, or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// tail is a writer that keeps the end of what is written to it.
type tail struct {
	mutex  sync.Mutex // a command that is no longer waited for may still write
	end    []byte
	hidden bool // whether a private key was written
}

const (
	maxTail = 1000     // the maximum length of the output that is logged, in bytes
	maxKept = 64 << 10 // how much is kept, enough to recognise a private key in it
)

func (t *tail) Write(data []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for part := range slices.Chunk(data, maxKept) {
		t.end = append(t.end, part...)
		if len(t.end) > 2*maxKept {
			t.hidden = t.hidden || pemtext.HoldsKey(string(t.end))
			t.end = append([]byte{}, t.end[len(t.end)-maxKept:]...)
		}
	}
	return len(data), nil
}

// text returns the last lines as printable text on one line, without any private key.
func (t *tail) text() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.hidden || pemtext.HoldsKey(string(t.end)) {
		return "(hidden)"
	}
	end := bytes.TrimSpace(t.end)
	if len(end) > maxTail {
		end = end[len(end)-maxTail:]
		if _, lines, ok := bytes.Cut(end, []byte("\n")); ok {
			end = lines
		}
	}
	return message.OneLine(strings.ReplaceAll(strings.ToValidUTF8(string(end), "�"), "\n", "; "))
}

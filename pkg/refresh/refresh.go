// Package refresh renders the connections of installed chaincodes again: see [Refresher.Run]. The
// peer has a connection.json rendered once, at install, but reads it whenever it connects. So a
// replaced file takes effect at the next connection, without a reinstall or a restart.
package refresh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/probe"
	"ccaas-template-builder/pkg/store"
	"ccaas-template-builder/pkg/template"
)

// Refresher renders the builds of one peer.
type Refresher struct {
	Store store.Store
	// Builder is our builder's name in core.yaml, which the peer records with each build.
	Builder string
	// Adopt names other builders whose builds are rendered too, if the type of the package is one
	// that we accept.
	Adopt []string
	// Env returns the environment that the builder's programs would get now. Run calls it when no
	// other run is under way, so that of two runs, the later one has the newer values.
	Env func() (map[string]string, error)
	// Now returns the time at which certificates are checked.
	Now func() time.Time
	// DryRun makes a run change nothing.
	DryRun bool
	// Probe, if not nil, probes the server of each connection, even of an unchanged one. It must
	// succeed before a connection is replaced by one that differs.
	Probe func(context.Context, probe.Target) probe.Result
	// Memory, if not nil, makes a run skip the builds for which nothing has changed since an
	// earlier run with the same Memory. It is not used if Probe is set.
	Memory *Memory
	// Mark makes a Hook due for each build whose connection is replaced by one with which a peer
	// connects differently.
	Mark bool
	// Done, if not nil, is called after each build, from any goroutine.
	Done func()

	env map[string]string // what Env has returned for this run
	now time.Time         // what Now has returned for this run
}

// State is the outcome for one build.
type State string

const (
	Unchanged State = "unchanged" // already what would be rendered
	Refreshed State = "refreshed" // replaced
	Outdated  State = "outdated"  // would have been replaced if DryRun were not set
	Failed    State = "failed"    // an error, such as a failed probe; usually the old connection is kept
	LeftAlone State = "left"      // not ours to render, incomplete, or without its package
)

// Change is what a refresh changes, or would change. It contains no private key.
type Change struct {
	What string `json:"what"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

func (c Change) String() string { return c.What + ": " + c.Old + " → " + c.New }

// Certificate describes a certificate in a connection on disk.
type Certificate struct {
	Key      string    `json:"key"`    // root_cert or client_cert
	SHA256   string    `json:"sha256"` // its fingerprint, in hexadecimal
	NotAfter time.Time `json:"notAfter"`
}

// Errors is a list of errors that JSON encodes as their messages.
type Errors []error

// MarshalJSON implements json.Marshaler.
func (e Errors) MarshalJSON() ([]byte, error) {
	texts := []string{}
	for _, err := range e {
		texts = append(texts, err.Error())
	}
	return json.Marshal(texts)
}

// Result is the outcome for one build.
type Result struct {
	// PackageID is the ID of the build's package, or the name of the folder if it is not the build
	// of a package.
	PackageID string   `json:"packageID"`
	State     State    `json:"state"`
	Changes   []Change `json:"changes"`
	// Certificates lists the certificates of the connection that the peer now reads.
	Certificates []Certificate `json:"certificates"`
	// Warnings are about the new connection, writing it to disk, and sharing its address.
	Warnings Errors `json:"warnings"`
	// Errors say why the build failed or was left alone.
	Errors Errors `json:"errors"`
	// Address is the address in the connection that the peer now reads or, in a dry run, would
	// read. It is also set for a build that was left alone, if it is known.
	Address string `json:"address"`
	// SharedWith lists the package IDs of the peer's other chaincodes with that address.
	SharedWith []string `json:"sharedWith"`
	// Probe is the result of the probe, if there was one.
	Probe *probe.Result `json:"probe,omitempty"`
	// Hook is the result of the hook, if one was run.
	Hook *HookRun `json:"hook,omitempty"`
	// HookDue reports whether a Hook is due.
	HookDue bool `json:"-"`
	// Ours reports whether the build was made by a builder whose builds we render.
	Ours bool `json:"-"`
	// UpToDate reports whether the connection on disk is now what would be rendered.
	UpToDate bool `json:"-"`
	// Differs reports whether the changes affect how a peer connects, not only the file.
	Differs bool `json:"-"`
	// Files lists the files on which the result depends: those from which the operator's values
	// were read, or would have been. If the values were not read, it lists the files that an
	// incomplete build may lack.
	Files []string `json:"-"`
}

// atOnce is the number of builds processed at a time: a probe waits for its server.
const atOnce = 8

// lockTimeout is the maximum time that one run waits for another.
const lockTimeout = time.Minute

// Run renders every build of the peer, and replaces each connection that differs from what would be
// rendered. The results are ordered by the names of the builds. A build that fails does not stop
// the others. The error is from the store, the lock, Env or ctx.
func (r Refresher) Run(ctx context.Context) ([]Result, error) {
	builds, err := r.Store.Builds()
	if err != nil {
		return nil, hinted(safefile.At(r.Store.BuildsDir(), err))
	}
	if !r.DryRun {
		unlock, err := lock(ctx, r.Store)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	if err := r.read(); err != nil {
		return nil, err
	}
	results := r.all(ctx, builds)
	warnOfShared(results)
	return results, ctx.Err()
}

// read reads the environment and the time.
func (r *Refresher) read() (err error) {
	r.now = r.Now().Round(0) // without the monotonic clock, which goes on if the clock is set back
	r.env, err = r.Env()
	return err
}

// all refreshes the builds, except those that are remembered.
func (r Refresher) all(ctx context.Context, builds []store.Build) []Result {
	if r.Probe != nil {
		r.Memory = nil
	}
	if r.Memory != nil {
		r.Memory.mutex.Lock()
		defer r.Memory.mutex.Unlock()
	}
	results := make([]Result, len(builds))
	dirs := r.Memory.lists()
	rest := r.Memory.recall(r, dirs, builds, results)
	seen := make([]*reads, len(rest))
	few(ctx, len(rest), func(i int) {
		b := rest[i]
		seen[i] = r.newReads(builds[b], dirs)
		results[b] = r.refresh(ctx, builds[b], seen[i])
		if r.Done != nil {
			r.Done()
		}
	})
	for i, b := range rest {
		r.Memory.keep(r, builds[b], results[b], seen[i])
	}
	r.Memory.end(dirs)
	return results
}

// few calls do for each number from 0 to n-1, atOnce at a time, until ctx is done.
func few(ctx context.Context, n int, do func(i int)) {
	indexes := make(chan int)
	var workers sync.WaitGroup
	for range min(atOnce, n) {
		workers.Go(func() {
			for i := range indexes {
				do(i)
			}
		})
	}
	for i := range n {
		if ctx.Err() == nil {
			indexes <- i
		}
	}
	close(indexes)
	workers.Wait()
}

// warnOfShared warns about each of our builds that has the same address as another chaincode.
func warnOfShared(results []Result) {
	servers := connection.Servers{}
	for _, r := range results {
		servers.Add(r.PackageID, r.Address)
	}
	for i, r := range results {
		if shared := servers.Shared(r.PackageID, r.Address); shared != nil && r.Ours {
			results[i].SharedWith = shared.Others
			results[i].Warnings = append(r.Warnings, message.WithHint(shared, shared.Hint()))
		}
	}
}

// hinted adds a hint to an error about a folder of the peer.
func hinted(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return message.WithHint(err, asPeer)
	case errors.Is(err, fs.ErrNotExist):
		return message.WithHint(err, "the peer's folder is its peer.fileSystemPath; "+
			"the peer creates the builds folder when it first starts")
	}
	return err
}

const asPeer = "run it as the peer's user, who owns the files"

// refresh renders one build. An error, or even a panic, fails only this build.
func (r Refresher) refresh(ctx context.Context, b store.Build, seen *reads) (result Result) {
	defer func() {
		if v := recover(); v != nil {
			result = result.failed(program.Panicked(v))
		}
	}()
	t, err := r.open(b)
	result = Result{
		PackageID:    t.packageID,
		Changes:      []Change{},
		SharedWith:   []string{},
		Certificates: []Certificate{},
		Ours:         t.ours,
		Files:        t.files,
	}
	if t.released != nil {
		result.Address = shown(t.released.connection.Address)
		if t.ours {
			result.Certificates = certificates(t.released.connection)
		}
	}
	if err != nil {
		return result.failed(err)
	}
	defer t.dir.Close()
	if r.Mark && !r.DryRun {
		defer func() { result.HookDue = marked(t.dir) }()
	}
	if err := r.removeUnfinished(t); err != nil {
		return result.failed(err)
	}
	rendered, files, err := r.render(t, seen)
	result.Files = files
	if err != nil {
		return result.failed(err)
	}
	result.Warnings, result.Differs = rendered.Warnings, t.differs(rendered.Connection)
	unanswered := r.probe(ctx, &result, rendered.Connection)
	if unanswered != nil && result.Differs {
		return result.failed(prefixed("the new connection does not work, so the old one stays", unanswered))
	}
	result = r.update(t, result, rendered.Connection)
	if unanswered != nil {
		result = result.failed(errors.Join(result.Err(), prefixed("the connection does not work", unanswered)))
	}
	return result
}

// removeUnfinished removes unfinished files that a killed run has left in a build. With Mark, it
// also makes the marks of that run count: see renameMarks.
func (r Refresher) removeUnfinished(t *target) error {
	if r.DryRun {
		return nil
	}
	err := safefile.RemoveUnfinished(t.dir, chaincode.ConnectionFile)
	if r.Mark {
		err = errors.Join(err, safefile.RemoveUnfinished(t.dir, newMarkPrefix), renameMarks(t.dir))
	}
	return err
}

// probe probes the server of a connection, and returns the error if the probe fails.
func (r Refresher) probe(ctx context.Context, result *Result, c connection.Connection) error {
	if r.Probe == nil {
		return nil
	}
	answer := r.Probe(ctx, probe.Target{Connection: c, PackageID: result.PackageID})
	result.Probe = &answer
	return answer.Err()
}

func prefixed(what string, err error) error {
	return message.Each(err, func(err error) error { return fmt.Errorf("%s: %w", what, err) })
}

// update makes c the connection of the build, unless it already is or DryRun is set.
func (r Refresher) update(t *target, result Result, c connection.Connection) Result {
	if changes := t.changes(c); len(changes) > 0 {
		result.Changes = changes
	} else {
		result.State, result.UpToDate = Unchanged, true
		return result
	}
	if r.DryRun {
		result.State, result.Address = Outdated, c.Address
		return result
	}
	warnings, err := r.replaceMarked(t, c)
	result.Warnings = append(result.Warnings, warnings...)
	if err != nil {
		return result.failed(err)
	}
	result.State, result.UpToDate = Refreshed, true
	result.Address, result.Certificates = c.Address, certificates(c)
	return result
}

// Err joins Errors.
func (r Result) Err() error { return errors.Join(r.Errors...) }

// failed returns the result as failed or left alone because of err.
func (r Result) failed(err error) Result {
	r.State, r.Errors = Failed, message.Errors(err)
	if errors.As(err, &leftError{}) {
		r.State = LeftAlone
	}
	return r
}

// render renders the connection of a build as its builder would now, and returns the files on which
// it depends.
func (r Refresher) render(t *target, seen *reads) (rendered template.Rendered, files []string, err error) {
	metadata := t.pkg.Metadata
	file, err := t.pkg.Template()
	if err != nil {
		return rendered, t.files, err
	}
	parsed, templateErr := template.Parse(file.Name, file.Content)
	var names []string
	if templateErr == nil {
		names = parsed.Names()
	}
	files = seen.reader().Files(r.env, metadata.Label, names)
	env, envErr := seen.reader().Load(r.env, metadata.Label)
	if err := errors.Join(templateErr, parsed.Placed(envErr)); err != nil {
		return rendered, files, err
	}
	rendered, err = parsed.Render(env, metadata, r.now)
	seen.checked(rendered.Connection, r.now)
	return rendered, files, err
}

// leftError says why a build is left alone.
type leftError struct{ error }

func left(format string, args ...any) error { return leftError{fmt.Errorf(format, args...)} }

// Count returns the number of results in one state.
func Count(results []Result, state State) int {
	n := 0
	for _, r := range results {
		if r.State == state {
			n++
		}
	}
	return n
}

// Package refresh renders the connections of installed chaincodes again: [Refresher.Run]. The peer
// has a connection.json rendered once, at install, but reads it whenever it
// connects: a replaced file takes effect at the next connection, without a
// reinstall or a restart.
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
	// Builder is our name in core.yaml, which the peer keeps with each build.
	Builder string
	// Adopt names other builders whose builds are rendered too, if their packages
	// are of a type that we accept.
	Adopt []string
	// Env is the environment that the builder's programs would get now.
	Env map[string]string
	// Now is the time at which certificates are checked.
	Now time.Time
	// DryRun changes nothing.
	DryRun bool
	// Probe, if not nil, asks the server of each connection, also of one that stays as it
	// is, and must succeed before one that differs is replaced.
	Probe func(context.Context, probe.Target) probe.Result
	// Memory, if not nil, spares a run the builds of which nothing has changed since an earlier
	// run with the same Memory. With a Probe it is not used.
	Memory *Memory
	// Mark has a Hook be due for each build whose connection is replaced by one with which
	// a peer connects differently.
	Mark bool
	// Done, if not nil, is called for each build, from any goroutine.
	Done func()
}

// State is the outcome for one build.
type State string

const (
	Unchanged State = "unchanged" // it is already what would be rendered
	Refreshed State = "refreshed" // it was replaced
	Outdated  State = "outdated"  // it would have been replaced, but for DryRun
	Failed    State = "failed"    // the old connection remains, or its server failed the probe
	LeftAlone State = "left"      // it is not ours to render
)

// Change is what a refresh changes, or would. No value in it is a private key.
type Change struct {
	What string `json:"what"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

func (c Change) String() string { return c.What + ": " + c.Old + " → " + c.New }

// Certificate is one that a connection on disk holds.
type Certificate struct {
	Key      string    `json:"key"`    // root_cert or client_cert
	SHA256   string    `json:"sha256"` // its fingerprint, in hexadecimal
	NotAfter time.Time `json:"notAfter"`
}

// Errors are errors that JSON encodes as their texts.
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
	// PackageID is that of the build's package, or the name of the folder if it is
	// not the build of a package.
	PackageID string   `json:"packageID"`
	State     State    `json:"state"`
	Changes   []Change `json:"changes"`
	// Certificates are those of the connection that the peer now reads.
	Certificates []Certificate `json:"certificates"`
	// Warnings are those of the new connection, of writing it to disk, and of sharing its
	// address.
	Warnings Errors `json:"warnings"`
	// Errors say why it failed or was left alone.
	Errors Errors `json:"errors"`
	// Address is that of the connection that the peer now reads or, in a dry run, would
	// read. It is there also if the build was left alone.
	Address string `json:"address"`
	// SharedWith are the package IDs of the peer's other chaincodes with that address.
	SharedWith []string `json:"sharedWith"`
	// Probe is how the probe went, if there was one.
	Probe *probe.Result `json:"probe,omitempty"`
	// Hook is how the hook went, if one was run.
	Hook *HookRun `json:"hook,omitempty"`
	// HookDue reports whether a Hook is due.
	HookDue bool `json:"-"`
	// Ours reports whether it was made by a builder whose builds we render.
	Ours bool `json:"-"`
	// UpToDate reports whether the connection on disk is now what would be rendered.
	UpToDate bool `json:"-"`
	// Differs reports whether these changes affect how a peer connects, and not only the
	// file.
	Differs bool `json:"-"`
	// Files are those that it depends on: those that the operator's values were read
	// from, or would have been; for an incomplete build, the missing ones.
	Files []string `json:"-"`
}

// atOnce is how many builds are processed at a time: a probe waits for its server.
const atOnce = 8

// lockTimeout is how long one run waits for another at most.
const lockTimeout = time.Minute

// Run renders each build of the peer, ordered by name, and replaces the connections
// that differ from what would be rendered. One that fails does not stop the
// others. The error is that of the store or of ctx.
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
	results := r.all(ctx, builds)
	warnOfShared(results)
	return results, ctx.Err()
}

// all refreshes the builds, but for those that are remembered.
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

// few calls do for each number below n, a few at a time, until ctx is done.
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

// warnOfShared warns of each build of ours that has the address of another chaincode.
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

// hinted is err with what to do about a folder of the peer.
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

// refresh renders one build. Anything that goes wrong, even a panic, fails only this
// build.
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

// removeUnfinished removes what a run that was killed has left in a build, but for its marks.
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

// probe asks the server of a connection, and returns what is wrong with its answer.
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

// failed adds to the result why it failed, or was left alone.
func (r Result) failed(err error) Result {
	r.State, r.Errors = Failed, message.Errors(err)
	if errors.As(err, &leftError{}) {
		r.State = LeftAlone
	}
	return r
}

// render renders the connection of a build as its builder would now, and returns the files
// that it depends on.
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
	files = seen.reader().Files(r.Env, metadata.Label, names)
	env, envErr := seen.reader().Load(r.Env, metadata.Label)
	if err := errors.Join(templateErr, parsed.Placed(envErr)); err != nil {
		return rendered, files, err
	}
	rendered, err = parsed.Render(env, metadata, r.Now)
	seen.checked(rendered.Connection, r.Now)
	return rendered, files, err
}

// leftError says why a build is left alone.
type leftError struct{ error }

func left(format string, args ...any) error { return leftError{fmt.Errorf(format, args...)} }

// Count counts the results in one state.
func Count(results []Result, state State) int {
	n := 0
	for _, r := range results {
		if r.State == state {
			n++
		}
	}
	return n
}

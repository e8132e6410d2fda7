// Package refresh renders the connections of installed chaincodes anew. The peer
// renders a connection once, at install, but reads it again at every connection:
// a file that is replaced counts from the next one on, without a reinstall and
// without a restart.
package refresh

import (
	"context"
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
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/store"
	"ccaas-template-builder/pkg/template"
)

// Refresher renders the builds of one peer.
type Refresher struct {
	Store store.Store
	// Builder is our name in core.yaml, which the peer has kept with each build.
	Builder string
	// Adopt are the names of other builders whose builds are rendered too, if they
	// are of a type that we accept.
	Adopt []string
	// Env is the environment that the builder's programs would get today.
	Env map[string]string
	// Now is the time at which certificates are checked.
	Now time.Time
	// DryRun leaves everything as it is.
	DryRun bool
	// Probe, if it is there, must accept a connection before it replaces one that
	// differs.
	Probe func(ctx context.Context, packageID string, c connection.Connection) error
	// Done, if it is there, is called for each build, from any goroutine.
	Done func()
}

// State is what came of one build.
type State string

const (
	Unchanged State = "unchanged" // what is there is what would be rendered
	Refreshed State = "refreshed" // it was replaced
	Outdated  State = "outdated"  // it would have been replaced, but for DryRun
	Failed    State = "failed"    // the connection that was there stays
	LeftAlone State = "left"      // it is not for us to render
)

// Change is what a refresh changes, or would. No value in it is a private key.
type Change struct{ What, Old, New string }

func (c Change) String() string { return c.What + ": " + c.Old + " → " + c.New }

// Certificate is one that a connection on disk holds.
type Certificate struct {
	Key      string // root_cert or client_cert
	SHA256   string // its fingerprint, in hexadecimal
	NotAfter time.Time
}

// Result is what came of one build.
type Result struct {
	// PackageID is that of the build's package; the name of the folder where it is
	// the build of none.
	PackageID string
	// Ours tells whether it is the build of a builder whose builds we render.
	Ours    bool
	State   State
	Changes []Change
	// Differs tells whether a peer connects otherwise for these changes, and they are
	// not of the file alone.
	Differs bool
	// Certificates are those of the connection that the peer reads from now on.
	Certificates []Certificate
	// Warnings are those of the new connection, and of putting it on disk.
	Warnings []error
	// Err is why it failed, joined, or was left alone.
	Err error
	// Files are those that it depends on: those that the operator's values were read
	// from, or would have been; of a build that is half there, what is missing.
	Files []string
}

// atOnce is how many builds are worked on at a time: a probe waits for its server.
const atOnce = 8

// lockTimeout bounds how long one run waits for another.
const lockTimeout = time.Minute

// Run renders each build of the peer, in the order of their names, and replaces
// the connections that are not as they would be rendered. One that fails
// stops no other. The error is that of the store or of ctx.
func (r Refresher) Run(ctx context.Context) ([]Result, error) {
	builds, err := r.Store.Builds()
	if err != nil {
		return nil, hinted(safefile.At(r.Store.BuildsDir(), err))
	}
	if !r.DryRun {
		unlock, err := lock(ctx, r.Store.BuildsDir())
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	results := make([]Result, len(builds))
	indexes := make(chan int)
	var workers sync.WaitGroup
	for range min(atOnce, len(builds)) {
		workers.Go(func() {
			for i := range indexes {
				results[i] = r.result(ctx, builds[i])
				if r.Done != nil {
					r.Done()
				}
			}
		})
	}
	for i := range builds {
		if ctx.Err() == nil {
			indexes <- i
		}
	}
	close(indexes)
	workers.Wait()
	return results, ctx.Err()
}

// hinted is err with what to do about a folder of the peer's.
func hinted(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return message.WithHint(err, asPeer)
	case errors.Is(err, fs.ErrNotExist):
		return message.WithHint(err, "the peer's folder is its peer.fileSystemPath; the peer makes the folder of builds at its first start")
	}
	return err
}

const asPeer = "run it as the peer's user, to whom the files belong"

// result renders one build. What goes wrong, a panic too, is the failure of this
// build only.
func (r Refresher) result(ctx context.Context, b store.Build) (result Result) {
	result.PackageID = b.Name()
	defer func() {
		if v := recover(); v != nil {
			result.State, result.Err = Failed, program.Panicked(v)
		}
	}()
	state, err := r.refresh(ctx, b, &result)
	result.State, result.Err = state, err
	return result
}

// refresh renders one build, and fills in what it learns on the way.
func (r Refresher) refresh(ctx context.Context, b store.Build, result *Result) (State, error) {
	t, err := r.open(b, result)
	if errors.As(err, &leftError{}) {
		return LeftAlone, err
	}
	if err != nil {
		return Failed, err
	}
	defer t.dir.Close()
	if !r.DryRun {
		if err := safefile.RemoveUnfinished(t.dir, chaincode.ConnectionFile); err != nil {
			return Failed, err
		}
	}
	rendered, err := r.render(t, result)
	if err != nil {
		return Failed, err
	}
	result.Warnings = rendered.Warnings
	result.Changes, result.Differs = t.changes(rendered.Connection), t.differs(rendered.Connection)
	if len(result.Changes) == 0 {
		return Unchanged, nil
	}
	if r.Probe != nil && result.Differs {
		if err := r.Probe(ctx, result.PackageID, rendered.Connection); err != nil {
			return Failed, err
		}
	}
	if r.DryRun {
		return Outdated, nil
	}
	if err := t.replace(rendered.Connection.Encode(), result); err != nil {
		return Failed, err
	}
	result.Certificates = certificates(rendered.Connection)
	return Refreshed, nil
}

// render renders the connection of a build as its builder would today.
func (r Refresher) render(t *target, result *Result) (template.Rendered, error) {
	metadata := t.pkg.Metadata
	file, err := t.pkg.Template()
	if err != nil {
		return template.Rendered{}, err
	}
	parsed, templateErr := template.Parse(file.Name, file.Content)
	var names []string
	if templateErr == nil {
		names = parsed.Names()
	}
	result.Files = environ.Files(r.Env, metadata.Label, names)
	env, envErr := environ.Load(r.Env, metadata.Label)
	if err := errors.Join(templateErr, envErr); err != nil {
		return template.Rendered{}, err
	}
	return parsed.Render(env, metadata, r.Now)
}

// leftError is why a build is left alone.
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

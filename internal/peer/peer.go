// Package peer simulates a Fabric peer during one install. It runs the real programs of an
// external builder on a chaincode package, in the same order, with the same environment and in
// the same folders as a peer, and decodes the connection.json that they make. It follows
// core/container/externalbuilder and core/chaincode/lifecycle of Fabric.
package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/store"
)

// InstallTimeout is how long a peer waits for an install (chaincode.installTimeout). It can be
// used to limit the programs of one install, for which the peer has no limit.
const InstallTimeout = 5 * time.Minute

// Peer is a simulated peer with its external builders.
type Peer struct {
	// Dir is the peer's peer.fileSystemPath, an existing folder.
	Dir string
	// Builders are the builders in the peer's core.yaml, in order.
	Builders []coreyaml.Builder
	// Env is the environment of the peer's process.
	Env map[string]string
	// Log is called with each line that the builder's programs write to stderr. It may be nil.
	Log func(line string)
}

// NotTakenError reports that no builder accepts a package of this type.
type NotTakenError struct {
	Type     string
	Refusals []error // why each builder refuses it, in order
}

func (e *NotTakenError) Error() string {
	var reasons []string
	for _, refusal := range e.Refusals {
		reasons = append(reasons, refusal.Error())
	}
	return fmt.Sprintf("no builder takes a package of type %q (%s), "+
		"so the peer would turn to Docker and fail with \"docker build failed\"", e.Type, strings.Join(reasons, "; "))
}

// Detect returns the builder that takes pkg: the first one whose detect accepts
// it. If there is none, the error is a *NotTakenError.
func (p *Peer) Detect(ctx context.Context, pkg *archive.Package) (taker coreyaml.Builder, err error) {
	err = p.scratch(ctx, pkg, func(dir buildDir) error {
		taker, err = p.detect(ctx, pkg, dir)
		return err
	})
	return taker, err
}

// Install installs pkg and returns the connection that the peer would use. An error says how
// the peer would fail, and why.
func (p *Peer) Install(ctx context.Context, pkg *archive.Package) (connection.Connection, error) {
	stored := store.Store(p.Dir).PackageFile(pkg.ID)
	durable := string(store.Store(p.Dir).Build(pkg.ID))
	if _, err := os.Stat(durable); err == nil {
		return connection.Connection{}, fmt.Errorf(
			"chaincode already installed (package ID %q): the peer never builds a package again", pkg.ID)
	}
	if err := save(stored, pkg); err != nil {
		return connection.Connection{}, err
	}
	if err := p.build(ctx, pkg, durable); err != nil {
		return connection.Connection{}, errors.Join(err, os.Remove(stored))
	}
	return p.connection(durable)
}

func save(name string, pkg *archive.Package) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = pkg.WriteTo(file)
	return errors.Join(err, file.Close())
}

// buildDir is the temporary folder of one build.
type buildDir string

func (d buildDir) of(name string) string { return filepath.Join(string(d), name) }

// scratch unpacks pkg into a temporary folder, calls use, and removes the folder.
func (p *Peer) scratch(ctx context.Context, pkg *archive.Package, use func(buildDir) error) error {
	tmp, err := os.MkdirTemp(p.Env["TMPDIR"], "fabric-"+store.Store(p.Dir).Build(pkg.ID).Name())
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	dir := buildDir(tmp)
	for _, name := range []string{"src", "metadata", "bld", "release"} {
		if err := os.Mkdir(dir.of(name), 0o700); err != nil {
			return err
		}
	}
	source, err := os.OpenRoot(dir.of("src"))
	if err != nil {
		return err
	}
	defer source.Close()
	if err := pkg.Unpack(ctx, source); err != nil {
		return fmt.Errorf("could not untar the package: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir.of("metadata"), chaincode.MetadataFile), pkg.RawMetadata, 0o700); err != nil {
		return err
	}
	return use(dir)
}

func (p *Peer) detect(ctx context.Context, pkg *archive.Package, dir buildDir) (coreyaml.Builder, error) {
	notTaken := &NotTakenError{Type: chaincode.ShownType(pkg.Metadata.Type)}
	for _, b := range p.Builders {
		err := p.run(ctx, b, "detect", dir.of("src"), dir.of("metadata"))
		if err == nil {
			return b, nil
		}
		if ctx.Err() != nil {
			return b, err
		}
		notTaken.Refusals = append(notTaken.Refusals, fmt.Errorf("%s: %w", b.Name, err))
	}
	return coreyaml.Builder{}, notTaken
}

// build runs the builder that takes pkg, and copies what it made to durable.
func (p *Peer) build(ctx context.Context, pkg *archive.Package, durable string) error {
	return p.scratch(ctx, pkg, func(dir buildDir) error {
		b, err := p.detect(ctx, pkg, dir)
		if err != nil {
			return err
		}
		if err := p.run(ctx, b, "build", dir.of("src"), dir.of("metadata"), dir.of("bld")); err != nil {
			return err
		}
		if _, err := exec.LookPath(program(b, "release")); err == nil { // as in the peer, release may be missing
			if err := p.run(ctx, b, "release", dir.of("bld"), dir.of("release")); err != nil {
				return err
			}
		}
		return keep(ctx, durable, b.Name, dir.of("release"), dir.of("bld"))
	})
}

// keep copies a build to durable, where the peer reads it from then on. As in the peer, if
// copying one part fails, the parts that were copied before it stay.
func keep(ctx context.Context, durable, builder, release, bld string) error {
	if err := os.MkdirAll(filepath.Dir(durable), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(durable, 0o700); err != nil {
		return err
	}
	info, err := json.Marshal(store.Info{Builder: builder})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(durable, store.InfoFile), info, 0o600); err != nil {
		return err
	}
	if err := copyTree(ctx, release, filepath.Join(durable, store.Release)); err != nil {
		return err
	}
	return copyTree(ctx, bld, filepath.Join(durable, store.Output))
}

// connection reads the connection as the peer does when it launches the chaincode.
func (p *Peer) connection(durable string) (connection.Connection, error) {
	release, err := os.OpenRoot(filepath.Join(durable, store.Release))
	if err != nil {
		return connection.Connection{}, err
	}
	defer release.Close()
	if _, err := safefile.Files(release, "."); err != nil {
		return connection.Connection{}, fmt.Errorf("the peer could not read the indexes in the release folder: %w", err)
	}
	data, err := safefile.Read(release, chaincode.ReleasedConnection, chaincode.MaxConnection)
	if err != nil {
		return connection.Connection{}, fmt.Errorf("the builder released no connection: %w", err)
	}
	c, err := connection.Decode(data)
	if err != nil {
		return c, fmt.Errorf("released %s: %w", chaincode.ConnectionFile, err)
	}
	return c, c.Validate()
}

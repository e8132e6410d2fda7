// Package peer is a Fabric peer for the length of one install: it takes a
// chaincode package through an external builder's real programs, in the order,
// with the environment and into the folders that a peer has, and decodes the
// connection.json that comes out. It follows core/container/externalbuilder
// and core/chaincode/lifecycle of Fabric.
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

// InstallTimeout is an optional limit for the programs of one install: the peer's
// own for an install (chaincode.installTimeout). It has none for the programs.
const InstallTimeout = 5 * time.Minute

// Peer is a peer with its external builders.
type Peer struct {
	// Dir is its peer.fileSystemPath, an existing folder.
	Dir string
	// Builders are those of its core.yaml, in order.
	Builders []coreyaml.Builder
	// Env is the environment of the peer's process.
	Env map[string]string
	// Log gets each line that the builder's programs write to stderr. It may be nil.
	Log func(line string)
}

// NotTakenError says that no builder accepts a package of this type.
type NotTakenError struct {
	Type     string
	Refusals []error // of each builder, in order
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

// Install installs pkg and returns the connection that the peer would use. An
// error says what the peer would have done, and why.
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

// buildDir is the scratch folder of one build.
type buildDir string

func (d buildDir) of(name string) string { return filepath.Join(string(d), name) }

// scratch unpacks pkg into a scratch folder that lasts as long as use.
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
	notTaken := &NotTakenError{Type: pkg.Metadata.Type}
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

// build runs the builder that takes pkg and keeps what it made at durable.
func (p *Peer) build(ctx context.Context, pkg *archive.Package, durable string) error {
	return p.scratch(ctx, pkg, func(dir buildDir) error {
		b, err := p.detect(ctx, pkg, dir)
		if err != nil {
			return err
		}
		if err := p.run(ctx, b, "build", dir.of("src"), dir.of("metadata"), dir.of("bld")); err != nil {
			return err
		}
		if _, err := exec.LookPath(program(b, "release")); err == nil { // the peer can do without it
			if err := p.run(ctx, b, "release", dir.of("bld"), dir.of("release")); err != nil {
				return err
			}
		}
		return keep(ctx, durable, b.Name, dir.of("release"), dir.of("bld"))
	})
}

// keep copies a build to where the peer finds it from then on. As with the
// peer, a copy that fails leaves what was done before it.
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

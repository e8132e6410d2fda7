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
	"path/filepath"
	"strings"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
)

// Peer is a peer with one external builder.
type Peer struct {
	// Dir is its peer.fileSystemPath, an existing folder.
	Dir string
	// Builder is the path of its external builder, as core.yaml has it: the
	// folder in which bin/detect, bin/build and bin/release lie.
	Builder string
	// BuilderName is the builder's name in core.yaml.
	BuilderName string
	// Env is the environment of the peer's process.
	Env map[string]string
	// Propagate is the builder's propagateEnvironment; nil propagates all of Env.
	Propagate []string
	// Log gets each line that the builder's programs write to stderr. It may be nil.
	Log func(line string)
}

// Install installs pkg and returns the connection that the peer would use. An
// error says what the peer would have done, and why.
func (p *Peer) Install(ctx context.Context, pkg *archive.Package) (connection.Connection, error) {
	stored := filepath.Join(p.Dir, "lifecycle", "chaincodes", strings.Replace(pkg.ID, ":", ".", 1)+".tar.gz")
	durable := filepath.Join(p.Dir, "externalbuilder", "builds", sanitize(pkg.ID))
	if _, err := os.Stat(durable); err == nil {
		return connection.Connection{}, fmt.Errorf("chaincode already installed (package ID %q): the peer never builds a package again", pkg.ID)
	}
	if err := save(stored, pkg.Bytes()); err != nil {
		return connection.Connection{}, err
	}
	if err := p.build(ctx, pkg, durable); err != nil {
		return connection.Connection{}, errors.Join(err, os.Remove(stored))
	}
	return p.connection(durable)
}

func save(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}

// build runs the builder in a scratch folder and keeps what it made at durable.
func (p *Peer) build(ctx context.Context, pkg *archive.Package, durable string) error {
	scratch, err := os.MkdirTemp(p.Env["TMPDIR"], "fabric-"+sanitize(pkg.ID))
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	dir := func(name string) string { return filepath.Join(scratch, name) }
	for _, name := range []string{"src", "metadata", "bld", "release"} {
		if err := os.Mkdir(dir(name), 0o700); err != nil {
			return err
		}
	}
	source, err := os.OpenRoot(dir("src"))
	if err != nil {
		return err
	}
	defer source.Close()
	if err := pkg.Unpack(source); err != nil {
		return fmt.Errorf("could not untar the package: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir("metadata"), chaincode.MetadataFile), pkg.RawMetadata, 0o700); err != nil {
		return err
	}

	if err := p.run(ctx, "detect", dir("src"), dir("metadata")); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("%w: the builder does not take a package of type %q, so the peer would turn to Docker and fail with \"docker build failed\"", err, pkg.Metadata.Type)
	}
	if err := p.run(ctx, "build", dir("src"), dir("metadata"), dir("bld")); err != nil {
		return err
	}
	if _, err := os.Stat(p.program("release")); err == nil { // the peer does without
		if err := p.run(ctx, "release", dir("bld"), dir("release")); err != nil {
			return err
		}
	}
	return p.keep(durable, dir("release"), dir("bld"))
}

// keep copies a build to where the peer finds it from then on. As with the
// peer, a copy that fails leaves what was done before it.
func (p *Peer) keep(durable, release, bld string) error {
	if err := os.MkdirAll(filepath.Dir(durable), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(durable, 0o700); err != nil {
		return err
	}
	info, err := json.Marshal(map[string]string{"builder_name": p.BuilderName})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(durable, "build-info.json"), info, 0o600); err != nil {
		return err
	}
	if err := copyTree(release, filepath.Join(durable, "release")); err != nil {
		return err
	}
	return copyTree(bld, filepath.Join(durable, "bld"))
}

// connection reads the connection as the peer does when it launches the chaincode.
func (p *Peer) connection(durable string) (connection.Connection, error) {
	release, err := os.OpenRoot(filepath.Join(durable, "release"))
	if err != nil {
		return connection.Connection{}, err
	}
	defer release.Close()
	if _, err := safefile.Files(release, "."); err != nil {
		return connection.Connection{}, fmt.Errorf("the peer could not read the indexes in the release folder: %w", err)
	}
	data, err := safefile.Read(release, chaincode.ReleasedConnection, chaincode.MaxConnection)
	if err != nil {
		return connection.Connection{}, fmt.Errorf("the builder has released no connection: %w", err)
	}
	c, err := connection.Decode(data)
	if err != nil {
		return c, fmt.Errorf("released %s: %w", chaincode.ConnectionFile, err)
	}
	return c, c.Validate()
}

// sanitize is SanitizeCCIDPath of the peer.
func sanitize(packageID string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>:"/\|?*&`, r) {
			return '-'
		}
		return r
	}, packageID)
}

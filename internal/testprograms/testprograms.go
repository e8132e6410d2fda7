// Package testprograms builds the project's programs for the tests that run them,
// and installs packages with them.
package testprograms

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"ccaas-template-builder/internal/envfile"
	"ccaas-template-builder/internal/peer"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/coreyaml"
)

// Build builds ccaas and the builder's programs of the project at root into the
// folder dir, as make build does, but for -trimpath: so the packages that a go test has
// compiled need not be compiled again.
func Build(root, dir string) error {
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", dir+"/", "./cmd/...")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// Install installs a package on the peer whose folder is dir, with the builder,
// which gets all of env.
func Install(
	ctx context.Context, dir string, pkg *archive.Package, env map[string]string, builder coreyaml.Builder,
) error {
	builder.PropagateEnvironment = slices.Collect(maps.Keys(env))
	var said strings.Builder
	log := func(line string) { fmt.Fprintln(&said, line) }
	on := &peer.Peer{Dir: dir, Builders: []coreyaml.Builder{builder}, Env: env, Log: log}
	if _, err := on.Install(ctx, pkg); err != nil {
		return fmt.Errorf("%w: %s", err, &said)
	}
	return nil
}

// InstallFile is Install for the package in file and the environment in envFile.
func InstallFile(ctx context.Context, dir, file, envFile string, builder coreyaml.Builder) error {
	pkg, err := archive.Open(ctx, file)
	if err != nil {
		return err
	}
	env, _, err := envfile.Read(envFile)
	if err != nil {
		return err
	}
	return Install(ctx, dir, pkg, env, builder)
}

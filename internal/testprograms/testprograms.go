// Package testprograms builds the project's programs for tests, and installs packages with
// them.
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

// Build builds ccaas and the builder's programs, from the project in the folder root, into the
// folder dir. It does what make build does, but without -trimpath, so that it can reuse the
// packages that go test has compiled.
func Build(root, dir string) error {
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", dir+"/", "./cmd/...")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// Install installs a package on a simulated peer whose folder is dir. The builder gets all of
// env.
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

// InstallFile does what Install does, for the package in file and the environment in envFile.
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

package main

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/doctor"
	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/coreyaml"
)

type doctorOptions struct {
	coreYAML string
	name     string
	packages []string
	peerDir  string
	envFiles []string
	output   outputFlag
}

// environment returns the environment of the peer's process. With --env-file, it has the
// variables in the files, and only those of this process that every process has.
func (o doctorOptions) environment(p *program.Program) (map[string]string, error) {
	if len(o.envFiles) == 0 {
		return p.Env, nil
	}
	given, err := environmentOf(p.Warn, o.envFiles, nil)
	env := map[string]string{}
	for _, name := range coreyaml.AlwaysPropagated() {
		if value, ok := p.Env[name]; ok {
			env[name] = value
		}
	}
	maps.Copy(env, given)
	return env, err
}

func doctorCommand(p *program.Program) *cobra.Command {
	var options doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor --core-yaml FILE",
		Short: "Check whether this peer is ready to use the builder",
		Long: `Check whether a peer on this machine would find the builder, run it and give it
what it needs. Run it where the peer runs and as the peer's user, for example in
its container. The peer's variables are those in --env-file or, without it,
those of this process. Each package is installed on a simulated peer in a
temporary folder. With --peer-dir, a package must not get the address of another
chaincode on the peer. Such an address is the only value that is shown.`,
		Example: `  ccaas doctor --core-yaml /etc/hyperledger/fabric/core.yaml
  ccaas doctor --core-yaml core.yaml --package basic.tgz --env-file peer0.env`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return examine(cmd.Context(), p, options)
		},
	}
	addCoreYAMLFlags(cmd, &options.coreYAML, &options.name)
	cmd.Flags().StringArrayVar(&options.packages, "package", nil, "a package to be installed; may be repeated")
	cmd.Flags().StringVar(&options.peerDir, "peer-dir", "", "the peer's peer.fileSystemPath, to check its builds")
	cmd.Flags().StringArrayVar(&options.envFiles, "env-file", nil,
		envFileHelp+" (default: the environment of this process)")
	options.output.add(cmd)
	requireFlags(cmd, "core-yaml")
	return cmd
}

func examine(ctx context.Context, p *program.Program, options doctorOptions) error {
	data, err := readCoreYAML(options.coreYAML)
	if err != nil {
		return err
	}
	env, err := options.environment(p)
	if err != nil {
		return err
	}
	machine := doctor.Machine{
		CoreYAML: options.coreYAML,
		Data:     data,
		Builder:  options.name,
		Env:      env,
		PeerDir:  options.peerDir,
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Free:     free,
	}
	var packages []doctor.Package
	for _, name := range options.packages {
		pkg, err := packageFile(ctx, name)
		if ctx.Err() != nil {
			return errInterrupted
		}
		packages = append(packages, doctor.Package{Name: name, Package: pkg, Err: err})
	}
	checks, err := doctor.Examine(ctx, machine, packages)
	if err != nil {
		return errInterrupted
	}
	if options.output.json() {
		if err := writeJSON(p, map[string]any{"checks": checks}); err != nil {
			return err
		}
	} else {
		writeChecks(p, checks)
	}
	var all []finding.Finding
	for _, check := range checks {
		all = append(all, check.Findings...)
	}
	return verdict(all, false)
}

// writeChecks prints a line for each check, with its findings below it.
func writeChecks(p *program.Program, checks []doctor.Check) {
	for _, check := range checks {
		state := "ok"
		switch {
		case check.Skipped:
			state = "skipped"
		case finding.Count(check.Findings, finding.Error) > 0:
			state = "failed"
		case len(check.Findings) > 0:
			state = "warning"
		}
		fmt.Fprintf(p.Stdout, "%-7s  %s\n", state, message.Printable(check.Name))
		writeFindings(p, check.Findings)
		for _, hint := range check.Hints {
			writeNote(p.Stdout, "hint", hint)
		}
	}
}

// free returns how many bytes in a folder are free for users other than root.
func free(dir string) (uint64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return uint64(stat.Bavail) * uint64(stat.Bsize), nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/lint"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
)

type lintOptions struct {
	label    string
	coreYAML string
	builder  string
	envDir   string
	fabric   string
	strict   bool
	output   outputFlag
}

func lintCommand(p *program.Program) *cobra.Command {
	var options lintOptions
	cmd := &cobra.Command{
		Use:   "lint FILE|DIR",
		Short: "Check a package without knowing any peer's values",
		Long: `Find everything wrong with a package, or with the folder it is made from, that
can be known without any peer's values. Each finding has a code, which
docs/findings.md explains. The exit status is 1 if there is an error.`,
		Example: `  ccaas lint basic
  ccaas lint basic.tgz --core-yaml core.yaml --fabric 2.5`,
		Args: arguments("FILE|DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			peers, err := options.peers()
			if err != nil {
				return misused(cmd, err)
			}
			return lintSource(cmd.Context(), p, args[0], options, peers)
		},
	}
	cmd.Flags().StringVar(&options.label, "label", "", "for a folder, the label of its package")
	cmd.Flags().StringVar(&options.fabric, "fabric", "", "the peers' version of Fabric, such as 2.5")
	cmd.Flags().BoolVar(&options.strict, "strict", false, "exit with 1 on warnings too")
	addCoreYAMLFlags(cmd, &options.coreYAML, &options.builder)
	cmd.Flags().StringVar(&options.envDir, "env-dir", "",
		"with --core-yaml, the folder of values that CCAAS_ENV_DIR names on the peers")
	options.output.add(cmd)
	return cmd
}

// peers returns what the flags say about the peers. It does not read their core.yaml.
func (o lintOptions) peers() (lint.Peers, error) {
	peers := lint.Peers{CoreYAML: o.coreYAML, Builder: o.builder, EnvDir: o.envDir}
	if o.fabric == "" {
		return peers, nil
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(o.fabric, "v"), ".")
	version, err := strconv.Atoi(major)
	if err != nil || version < 2 {
		return peers, fmt.Errorf("--fabric must be version 2 or later, such as 2.5, not %q", o.fabric)
	}
	peers.Fabric = version
	return peers, nil
}

func lintSource(ctx context.Context, p *program.Program, name string, options lintOptions, peers lint.Peers) error {
	if _, err := os.Stat(name); err != nil {
		return fmt.Errorf("%q: cannot be read: %w", name, safefile.Reason(err))
	}
	if peers.EnvDir != "" {
		if err := safefile.CheckDir(peers.EnvDir); err != nil {
			return safefile.At(peers.EnvDir, err)
		}
	}
	if peers.CoreYAML != "" {
		data, err := readCoreYAML(peers.CoreYAML)
		if err != nil {
			return err
		}
		peers.Data = data
	}
	all, err := findings(ctx, p, name, options.label, peers)
	if err != nil {
		return err
	}
	if options.output.json() {
		if err := writeJSON(p, map[string]any{"findings": append([]finding.Finding{}, all...)}); err != nil {
			return err
		}
	} else {
		writeFindings(p, all)
	}
	return verdict(all, options.strict)
}

// findings returns the findings about a package or a folder. A package that cannot be read is
// a finding too.
func findings(
	ctx context.Context, p *program.Program, name, label string, peers lint.Peers,
) (all []finding.Finding, err error) {
	source, err := openSource(ctx, name, label)
	file := (*safefile.FileError)(nil)
	if errors.As(err, &file) && file.Name == name && !errors.Is(err, fs.ErrPermission) {
		return []finding.Finding{lint.Unreadable(file)}, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	given := lint.Source{Dir: source.dir, Package: source.pkg, Metadata: source.metadata}
	all = lint.Check(ctx, given, peers, p.Now())
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	return all, nil
}

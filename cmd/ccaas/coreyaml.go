package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/lint"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
)

// builderPath is the builder's path in core.yaml unless --path sets another.
const builderPath = "/opt/ccaas-template-builder"

// addCoreYAMLFlags adds the flags of a verb that reads core.yaml.
func addCoreYAMLFlags(cmd *cobra.Command, file, builder *string) {
	cmd.Flags().StringVar(file, "core-yaml", "", "the peers' core.yaml")
	cmd.Flags().StringVar(builder, "name", coreyaml.DefaultName, "the name of the builder in core.yaml")
}

// atFile adds the file as the place to each error that err joins.
func atFile(file string, err error) error {
	return message.Each(err, func(err error) error { return safefile.At(file, err) })
}

// readCoreYAML returns the content of a core.yaml.
func readCoreYAML(file string) ([]byte, error) {
	data, err := safefile.ReadOperators(file, coreyaml.MaxFile)
	return data, atFile(file, err)
}

// listedBuilder is a builder in a peer's list.
type listedBuilder struct {
	coreyaml.Builder
	before []coreyaml.Builder // those that the peer asks before it
	place  string             // core.yaml, or the variable that replaces its list
}

// ourBuilder returns the builder with this name on a peer with this core.yaml, the file with this
// content, and this environment. It warns about what the peer does not read.
func ourBuilder(
	warn warn, file string, data []byte, name string, env map[string]string,
) (ours listedBuilder, err error) {
	list, err := lint.ReadBuilders(file, data, name, env)
	warnOf(warn, list.Findings)
	ours.place = list.Place
	if err != nil {
		return ours, atFile(list.Place, err)
	}
	ours.Builder, ours.before, err = coreyaml.Find(list.Builders, name)
	if missing := (*coreyaml.NotFoundError)(nil); errors.As(err, &missing) {
		err = fmt.Errorf("%s: %w", list.Place, err)
		if !list.Concerned {
			err = message.WithHint(err, lint.MissingBuilder(list.Place, missing).Hint)
		}
	}
	return ours, err
}

// warnOf passes findings to warn.
func warnOf(warn warn, all []finding.Finding) {
	for _, f := range all {
		warn("%s: %s", f.Place, f.Message)
	}
}

type coreYAMLOptions struct {
	path, name, patch string
	dryRun            bool
}

func coreYAMLCommand(p *program.Program) *cobra.Command {
	var options coreYAMLOptions
	cmd := &cobra.Command{
		Use:   "coreyaml FILE|DIR…",
		Short: "Print the builder's core.yaml entry, or add it to a file",
		Long: `Print the externalBuilders stanza that these packages need in core.yaml, or add
it to a core.yaml. The builder comes first in the list. propagateEnvironment has
every variable that the packages or the builder itself read.

--patch changes nothing else in the file. If there is a builder with the same
name, it adds only what that lacks. The old file is kept as core.yaml.bak or, if
that exists, core.yaml.bak.1 and so on. Patches of one file wait for each other.
A patch fails if another program changes the file in the meantime. The peer
reads the file when it starts.`,
		Example: `  ccaas coreyaml basic.tgz
  ccaas coreyaml basic.tgz assets.tgz --patch core.yaml --dry-run
  ccaas coreyaml basic.tgz --patch core.yaml --path /opt/builders/ours`,
		Args: someArguments("FILE|DIR…"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if options.dryRun && options.patch == "" {
				return misused(cmd, errors.New("--dry-run requires --patch"))
			}
			return coreYAML(cmd.Context(), p, args, options, cmd.Flags().Changed("path"))
		},
	}
	cmd.Flags().StringVar(&options.path, "path", builderPath, "the folder that contains bin, as the peer sees it")
	cmd.Flags().StringVar(&options.name, "name", coreyaml.DefaultName,
		"the builder's name; the peer stores it with every build, so never change it")
	cmd.Flags().StringVar(&options.patch, "patch", "", "the core.yaml to add it to")
	cmd.Flags().BoolVar(&options.dryRun, "dry-run", false, "print what --patch would change, and change nothing")
	return cmd
}

func coreYAML(
	ctx context.Context, p *program.Program, packages []string, options coreYAMLOptions, pathGiven bool,
) error {
	variables, err := variablesOf(ctx, packages)
	if err != nil {
		return err
	}
	builder := coreyaml.Builder{Name: options.name, Path: options.path, PropagateEnvironment: variables}
	if !filepath.IsAbs(builder.Path) {
		return program.Exit(program.Misused, fmt.Errorf("--path %q: must be an absolute path", builder.Path))
	}
	warnOf(p.Warn, lint.Path("--path", builder))
	if options.patch == "" {
		_, err := p.Stdout.Write(coreyaml.Stanza(builder))
		return err
	}
	return patchCoreYAML(ctx, p, builder, pathGiven, options)
}

// variablesOf returns the sorted names of all variables that the packages and the builder
// itself read.
func variablesOf(ctx context.Context, packages []string) ([]string, error) {
	names := []string{chaincode.TypesVariable, environ.DirVariable, environ.RequireTLSVariable, program.LevelVariable}
	for _, name := range packages {
		variables, err := readVariables(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, v := range variables {
			names = append(names, v.Names()...)
		}
	}
	slices.Sort(names)
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(coreyaml.AlwaysPropagated(), name) })
	return slices.Compact(names), nil
}

// readVariables returns the variables that a package or a package folder reads.
func readVariables(ctx context.Context, name string) (_ []template.Variable, err error) {
	source, err := openSource(ctx, name, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	parsed, err := template.ParseDir(source.dir)
	if err != nil {
		return nil, message.WithHint(atFile(name, err), "run ccaas lint for details")
	}
	return parsed.Variables(), nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ccaas-template-builder/internal/nearest"
	"ccaas-template-builder/internal/program"
)

// errInterrupted is the error of a verb that a signal has ended.
var errInterrupted = errors.New("interrupted")

func run(p *program.Program) error {
	root := &cobra.Command{
		Use:   "ccaas",
		Short: "Make, check and install chaincode packages for ccaas-template-builder",
		Long: `Make, check and install chaincode packages for ccaas-template-builder, with
which each peer renders its own connection.json.`,
		Example:       "  ccaas lint basic.tgz",
		Args:          cobra.ArbitraryArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
	}
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return program.Exit(program.Misused, unknownVerb(cmd, args[0]))
	}
	root.PersistentPreRunE = emptyFlags
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return misused(cmd, unknownFlag(cmd, err)) })
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", ".FlagUsagesWrapped 80 "))
	root.SetArgs(p.Args)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	root.AddCommand(
		initCommand(p),
		packageCommand(p),
		calculatePackageIDCommand(p),
		inspectCommand(p),
		lintCommand(p),
		renderCommand(p),
		serverEnvCommand(p),
		simulateCommand(p),
		deployCommand(p),
		statusCommand(p),
		probeCommand(p),
		refreshCommand(p),
		coreYAMLCommand(p),
		doctorCommand(p),
		installCommand(p),
		versionCommand(p),
		docsCommand(),
	)
	root.SetHelpCommand(helpCommand(root))
	addCompletion(root)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop() // so that an interrupted verb still removes its temporary folders
	err := root.ExecuteContext(ctx)
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	return err
}

func unknownVerb(cmd *cobra.Command, verb string) error {
	cmd.SuggestionsMinimumDistance = 2
	if meant := cmd.SuggestionsFor(verb); len(meant) > 0 {
		return fmt.Errorf("unknown command %q, did you mean %s", verb, strings.Join(meant, " or "))
	}
	return fmt.Errorf("unknown command %q: see ccaas --help", verb)
}

// helpCommand is cobra's, except for the error of an unknown verb.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show the help of a command",
		Example: "  ccaas help lint",
		RunE: func(_ *cobra.Command, args []string) error {
			verb, _, err := root.Find(args)
			if err != nil || verb == root && len(args) > 0 {
				return program.Exit(program.Misused, unknownVerb(root, args[0]))
			}
			return verb.Help()
		},
	}
}

// addCompletion adds cobra's verb, with examples.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, _ := root.Find([]string{"completion"})
	completion.Example = "  ccaas completion bash >~/.local/share/bash-completion/completions/ccaas"
	for _, shell := range completion.Commands() {
		shell.Example = "  ccaas completion " + shell.Name()
	}
}

// unknownFlag adds to the error of an unknown flag which one was probably meant.
func unknownFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	return fmt.Errorf("%w%s", err, nearest.DidYouMean(unknown.GetSpecifiedName(), "--", names))
}

// misused returns the error of a verb that was called wrongly.
func misused(cmd *cobra.Command, err error) error {
	return program.Exit(program.Misused, fmt.Errorf("%s: %w; see %s --help", cmd.Name(), err, cmd.CommandPath()))
}

// emptyFlags refuses flags with an empty value, which is what a shell's unset
// variable leaves.
func emptyFlags(cmd *cobra.Command, _ []string) (err error) {
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if flag.Value.String() == "" && err == nil {
			err = misused(cmd, fmt.Errorf("--%s is empty", flag.Name))
		}
	})
	return err
}

// arguments requires one argument for each name, none of them empty.
func arguments(names ...string) cobra.PositionalArgs {
	want := strings.Join(names, " ")
	if want == "" {
		want = "none"
	}
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return misused(cmd, fmt.Errorf("got %s, want %s", plural(len(args), "argument"), want))
		}
		if i := slices.Index(args, ""); i >= 0 {
			return misused(cmd, fmt.Errorf("%s is empty", names[i]))
		}
		return nil
	}
}

// requireFlags makes flags mandatory.
func requireFlags(cmd *cobra.Command, names ...string) {
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		for _, name := range names {
			if !cmd.Flags().Changed(name) {
				return misused(cmd, fmt.Errorf("--%s is missing", name))
			}
		}
		return nil
	}
}

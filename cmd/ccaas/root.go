package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/program"
)

func run(p *program.Program) error {
	root := &cobra.Command{
		Use:           "ccaas",
		Short:         "Make and check chaincode packages whose connection.json each peer renders for itself",
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
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return misused(cmd, err) })
	root.SetArgs(p.Args)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	root.AddCommand(
		initCommand(p),
		packageCommand(p),
		calculatePackageIDCommand(p),
		renderCommand(p),
		simulateCommand(p),
		versionCommand(p),
	)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop() // so that an interrupted verb still removes its scratch folders
	return root.ExecuteContext(ctx)
}

func unknownVerb(cmd *cobra.Command, verb string) error {
	cmd.SuggestionsMinimumDistance = 2
	if meant := cmd.SuggestionsFor(verb); len(meant) > 0 {
		return fmt.Errorf("there is no verb %q, did you mean %s", verb, strings.Join(meant, " or "))
	}
	return fmt.Errorf("there is no verb %q: see ccaas --help", verb)
}

// misused is the error of a verb that was called wrongly.
func misused(cmd *cobra.Command, err error) error {
	return program.Exit(program.Misused, fmt.Errorf("%s: %w; see %s --help", cmd.Name(), err, cmd.CommandPath()))
}

// arguments wants one argument for each name.
func arguments(names ...string) cobra.PositionalArgs {
	wants := strings.Join(names, " ")
	if wants == "" {
		wants = "no arguments"
	}
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return misused(cmd, fmt.Errorf("got %d arguments, wants %s", len(args), wants))
		}
		return nil
	}
}

// requireFlags marks flags without which a verb is called wrongly.
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

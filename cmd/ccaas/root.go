package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ccaas-template-builder/internal/nearest"
	"ccaas-template-builder/internal/program"
)

// errInterrupted is the error of a verb that was ended by a signal.
var errInterrupted = errors.New("interrupted")

func run(p *program.Program) error {
	cobra.EnableCommandSorting = false // each group is in the order of use
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
	root.PersistentPreRunE = valuesOfFlags
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return misused(cmd, unknownFlag(cmd, err)) })
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", ".FlagUsagesWrapped 80 "))
	root.SetArgs(p.Args)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	addVerbs(root, p)
	root.SetHelpCommand(helpCommand(root))
	root.InitDefaultHelpCmd()
	addCompletion(root)
	if err := checkVerb(root, p.Args); err != nil {
		return program.Exit(program.Misused, err)
	}
	// SIGTERM is always among them: without any signal, NotifyContext would take all.
	ctx, stop := signal.NotifyContext(context.Background(), program.TerminationSignals()...)
	defer stop() // lets an interrupted verb remove its temporary folders
	err := root.ExecuteContext(ctx)
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	return err
}

// addVerbs adds the verbs, grouped by when they are used.
func addVerbs(root *cobra.Command, p *program.Program) {
	for _, group := range []struct {
		title string
		verbs []*cobra.Command
	}{
		{"Write:", []*cobra.Command{initCommand(p), packageCommand(p), calculatePackageIDCommand(p)}},
		{"Check:", []*cobra.Command{
			lintCommand(p), inspectCommand(p), renderCommand(p), simulateCommand(p), doctorCommand(p),
		}},
		{"Run:", []*cobra.Command{installCommand(p), coreYAMLCommand(p), serverEnvCommand(p), deployCommand(p)}},
		{"Operate:", []*cobra.Command{statusCommand(p), probeCommand(p), refreshCommand(p)}},
	} {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title})
		for _, verb := range group.verbs {
			verb.GroupID = group.title
			root.AddCommand(verb)
		}
	}
	root.AddCommand(versionCommand(p), docsCommand())
}

// checkVerb refuses an unknown verb, whatever follows it. Cobra would complain about the flags
// of that verb first, or print the help of ccaas.
func checkVerb(root *cobra.Command, args []string) error {
	completing := []string{cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd} // cobra adds these later
	if len(args) == 0 || strings.HasPrefix(args[0], "-") || slices.Contains(completing, args[0]) {
		return nil
	}
	if verb, _, _ := root.Find(args[:1]); verb != root {
		return nil
	}
	return unknownVerb(root, args[0])
}

func unknownVerb(cmd *cobra.Command, verb string) error {
	if verb == "" {
		return errors.New("the command is empty: see ccaas --help")
	}
	cmd.SuggestionsMinimumDistance = 2
	meant := slices.Sorted(slices.Values(cmd.SuggestionsFor(verb)))
	if lower := strings.ToLower(verb); slices.Contains(meant, lower) {
		meant = []string{lower}
	}
	if len(meant) > 0 {
		return fmt.Errorf("unknown command %q, did you mean %s", verb, strings.Join(meant, " or "))
	}
	return fmt.Errorf("unknown command %q: see ccaas --help", verb)
}

// helpCommand is cobra's help command, except that an unknown verb is an error.
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

// addCompletion adds cobra's completion command, with examples, and with an error for an
// unknown shell.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, _ := root.Find([]string{"completion"})
	completion.Example = "  ccaas completion bash >~/.local/share/bash-completion/completions/ccaas"
	var shells []string
	for _, shell := range completion.Commands() {
		shell.Example = "  ccaas completion " + shell.Name()
		shell.Args = arguments()
		shells = append(shells, shell.Name())
	}
	completion.Args = cobra.ArbitraryArgs
	completion.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return misused(cmd, fmt.Errorf("the shell %q is unknown, want %s", args[0], choices(shells)))
	}
}

// unknownFlag adds to the error about an unknown flag which flag was probably meant.
func unknownFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	name, letters := unknown.GetSpecifiedName(), unknown.GetSpecifiedShortnames()
	switch {
	case len(letters) == 1 && len(name) == 1:
		if short := cmd.Flags().ShorthandLookup(strings.ToLower(name)); short != nil {
			return fmt.Errorf("%w, did you mean %q", err, "-"+short.Shorthand)
		}
	case letters != "": // -label instead of --label
		name = letters
	}
	var names []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	meant := nearest.DidYouMean(name, "--", names)
	if meant == "" && !cmd.HasParent() {
		meant = ": the command comes before its flags"
	}
	return fmt.Errorf("%w%s", err, meant)
}

// misused returns the error of a verb that was called with wrong arguments.
func misused(cmd *cobra.Command, err error) error {
	if _, verb, ok := strings.Cut(cmd.CommandPath(), " "); ok {
		err = fmt.Errorf("%s: %w", verb, err)
	}
	return program.Exit(program.Misused, fmt.Errorf("%w; see %s --help", err, cmd.CommandPath()))
}

// valuesOfFlags refuses flags with an empty value, which is what an unset variable of a shell
// gives, and "-" as the name of a file.
func valuesOfFlags(cmd *cobra.Command, _ []string) (err error) {
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		values := []string{flag.Value.String()}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		namesBuilder := slices.Contains([]string{"name", "builder", "adopt"}, flag.Name) // may be "-"
		for _, value := range values {
			switch {
			case err != nil:
			case value == "":
				err = misused(cmd, fmt.Errorf("--%s is empty", flag.Name))
			case value == "-" && !namesBuilder:
				err = misused(cmd, noStream("--"+flag.Name))
			}
		}
	})
	return err
}

// noStream returns the error for "-" as the argument called name. People who write it mean
// standard input or output, but would get a file of that name.
func noStream(name string) error {
	return fmt.Errorf(`%s is "-", but stdin and stdout cannot take the place of a file or folder`, name)
}

// arguments requires one argument for each name. None may be empty or "-".
func arguments(names ...string) cobra.PositionalArgs {
	want := strings.Join(names, " ")
	if want == "" {
		want = "none"
	}
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return misused(cmd, fmt.Errorf("got %s, want %s", plural(len(args), "argument"), want))
		}
		for i, arg := range args {
			if err := checkArgument(names[i], arg); err != nil {
				return misused(cmd, err)
			}
		}
		return nil
	}
}

// checkArgument refuses an argument that cannot be the name of a file.
func checkArgument(name, arg string) error {
	switch arg {
	case "":
		return fmt.Errorf("%s is empty", name)
	case "-":
		return noStream(name)
	}
	return nil
}

// someArguments requires at least one argument. None may be empty or "-".
func someArguments(want string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return misused(cmd, fmt.Errorf("got 0 arguments, want %s", want))
		}
		for _, arg := range args {
			if err := checkArgument("one of "+want, arg); err != nil {
				return misused(cmd, err)
			}
		}
		return nil
	}
}

// requireFlags makes the verb fail if one of these flags is missing.
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

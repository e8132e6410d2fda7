package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
)

type renderOptions struct {
	peerVariables
	label       string
	showSecrets bool
	diff        bool
	output      outputFlag
}

func renderCommand(p *program.Program) *cobra.Command {
	var options renderOptions
	cmd := &cobra.Command{
		Use:   "render FILE|DIR [--diff A.env B.env]",
		Short: "Print the connection.json that one peer would get",
		Long: `Print the connection.json that one peer would get from a package or a package
folder. Give it the variables that the peer propagates; it uses none of the
shell's. The private key is hidden.

With --diff, print what differs between two peers. Each also has the variables
in its own file.`,
		Example: `  ccaas render basic --label basic_1.0 --env-file peer0.env --env TIMEOUT=10s
  ccaas render basic.tgz --diff peer0.env peer1.env`,
		Args: func(cmd *cobra.Command, args []string) error {
			if options.diff {
				return arguments("FILE|DIR", "A.env", "B.env")(cmd, args)
			}
			return arguments("FILE|DIR")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case options.diff && options.showSecrets:
				return misused(cmd, errors.New("--show-secrets cannot be used with --diff, which shows no key"))
			case options.diff:
				return diffPeers(cmd.Context(), p, args[0], args[1:], options)
			}
			return renderSource(cmd.Context(), p, args[0], options)
		},
	}
	options.peerVariables.add(cmd)
	cmd.Flags().StringVar(&options.label, "label", "", "for a folder, the label of its package")
	cmd.Flags().BoolVar(&options.showSecrets, "show-secrets", false, "print the private key too")
	cmd.Flags().BoolVar(&options.diff, "diff", false,
		"print what differs between the peers with the variables in A.env and B.env")
	options.output.add(cmd)
	return cmd
}

func renderSource(ctx context.Context, p *program.Program, name string, options renderOptions) (err error) {
	source, err := openSource(ctx, name, options.label)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	variables, err := options.read(p)
	if err != nil {
		return err
	}
	rendered, err := renderFor(p, source, variables)
	if err != nil {
		return err
	}
	for _, warning := range rendered.Warnings {
		p.Warn("%v", warning)
	}
	connection := rendered.Connection
	if !options.showSecrets {
		connection = connection.Redacted()
	}
	_, err = p.Stdout.Write(connection.Encode())
	return err
}

// renderFor renders the package for the peer that has these variables.
func renderFor(p *program.Program, source *source, variables map[string]string) (template.Rendered, error) {
	parsed, templateErr := template.ParseDir(source.dir)
	env, envErr := environ.Load(variables, source.metadata.Label)
	if err := errors.Join(templateErr, parsed.Placed(envErr)); err != nil {
		return template.Rendered{}, err
	}
	return parsed.Render(env, source.metadata, p.Now())
}

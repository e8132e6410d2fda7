package main

import (
	"errors"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/build"
	"ccaas-template-builder/pkg/environ"
)

type renderOptions struct {
	envFiles    []string
	env         []string
	label       string
	showSecrets bool
}

func renderCommand(p *program.Program) *cobra.Command {
	var options renderOptions
	cmd := &cobra.Command{
		Use:   "render FILE|DIR",
		Short: "Print the connection.json that one peer would get",
		Long: `Print the connection.json that one peer would get from a package or a package
folder. Only the variables given here count, none of the shell's own: what a
peer propagates. The private key is hidden.`,
		Example: "  ccaas render basic --label basic_1.0 --env-file peer0.env --env CORE_CHAINCODE_TIMEOUT=10s",
		Args:    arguments("FILE|DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
			return renderSource(p, args[0], options)
		},
	}
	cmd.Flags().StringArrayVar(&options.envFiles, "env-file", nil, "a file of NAME=VALUE lines; may be repeated")
	cmd.Flags().StringArrayVar(&options.env, "env", nil, "NAME=VALUE; may be repeated")
	cmd.Flags().StringVar(&options.label, "label", "", "the label of the package to be made of a folder")
	cmd.Flags().BoolVar(&options.showSecrets, "show-secrets", false, "print the private key too")
	return cmd
}

func renderSource(p *program.Program, name string, options renderOptions) (err error) {
	variables, err := environmentOf(options.envFiles, options.env)
	if err != nil {
		return err
	}
	source, err := openSource(name, options.label)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	template, templateErr := build.ReadTemplate(source.dir)
	env, envErr := environ.Load(variables, source.metadata.Label)
	if err := errors.Join(templateErr, envErr); err != nil {
		return err
	}
	rendered, err := template.Render(env, source.metadata, p.Now())
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

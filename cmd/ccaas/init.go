package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/templates"
)

func initCommand(p *program.Program) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "init DIR",
		Short:   "Write a package folder from a bundled template",
		Example: "  ccaas init basic --template mtls",
		Args:    arguments("DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
			return initFolder(p, args[0], name)
		},
	}
	cmd.Flags().StringVar(&name, "template", "mtls", strings.Join(templates.Names(), ", "))
	names := cobra.FixedCompletions(templates.Names(), cobra.ShellCompDirectiveNoFileComp)
	cmd.RegisterFlagCompletionFunc("template", names)
	return cmd
}

// initFolder writes the template to dir and prints its path.
func initFolder(p *program.Program, dir, name string) error {
	template, err := templates.Read(name)
	if err != nil {
		return program.Exit(program.Misused, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return safefile.At(dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	found, err := chaincode.TemplateFiles(root)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("%q already has a %s: nothing was written", dir, strings.Join(found, " and a "))
	}
	if err := root.WriteFile(chaincode.ConnectionFile, template, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.Stdout, message.Printable(filepath.Join(dir, chaincode.ConnectionFile)))
	return err
}

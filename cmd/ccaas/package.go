package main

import (
	"errors"
	"fmt"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/template"
)

func packageCommand(p *program.Program) *cobra.Command {
	var dir, label, ccType string
	cmd := &cobra.Command{
		Use:   "package FILE --path DIR --label LABEL",
		Short: "Write a chaincode package and print its package ID",
		Long: `Write the chaincode package of a folder and print its package ID.

The package holds the template (connection.json or connection.json.tmpl),
META-INF and metadata. Anything else in the folder is left out, and named on
stderr. The same folder, label and type give the same bytes on every machine.`,
		Example: "  ccaas package basic.tgz --path basic --label basic_1.0",
		Args:    arguments("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			return writePackage(p, args[0], dir, label, ccType)
		},
	}
	cmd.Flags().StringVarP(&dir, "path", "p", "", "the package folder")
	cmd.Flags().StringVar(&label, "label", "", "the package's label, such as basic_1.0")
	cmd.Flags().StringVar(&ccType, "type", chaincode.DefaultType,
		"the type in metadata.json, by which builders recognise their packages")
	requireFlags(cmd, "path", "label")
	return cmd
}

func writePackage(p *program.Program, file, dir, label, ccType string) error {
	root, err := safefile.Open(dir, "package folder")
	if err != nil {
		return err
	}
	defer root.Close()
	files, leftOut, folderErr := archive.Folder(root)
	_, templateErr := template.ParseDir(root)
	if err := errors.Join(folderErr, templateErr); err != nil {
		return err
	}
	pkg, err := archive.Write(label, ccType, files)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(file, pkg.Bytes(), 0o644); err != nil {
		return fmt.Errorf("%q: cannot be written: %w", file, safefile.Reason(err))
	}
	for _, name := range leftOut {
		p.Warn("%q: is left out of the package", name)
	}
	if _, err = fmt.Fprintln(p.Stdout, pkg.ID); err != nil {
		return err
	}
	p.Hint("ccaas serverenv prints the environment of the chaincode server that a peer dials")
	return nil
}

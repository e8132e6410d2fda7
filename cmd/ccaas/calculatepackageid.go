package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/program"
)

func calculatePackageIDCommand(p *program.Program) *cobra.Command {
	var output outputFlag
	cmd := &cobra.Command{
		Use:     "calculatepackageid FILE",
		Short:   "Print the package ID of a chaincode package",
		Example: "  ccaas calculatepackageid basic.tgz",
		Args:    arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			pkg, err := packageFile(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if output.json() {
				return writeJSON(p, map[string]string{"packageID": pkg.ID})
			}
			_, err = fmt.Fprintln(p.Stdout, pkg.ID)
			return err
		},
	}
	output.add(cmd)
	return cmd
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/programs"
)

func installCommand(p *program.Program) *cobra.Command {
	var platform string
	var output outputFlag
	cmd := &cobra.Command{
		Use:   "install DIR",
		Short: "Copy the builder's programs to where a peer finds them",
		Long: `Copy detect, build and release from the folder of ccaas into DIR/bin with mode
0755. DIR is then the builder's path in core.yaml. It needs no shell, so an init
container can run it. It does not touch programs that are already the same.`,
		Example: `  ccaas install /opt/ccaas-template-builder
  ccaas install /builders/ccaas-template-builder --platform linux/amd64`,
		Args: arguments("DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
			return install(p, args[0], platform, output)
		},
	}
	ours := runtime.GOOS + "/" + runtime.GOARCH
	cmd.Flags().StringVar(&platform, "platform", ours, "refuse programs for another platform")
	output.add(cmd)
	return cmd
}

func install(p *program.Program, dir, platform string, output outputFlag) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	from := filepath.Dir(self)
	if err := programs.Check(from, platform); err != nil {
		hint := fmt.Sprintf("use ccaas from a build for %s, with detect, build and release in the same folder", platform)
		return message.WithHint(err, hint)
	}
	installed, err := programs.Install(from, dir)
	if err != nil {
		return err
	}
	if output.json() {
		return writeJSON(p, map[string]any{"programs": installed})
	}
	for _, file := range installed {
		state := "unchanged"
		if file.Changed {
			state = "installed"
		}
		if _, err := fmt.Fprintf(p.Stdout, "%s  %s\n", state, message.Printable(file.Path)); err != nil {
			return err
		}
	}
	return nil
}

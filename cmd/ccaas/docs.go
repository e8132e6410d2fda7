package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// docsCommand writes the documentation that a distribution installs with the program. It is
// hidden, since only make docs calls it.
func docsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "docs DIR",
		Short:   "Write the man pages and the shell completions",
		Example: "  ccaas docs share",
		Hidden:  true,
		Args:    arguments("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return writeDocs(cmd.Root(), args[0])
		},
	}
}

func writeDocs(root *cobra.Command, dir string) error {
	root.DisableAutoGenTag = true
	man := filepath.Join(dir, "man", "man1")
	if err := os.MkdirAll(man, 0o755); err != nil {
		return err
	}
	header := &doc.GenManHeader{Section: "1", Source: "ccaas-template-builder", Manual: "ccaas"}
	if err := doc.GenManTree(root, header, man); err != nil {
		return err
	}
	for file, generate := range map[string]func(string) error{
		"bash-completion/completions/ccaas":    func(file string) error { return root.GenBashCompletionFileV2(file, true) },
		"zsh/site-functions/_ccaas":            root.GenZshCompletionFile,
		"fish/vendor_completions.d/ccaas.fish": func(file string) error { return root.GenFishCompletionFile(file, true) },
	} {
		file = filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := generate(file); err != nil {
			return err
		}
	}
	return nil
}

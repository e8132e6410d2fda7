package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/lint"
	"ccaas-template-builder/internal/message"
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

The package contains the template (connection.json or connection.json.tmpl),
META-INF and metadata. Anything else in the folder is left out, and stderr says
so. A package in which lint finds an error is not written; a private key is only
a warning. The same folder, label and type give the same bytes on every machine.`,
		Example: "  ccaas package basic.tgz --path basic --label basic_1.0",
		Args:    arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return writePackage(cmd.Context(), p, args[0], dir, label, ccType)
		},
	}
	cmd.Flags().StringVarP(&dir, "path", "p", "", "the package folder")
	cmd.Flags().StringVar(&label, "label", "", "the package's label, such as basic_1.0")
	cmd.Flags().StringVar(&ccType, "type", chaincode.DefaultType,
		"the type in metadata.json, which tells builders whether a package is theirs")
	requireFlags(cmd, "path", "label")
	return cmd
}

func writePackage(ctx context.Context, p *program.Program, file, dir, label, ccType string) error {
	root, err := openFolder(dir)
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
	keys, err := lintFolder(ctx, p, root, pkg.Metadata)
	if err != nil {
		return err
	}
	if err := checkReplaced(file); err != nil {
		return err
	}
	if err := renameio.WriteFile(file, pkg.Bytes(), 0o644); err != nil {
		return fmt.Errorf("%q: cannot be written: %w", file, safefile.Reason(err))
	}
	warnOf(p.Warn, keys)
	warnOfPackage(p, root, ccType, leftOut)
	if _, err = fmt.Fprintln(p.Stdout, pkg.ID); err != nil {
		return err
	}
	p.Hint("ccaas serverenv prints the environment of the chaincode server that a peer dials")
	return nil
}

// lintFolder returns the errors that lint finds in the folder of a package. Private keys are not
// among them, since peers install such a package; keys has those findings.
func lintFolder(
	ctx context.Context, p *program.Program, root *os.Root, metadata chaincode.Metadata,
) (keys []finding.Finding, err error) {
	var others []finding.Finding
	for _, f := range lint.Check(ctx, lint.Source{Dir: root, Metadata: metadata}, lint.Peers{}, p.Now()) {
		if f.Code == finding.KeyInPackage {
			keys = append(keys, f)
		} else {
			others = append(others, f)
		}
	}
	return keys, refusal(others, "nothing was written")
}

// openFolder opens the folder in --path.
func openFolder(dir string) (*os.Root, error) {
	root, err := safefile.Open(dir, "package folder")
	if info, statErr := os.Stat(dir); statErr != nil || info.IsDir() {
		return root, err
	}
	hint := "--path takes the folder that holds " + chaincode.ConnectionFile + ", and FILE is the package to be written"
	if chaincode.IsTemplateFile(filepath.Base(dir)) {
		hint = fmt.Sprintf("give its folder, --path %s", message.OneLine(filepath.Dir(dir)))
	}
	return nil, message.WithHint(err, hint)
}

// checkReplaced refuses to overwrite a file that is not a package, such as a template or an
// env file that was meant for another argument.
func checkReplaced(file string) error {
	old, _, err := safefile.OpenOperators(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission):
		return nil
	case errors.Is(err, safefile.ErrIsDir):
		return fmt.Errorf("%q: is a folder, and the package is to be a file", file)
	case err != nil:
		return safefile.At(file, err)
	}
	defer old.Close()
	head := make([]byte, 2)
	if n, _ := io.ReadFull(old, head); n > 0 && string(head[:n]) != "\x1f\x8b" {
		return fmt.Errorf("%q: exists and is not a package, so nothing was written", file)
	}
	return nil
}

// warnOfPackage warns about what was probably meant to be different in the package.
func warnOfPackage(p *program.Program, root *os.Root, ccType string, leftOut []string) {
	if !chaincode.Accepts("", ccType) {
		other := lint.OtherType(ccType)
		p.Warn("%s", other.Message)
		p.Hint("%s", other.Hint)
	}
	artifacts, _, _ := chaincode.Artifacts(root) // an error would have kept the package from being made
	var warnings []string
	for _, a := range artifacts {
		if !a.Index {
			warnings = append(warnings, fmt.Sprintf("%q: %s", a.From, a.Ignored()))
		}
	}
	for _, name := range leftOut {
		meant := ""
		if folder := chaincode.FolderMeant(name); folder != "" {
			meant = fmt.Sprintf(", did you mean %q", folder)
		}
		warnings = append(warnings, fmt.Sprintf("%q: is left out of the package%s", name, meant))
	}
	p.WarnAll(warnings)
}

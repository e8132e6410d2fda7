package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/template"
)

func inspectCommand(p *program.Program) *cobra.Command {
	var label string
	var output outputFlag
	cmd := &cobra.Command{
		Use:   "inspect FILE|DIR",
		Short: "Show what is in a package and which variables it reads",
		Long: `Show what is in a package, or would be in the package made from a folder: its
package ID, label and type, the template of each key of connection.json, the
variables that the templates read, and the indexes.`,
		Example: `  ccaas inspect basic.tgz
  ccaas inspect basic --label basic_1.0 -o json`,
		Args: arguments("FILE|DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return inspectSource(cmd.Context(), p, args[0], label, output)
		},
	}
	cmd.Flags().StringVar(&label, "label", "", "for a folder, the label of its package")
	output.add(cmd)
	return cmd
}

// inspected is the content of a package. The names in JSON never change.
type inspected struct {
	PackageID string              `json:"packageID,omitempty"`
	Label     string              `json:"label,omitempty"`
	Type      string              `json:"type"`
	Fields    []inspectedField    `json:"fields"`
	Variables []inspectedVariable `json:"variables"`
	Indexes   []string            `json:"indexes"`
}

type inspectedField struct {
	Name    string `json:"name"`
	Source  string `json:"source"`
	Default bool   `json:"default"` // the template lacks the key, so the value comes from its setting
}

type inspectedVariable struct {
	Name     string   `json:"name"`
	Required bool     `json:"required"`
	Secret   bool     `json:"secret"`
	File     bool     `json:"file"` // NAME_FILE may give a file instead
	Fields   []string `json:"fields"`
}

func inspectSource(ctx context.Context, p *program.Program, name, label string, output outputFlag) (err error) {
	source, err := openSource(ctx, name, label)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	found, err := inspect(source)
	if err != nil {
		return message.WithHint(err, "run ccaas lint for details")
	}
	if output.json() {
		return writeJSON(p, found)
	}
	return found.write(p)
}

func inspect(source *source) (*inspected, error) {
	parsed, templateErr := template.ParseDir(source.dir)
	artifacts, _, artifactsErr := chaincode.Artifacts(source.dir)
	id, idErr := source.packageID()
	if err := errors.Join(templateErr, artifactsErr); err != nil {
		return nil, err
	} else if idErr != nil {
		return nil, idErr
	}
	found := &inspected{
		PackageID: id,
		Label:     source.metadata.Label,
		Type:      chaincode.ShownType(source.metadata.Type),
		Variables: []inspectedVariable{},
		Indexes:   []string{},
	}
	for _, f := range parsed.Fields() {
		if !f.Unused || !f.Default {
			found.Fields = append(found.Fields, inspectedField{f.Name, shown(f), f.Default})
		}
	}
	for _, v := range parsed.Variables() {
		found.Variables = append(found.Variables, inspectedVariable{v.Name, v.Required, v.Secret, v.File, v.Fields})
	}
	for _, a := range artifacts {
		if a.Index {
			found.Indexes = append(found.Indexes, a.From)
		}
	}
	return found, nil
}

// packageID returns the ID of the package, or of the package made from the folder.
func (s *source) packageID() (string, error) {
	if s.pkg != nil {
		return s.pkg.ID, nil
	}
	if s.metadata.Label == "" {
		return "", nil
	}
	files, _, err := archive.Folder(s.dir)
	if err != nil {
		return "", err
	}
	pkg, err := archive.Write(s.metadata.Label, s.metadata.Type, files)
	if err != nil {
		return "", err
	}
	return pkg.ID, nil
}

// shown returns the source text of a field, unless it holds a private key.
func shown(f template.Field) string {
	if f.HoldsPrivateKey {
		return "(a private key, hidden)"
	}
	return f.Source
}

// write prints i as text.
func (i *inspected) write(p *program.Program) error {
	if i.PackageID != "" {
		fmt.Fprintln(p.Stdout, i.PackageID)
	}
	if i.Label != "" {
		fmt.Fprintf(p.Stdout, "label  %s\n", i.Label)
	}
	fmt.Fprintf(p.Stdout, "%s\n\n", message.OneLine("type   "+i.Type))
	var fields, variables [][]string
	for _, f := range i.Fields {
		from := "template"
		if f.Default {
			from = "setting"
		}
		fields = append(fields, []string{f.Name, from, f.Source})
	}
	for _, v := range i.Variables {
		name := v.Name
		if v.File {
			name += "[_FILE]"
		}
		variables = append(variables, []string{name, yes(v.Required), yes(v.Secret), strings.Join(v.Fields, ", ")})
	}
	if err := writeTable(p.Stdout, []string{"KEY", "FROM", "VALUE"}, fields); err != nil {
		return err
	}
	fmt.Fprintln(p.Stdout)
	if err := writeTable(p.Stdout, []string{"VARIABLE", "REQUIRED", "SECRET", "READ BY"}, variables); err != nil {
		return err
	}
	for n, index := range i.Indexes {
		if n == 0 {
			fmt.Fprintln(p.Stdout, "\nINDEX")
		}
		fmt.Fprintln(p.Stdout, message.OneLine(index))
	}
	return nil
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

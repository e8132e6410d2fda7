package main

import (
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/program"
)

// outputFlag is the -o of the verbs whose output a machine may read.
type outputFlag string

func (o *outputFlag) String() string { return string(*o) }
func (o *outputFlag) Type() string   { return "FORMAT" }

func (o *outputFlag) Set(format string) error {
	if format != "json" && format != "text" {
		return errors.New("must be text or json")
	}
	*o = outputFlag(format)
	return nil
}

func (o *outputFlag) add(cmd *cobra.Command) {
	*o = "text"
	cmd.Flags().VarP(o, "output", "o", "text or json")
}

func (o *outputFlag) json() bool { return *o == "json" }

// writeJSON writes a result for machines to read.
func writeJSON(p *program.Program, v any) error {
	encoder := json.NewEncoder(p.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

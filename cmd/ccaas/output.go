package main

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/message"
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
	encoder := json.NewEncoder(printableJSON{p.Stdout})
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// printableJSON is where JSON is written whose values may be anybody's text: a
// terminal shows it, and is not driven by it. Each Write is of whole characters.
type printableJSON struct{ to io.Writer }

func (w printableJSON) Write(data []byte) (int, error) {
	if _, err := w.to.Write(message.PrintableJSON(data)); err != nil {
		return 0, err
	}
	return len(data), nil
}

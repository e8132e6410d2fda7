package main

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
)

// outputFlag is the -o of the verbs whose output a machine may read.
type outputFlag struct {
	format  string
	formats []string
}

func (o *outputFlag) String() string { return o.format }
func (o *outputFlag) Type() string   { return "FORMAT" }

func (o *outputFlag) Set(format string) error {
	if !slices.Contains(o.formats, format) {
		return errors.New("must be " + choices(o.formats))
	}
	o.format = format
	return nil
}

// add adds the flag to a verb that has these formats besides text and json.
func (o *outputFlag) add(cmd *cobra.Command, others ...string) {
	*o = outputFlag{"text", append([]string{"text", "json"}, others...)}
	cmd.Flags().VarP(o, "output", "o", choices(o.formats))
}

// choices lists all, with "or" before the last.
func choices(all []string) string {
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " or " + all[last]
}

func (o *outputFlag) json() bool { return o.format == "json" }

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

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

// outputFlag is the flag -o of verbs that can print machine-readable output.
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

// add adds the flag to a verb that has the formats others besides text and json.
func (o *outputFlag) add(cmd *cobra.Command, others ...string) {
	*o = outputFlag{"text", append([]string{"text", "json"}, others...)}
	cmd.Flags().VarP(o, "output", "o", choices(o.formats))
}

// choices joins all with commas and "or".
func choices(all []string) string {
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " or " + all[last]
}

func (o *outputFlag) json() bool { return o.format == "json" }

// writeJSON prints v as JSON.
func writeJSON(p *program.Program, v any) error {
	encoder := json.NewEncoder(printableJSON{p.Stdout})
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// printableJSON writes JSON whose values may be text by anybody. It escapes what could control
// a terminal. Each Write must consist of whole characters.
type printableJSON struct{ to io.Writer }

func (w printableJSON) Write(data []byte) (int, error) {
	if _, err := w.to.Write(message.PrintableJSON(data)); err != nil {
		return 0, err
	}
	return len(data), nil
}

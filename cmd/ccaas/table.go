package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"ccaas-template-builder/internal/message"
)

// writeTable prints rows in columns below their headings, one line per row. No
// cell is cut or wrapped to fit a terminal, so that an address can be copied and
// found by grep. Only message.OneLine's limit on every line applies: a package may
// name a variable of 60 KB, which would pad that column in every other row.
func writeTable(w io.Writer, headings []string, rows [][]string) error {
	var text strings.Builder
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{headings}, rows...) {
		var cells []string
		for _, cell := range row {
			cells = append(cells, message.OneLine(cell)) // escapes tabs and line breaks
		}
		fmt.Fprintln(columns, strings.Join(cells, "\t"))
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, message.OneLine(strings.TrimRight(line, " \n"))); err != nil {
			return err
		}
	}
	return nil
}

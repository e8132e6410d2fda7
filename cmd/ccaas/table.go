package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"ccaas-template-builder/internal/message"
)

// writeTable prints rows in columns below their headings, one line per row. It never cuts or
// wraps a cell to fit a terminal, so that people can copy an address or find it with grep.
// Cells have only the length limit of message.OneLine, since a package may have a variable
// with a name of 60 KB, which would widen that column in every row.
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

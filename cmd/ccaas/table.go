package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"ccaas-template-builder/internal/message"
)

const (
	tableWidth  = 80 // of a terminal that nobody has widened
	columnSpace = 2
)

// writeTable prints rows in columns below their headings. A table that is too
// wide is made narrower at its widest columns, whose cells go on in the next line.
func writeTable(w io.Writer, headings []string, rows [][]string) error {
	var lines [][]string
	for _, row := range append([][]string{headings}, rows...) {
		var cells []string
		for _, cell := range row {
			cells = append(cells, message.Printable(cell)) // a certificate can have any name
		}
		lines = append(lines, cells)
	}
	widths := columnWidths(lines)
	for _, cells := range lines {
		if err := writeRow(w, widths, cells); err != nil {
			return err
		}
	}
	return nil
}

func columnWidths(lines [][]string) []int {
	widths := make([]int, len(lines[0]))
	for _, cells := range lines {
		for i, cell := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for i := range widths {
		widths[i] = min(widths[i], tableWidth)
	}
	for total(widths) > tableWidth {
		widest := slices.Index(widths, slices.Max(widths))
		widths[widest]--
	}
	return widths
}

func total(widths []int) int {
	sum := columnSpace * (len(widths) - 1)
	for _, width := range widths {
		sum += width
	}
	return sum
}

func writeRow(w io.Writer, widths []int, cells []string) error {
	cells = slices.Clone(cells) // what is left of each
	for more := true; more; {
		more = false
		var line strings.Builder
		for i, cell := range cells {
			var shown string
			shown, cells[i] = breakAt(cell, widths[i])
			more = more || cells[i] != ""
			fmt.Fprintf(&line, "%-*s", widths[i]+columnSpace, shown)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// breakAt cuts a cell after width characters, or better behind the last mark
// before that where a name or a list can be told apart.
func breakAt(cell string, width int) (shown, rest string) {
	end := 0
	for range width {
		if _, size := utf8.DecodeRuneInString(cell[end:]); size > 0 {
			end += size
		}
	}
	if end == len(cell) {
		return cell, ""
	}
	head := cell[:end]
	at := len(head)
	for _, marks := range []string{" ", ".,:/"} {
		if mark := strings.LastIndexAny(head, marks) + 1; mark > len(head)/2 {
			at = mark
			break
		}
	}
	return strings.TrimRight(cell[:at], " "), cell[at:]
}

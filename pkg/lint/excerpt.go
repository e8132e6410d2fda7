package lint

import (
	"strings"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/render"
)

// excerptWidth is how much of a line is shown, in characters.
const excerptWidth = 72

// excerpt is the line at a place of a document, and one with a caret below the
// place. A document that holds a private key is not shown at all.
func excerpt(text string, place render.Place) []string {
	lines := strings.Split(text, "\n")
	if place.Line == 0 || place.Line > len(lines) || strings.Contains(text, keyMark) {
		return nil
	}
	line := []rune(strings.TrimRight(lines[place.Line-1], "\r"))
	at := min(place.Column-1, len(line))
	from := 0
	if at > excerptWidth-8 {
		from = at - excerptWidth/2
	}
	to := min(len(line), from+excerptWidth)
	shown := func(part []rune) string { return program.Printable(strings.ReplaceAll(string(part), "\t", " ")) }
	before := shown(line[from:at])
	if from > 0 {
		before = "…" + before
	}
	after := shown(line[at:to])
	if to < len(line) {
		after += "…"
	}
	return []string{before + after, strings.Repeat(" ", len([]rune(before))) + "^"}
}

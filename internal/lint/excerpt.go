package lint

import (
	"strings"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/render"
)

// excerptWidth is the maximum width of a line that is shown, in characters.
const excerptWidth = 72

// text is the lines of a document that may be shown, as characters.
type text [][]rune

func newText(document string) (t text) {
	for line := range strings.SplitSeq(document, "\n") {
		t = append(t, []rune(strings.TrimSuffix(line, "\r")))
	}
	return t
}

// excerpt returns the line at a place, and a line with a caret below the place.
func (t text) excerpt(place render.Place) []string {
	if place.Line == 0 || place.Line > len(t) {
		return nil
	}
	line := t[place.Line-1]
	at := min(place.Column-1, len(line))
	from := 0
	if at > excerptWidth-8 {
		from = at - excerptWidth/2
	}
	to := min(len(line), from+excerptWidth)
	shown := func(part []rune) string { return message.Printable(strings.ReplaceAll(string(part), "\t", " ")) }
	before := shown(line[from:at])
	if from > 0 {
		before = "…" + before
	}
	after := shown(line[at:to])
	if to < len(line) {
		after += "…"
	}
	if strings.TrimSpace(before+after) == "" {
		return nil
	}
	return []string{before + after, strings.Repeat(" ", len([]rune(before))) + "^"}
}

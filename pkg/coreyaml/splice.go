package coreyaml

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// text is the text of a file and the edits to be made.
type text struct {
	data  string
	eol   string
	edits []edit
}

// edit replaces the text between two offsets.
type edit struct {
	from, to int
	with     string
}

func newText(data string) (*text, error) {
	t := &text{data: data, eol: "\n"}
	unified := strings.ReplaceAll(data, "\r\n", "\n")
	if i := strings.IndexAny(unified, "\r\u0085\u2028\u2029"); i >= 0 {
		return nil, byHand(&yaml.Node{Line: strings.Count(unified[:i], "\n") + 1}, "a line ends in neither LF nor CRLF")
	}
	if first, _, found := strings.Cut(data, "\n"); found && strings.HasSuffix(first, "\r") {
		t.eol = "\r\n"
	}
	return t, nil
}

// patched returns the text with all edits made.
func (t *text) patched() []byte {
	slices.SortStableFunc(t.edits, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	var b strings.Builder
	at := 0
	for _, e := range t.edits {
		b.WriteString(t.data[at:e.from] + e.with)
		at = e.to
	}
	return []byte(b.String() + t.data[at:])
}

func (t *text) replace(from, to int, with string) {
	t.edits = append(t.edits, edit{from, to, strings.ReplaceAll(with, "\n", t.eol)})
}

func (t *text) insert(at int, with string) { t.replace(at, at, with) }

// below inserts lines below the line that contains an offset. A file that does not end in a
// newline will not end in one afterwards either.
func (t *text) below(at int, lines string) {
	end := strings.IndexByte(t.data[at:], '\n')
	switch {
	case end >= 0:
		t.insert(at+end+1, lines)
	case t.data == "" || strings.HasSuffix(t.data, "\n"):
		t.insert(len(t.data), lines)
	default:
		t.insert(len(t.data), "\n"+strings.TrimSuffix(lines, "\n"))
	}
}

// line returns the offset where a line begins. The first line is 1.
func (t *text) line(number int) (at int) {
	for range number - 1 {
		at += strings.IndexByte(t.data[at:], '\n') + 1
	}
	return at
}

// offset returns the offset where a node begins. The parser's columns count characters, not
// bytes.
func (t *text) offset(n *yaml.Node) int {
	at := t.line(n.Line)
	for range n.Column - 1 {
		_, size := utf8.DecodeRuneInString(t.data[at:])
		at += size
	}
	return at
}

// rest returns the text from an offset to the end of its line.
func (t *text) rest(at int) string {
	line, _, _ := strings.Cut(t.data[at:], "\n")
	return strings.TrimSuffix(line, "\r")
}

var (
	nothing = regexp.MustCompile(`^[ \t]*(?:#.*)?$`)
	// noValue matches what follows the colon of a key whose value is null or an empty list.
	noValue = regexp.MustCompile(`^(?:[ \t]*(?:~|null|Null|NULL|\[ *\]))?`)
	quoted  = regexp.MustCompile(`^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')`)
)

// scalar returns where a string begins and ends, if it is on one line.
func (t *text) scalar(n *yaml.Node) (from, to int, err error) {
	from = t.offset(n)
	line, written := t.rest(from), ""
	switch {
	case n.Style == yaml.DoubleQuotedStyle, n.Style == yaml.SingleQuotedStyle:
		written = quoted.FindString(line)
	case n.Style == 0 && strings.HasPrefix(line, n.Value):
		written = n.Value
	}
	if written == "" {
		return 0, 0, byHand(n, "a string spans several lines or is written in an unusual way")
	}
	return from, from + len(written), nil
}

// colon returns the offset after the colon of a key.
func (t *text) colon(key *yaml.Node) (int, error) {
	_, to, err := t.scalar(key)
	if err != nil {
		return 0, err
	}
	colon := strings.IndexByte(t.rest(to), ':')
	if colon < 0 || strings.Trim(t.data[to:to+colon], " ") != "" {
		return 0, byHand(key, "the colon of a key does not follow it directly")
	}
	return to + colon + 1, nil
}

// open inserts lines below a key. They become its value if that is null or [], otherwise they
// come before the existing value.
func (t *text) open(m member, lines string) error {
	at, err := t.colon(m.key)
	if err != nil {
		return err
	}
	value := noValue.FindString(t.rest(at))
	if !nothing.MatchString(t.rest(at + len(value))) {
		return byHand(m.key, "something follows a key on its line")
	}
	t.replace(at, at+len(value), "")
	t.below(at, lines)
	return nil
}

// intoBrackets makes item the first of a list that is not empty. It gets a line of its own if
// the first item has one.
func (t *text) intoBrackets(list *yaml.Node, item string) {
	first, line := t.offset(list.Content[0]), t.line(list.Content[0].Line)
	if list.Content[0].Line == list.Line {
		t.insert(first, item+", ")
	} else {
		t.below(t.offset(list), t.data[line:first]+item+",\n")
	}
}

// extend adds names to the end of a list that is not empty.
func (t *text) extend(list *yaml.Node, names []string) error {
	_, to, err := t.scalar(list.Content[len(list.Content)-1])
	if err != nil {
		return err
	}
	if isFlow(list) {
		t.insert(to, ", "+flowNames(names))
	} else {
		t.below(to, indent(blockNames(names), list.Column-1))
	}
	return nil
}

func isFlow(n *yaml.Node) bool { return n != nil && n.Style&yaml.FlowStyle != 0 }

package render

import (
	"errors"
	"sort"
	"strings"
	"text/template/parse"
)

// compile parses the member's template and checks it against the language.
func (m *Member) compile() error {
	if m.literal != nil {
		return nil
	}
	actions, err := m.actions()
	if err != nil {
		return err
	}
	parsed, err := parseTemplate(m.text)
	if err != nil {
		return m.parseError(actions, err)
	}
	c := converter{member: m}
	if converted := c.list(parsed.Root); len(c.errs) == 0 {
		m.template = converted
	}
	return errors.Join(c.errs...)
}

// templateName is the name of a template in the parser's messages.
const templateName = "value"

func parseTemplate(text string) (*parse.Tree, error) {
	tree := parse.New(templateName)
	tree.Mode = parse.SkipFuncCheck
	return tree.Parse(text, "", "", map[string]*parse.Tree{})
}

// parseError locates an error of the template parser, which reports only a line number. The error
// is in the first action for which the text up to the end of that action also fails to parse.
func (m *Member) parseError(actions []action, err error) error {
	if unfinished(err) {
		return m.errorAt(lastOpen(actions), OfTemplate, errors.New("the block that begins here is not closed by {{ end }}"))
	}
	failing := sort.Search(len(actions), func(i int) bool {
		_, err := parseTemplate(m.text[:actions[i].end])
		return err != nil && !unfinished(err)
	})
	at := 0
	if failing < len(actions) {
		at = actions[failing].start
	}
	message := err.Error()
	if _, after, ok := strings.Cut(strings.TrimPrefix(message, "template: "+templateName+":"), ": "); ok {
		message = after // without the line number, which is relative to the value, not to the file
	}
	return m.errorAt(at, OfTemplate, errors.New(message))
}

func unfinished(err error) bool { return strings.HasSuffix(err.Error(), "unexpected EOF") }

// lastOpen returns the start of the innermost block that is not closed.
func lastOpen(actions []action) int {
	open := []int{0}
	for _, a := range actions {
		switch a.opens() {
		case 1:
			open = append(open, a.start)
		case -1:
			open = open[:max(1, len(open)-1)]
		}
	}
	return open[len(open)-1]
}

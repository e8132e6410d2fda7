// Package docpage reads the documentation, for tests that compare it with the code.
package docpage

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Read returns the text of a page, such as docs/templates.md. The package of the test must be two
// folders below the project's root.
func Read(t testing.TB, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Section returns the part of a text below a heading of level 2, up to the next one.
func Section(t testing.TB, text, heading string) string {
	t.Helper()
	_, section, found := strings.Cut(text, "\n## "+heading+"\n")
	if !found {
		t.Fatalf("there is no heading %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}

var fenced = regexp.MustCompile("(?ms)^( *)```(.*?)\n(.*?)^ *```$")

// Blocks returns the content of the code blocks in a text that are marked with a language, or with
// none if language is "". A block may be indented, which is not part of its content.
func Blocks(t testing.TB, text, language string) (blocks []string) {
	t.Helper()
	for _, block := range fenced.FindAllStringSubmatch(text, -1) {
		if block[2] == language {
			blocks = append(blocks, strings.ReplaceAll("\n"+block[3], "\n"+block[1], "\n")[1:])
		}
	}
	if blocks == nil {
		t.Fatalf("there is no code block marked %q", language)
	}
	return blocks
}

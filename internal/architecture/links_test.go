package architecture_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// index is the page that lists the pages of docs.
const index = "docs/README.md"

// Every relative link and every anchor in the documentation leads somewhere, and every page of docs
// is listed in the index or in its folder's README.md, which is listed in the index.
func TestLinks(t *testing.T) {
	pages := map[string]markdown{}
	for _, file := range files(t, func(name string) bool { return strings.HasSuffix(name, ".md") }) {
		pages[file] = parseMarkdown(read(t, file))
	}
	links := 0
	for file, page := range pages {
		for _, link := range page.links {
			links++
			if err := follow(pages, file, link); err != nil {
				t.Errorf("%s: the link %s: %v", file, link, err)
			}
		}
	}
	if len(pages) < 20 || links < 200 {
		t.Errorf("only %d links on %d pages were found", links, len(pages))
	}
	for file := range pages {
		if strings.HasPrefix(file, "docs/") && file != index && !listed(pages, file) {
			t.Errorf("%s is not in %s", file, index)
		}
	}
}

// Every page and heading that a message, a help text or a comment names exists.
func TestPagesInSource(t *testing.T) {
	isSource := func(name string) bool {
		program := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		return program || slices.Contains([]string{".sh", ".json", ".yaml", ""}, filepath.Ext(name))
	}
	named := regexp.MustCompile(`\b(docs/[\w./-]*\w|(?:[\w-]+/)*[A-Z][A-Z-]+\.md)(#[\w-]+)?`)
	found := 0
	for _, file := range files(t, isSource) {
		for _, match := range named.FindAllStringSubmatch(read(t, file), -1) {
			found++
			page, anchor := match[1], strings.TrimPrefix(match[2], "#")
			if beside := filepath.Join(filepath.Dir(file), page); exists(beside) {
				page = beside
			}
			switch {
			case !exists(page):
				t.Errorf("%s names %s, which is not there", file, page)
			case anchor != "" && !slices.Contains(parseMarkdown(read(t, page)).anchors, anchor):
				t.Errorf("%s names %s, which has no heading %s", file, page, anchor)
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d pages are named", found)
	}
}

// files lists the project's files whose names satisfy such, relative to the root.
func files(t *testing.T, such func(name string) bool) (all []string) {
	t.Helper()
	made := []string{".git", "bin", "dist", "share", "network"} // created by git and make
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, file)
		switch {
		case entry.IsDir() && (slices.Contains(made, name) || entry.Name() == "node_modules" || entry.Name() == "testdata"):
			return fs.SkipDir
		case entry.Type().IsRegular() && such(entry.Name()):
			all = append(all, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exists reports whether the project has this file or folder.
func exists(file string) bool {
	_, err := os.Stat(filepath.Join(root, file))
	return err == nil && !strings.HasPrefix(file, "..")
}

// markdown is what the link tests need from a page.
type markdown struct {
	links   []string // only relative ones
	anchors []string
}

var (
	fence    = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	code     = regexp.MustCompile("``.*?``|`[^`\n]*`")
	heading  = regexp.MustCompile(`(?m)^#{1,6} +(.*?)[ #]*$`)
	ownID    = regexp.MustCompile(`<[a-z]+ (?:id|name)="([^"]+)"`)
	link     = regexp.MustCompile(`\]\(([^) ]+)(?: "[^"]*")?\)|(?m:^\[[^\]]+\]: +(\S+))|(?:src|href|srcset)="([^"]+)"`)
	linkText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	absolute = regexp.MustCompile(`^[a-z]+:`)
	noAnchor = regexp.MustCompile(`[^\p{L}\p{M}\p{N}_ -]`)
)

func parseMarkdown(text string) markdown {
	text = fence.ReplaceAllString(text, "")
	page := markdown{}
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		page.anchors = append(page.anchors, nth(page.anchors, anchorOf(match[1])))
	}
	text = code.ReplaceAllString(text, "code")
	for _, match := range ownID.FindAllStringSubmatch(text, -1) {
		page.anchors = append(page.anchors, match[1])
	}
	for _, match := range link.FindAllStringSubmatch(text, -1) {
		if target := strings.Join(match[1:], ""); !absolute.MatchString(target) {
			page.links = append(page.links, target)
		}
	}
	return page
}

// anchorOf returns the anchor that GitHub gives a heading.
func anchorOf(heading string) string {
	heading = linkText.ReplaceAllString(heading, "$1")
	return strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// nth returns the anchor of the next heading with the same text.
func nth(anchors []string, anchor string) string {
	name := anchor
	for i := 1; slices.Contains(anchors, name); i++ {
		name = fmt.Sprintf("%s-%d", anchor, i)
	}
	return name
}

// target returns the file to which a link on a page leads, and the anchor in it. A link to a folder
// leads to the folder's README.md, if it has one.
func target(pages map[string]markdown, file, link string) (to, anchor string) {
	name, anchor, _ := strings.Cut(link, "#")
	to = file
	if name != "" {
		to = filepath.Join(filepath.Dir(file), name)
	}
	if _, ok := pages[to+"/README.md"]; ok {
		to += "/README.md"
	}
	return to, anchor
}

// follow returns an error if a link leads nowhere.
func follow(pages map[string]markdown, file, link string) error {
	to, anchor := target(pages, file, link)
	if !exists(to) {
		return fmt.Errorf("there is no %s", to)
	}
	if anchor != "" && !slices.Contains(pages[to].anchors, anchor) {
		return fmt.Errorf("%s has no heading %q", to, anchor)
	}
	return nil
}

// listed reports whether the index, or the README.md in the page's folder, links to a page.
func listed(pages map[string]markdown, file string) bool {
	return slices.ContainsFunc([]string{index, filepath.Join(filepath.Dir(file), "README.md")}, func(list string) bool {
		return list != file && slices.ContainsFunc(pages[list].links, func(link string) bool {
			to, _ := target(pages, list, link)
			return to == file
		})
	})
}

// Headings and links are read as GitHub reads them.
func TestMarkdown(t *testing.T) {
	page := parseMarkdown("# A `b.json`, c_d & É\n## Same\n## Same\n### CCB001: [Too](x.md) ##\n```\n# none\n[none](n.md)\n```\n" +
		"<a id=\"own\"></a> [`x`](a.md#b), ![i](i.svg \"t\") `[none](n.md)` [o](https://x.org/a.md)\n\n[r]: r.md\n" +
		"<img src=\"s.svg\">\n")
	if want := []string{"a-bjson-c_d--é", "same", "same-1", "ccb001-too", "own"}; !slices.Equal(page.anchors, want) {
		t.Errorf("the anchors are %q", page.anchors)
	}
	if want := []string{"x.md", "a.md#b", "i.svg", "r.md", "s.svg"}; !slices.Equal(page.links, want) {
		t.Errorf("the links are %q", page.links)
	}
}

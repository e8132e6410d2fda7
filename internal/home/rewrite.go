package main

import (
	"go/format"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// rewriter puts one path of the module in place of another.
type rewriter struct {
	from, to string
	before   *regexp.Regexp // what precedes it as the end of something longer
	after    *regexp.Regexp // what follows a path, but not a longer one or a mere name
	line     *regexp.Regexp // of go.mod: what is before the path, its version, the rest
}

// newRewriter's files are those of the project, relative to its folder.
func newRewriter(from, to string, files []string) rewriter {
	r := rewriter{
		from: from, to: to,
		before: regexp.MustCompile(`[\w.~-]$`),
		after:  regexp.MustCompile(`^([^\w~-]|$)`),
		line:   regexp.MustCompile(`^((?:module|require|replace) |\t)` + regexp.QuoteMeta(from) + `( v\S+)?((?s:[\s/].*|$))`),
	}
	if hasHost(from) {
		return r
	}
	// The path could be a name: of an image in a registry, of a folder below /opt.
	folders := []string{`\.\.\.`}
	for _, file := range files {
		if folder, _, ok := strings.Cut(file, "/"); ok {
			folders = append(folders, regexp.QuoteMeta(folder)+`\b`)
		}
	}
	slices.Sort(folders)
	r.before = regexp.MustCompile(`[\w.~/-]$`)
	r.after = regexp.MustCompile(`^/(` + strings.Join(slices.Compact(folders), "|") + `)`)
	return r
}

func hasHost(module string) bool {
	first, _, _ := strings.Cut(module, "/")
	return strings.Contains(first, ".")
}

// file returns what a file is to hold. Go is formatted, as another path may sort differently.
func (r rewriter) file(name string, content []byte) ([]byte, error) {
	old := string(content)
	switch {
	case !utf8.Valid(content) || !strings.Contains(old, r.from):
		return content, nil
	case filepath.Base(name) == "go.mod":
		return []byte(r.mod(old)), nil
	case filepath.Ext(name) == ".go":
		return format.Source([]byte(r.text(old)))
	}
	return []byte(r.text(old)), nil
}

func (r rewriter) text(text string) string {
	var out strings.Builder
	for {
		head, tail, found := strings.Cut(text, r.from)
		out.WriteString(head)
		switch {
		case !found:
			return out.String()
		case !r.before.MatchString(head) && r.after.MatchString(tail):
			out.WriteString(r.to)
		default:
			out.WriteString(r.from)
		}
		text = tail
	}
}

// mod is text for a go.mod, where the path may be on its own. The version required of
// a module that replace takes from a folder means nothing, but must match the path.
func (r rewriter) mod(text string) string {
	version := " v0.0.0"
	if major := regexp.MustCompile(`/(v\d+)$`).FindStringSubmatch(r.to); major != nil {
		version = " " + major[1] + ".0.0"
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		m := r.line.FindStringSubmatch(line)
		if m == nil {
			line = r.text(line)
		} else if m[2] == "" {
			line = m[1] + r.to + m[3]
		} else {
			line = m[1] + r.to + version + m[3]
		}
		out.WriteString(line)
	}
	return out.String()
}

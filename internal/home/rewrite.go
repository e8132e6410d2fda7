package main

import (
	"go/format"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// rewriter replaces one module path by another.
type rewriter struct {
	from, to string
	before   *regexp.Regexp // matches what precedes the path if it is the end of something longer
	after    *regexp.Regexp // matches what follows the path, but not if it is part of a longer one or a mere name
	line     *regexp.Regexp // a line of go.mod: what precedes the path, its version, the rest
}

// newRewriter returns a rewriter for a project whose files, relative to its folder, are files.
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
	// Without a host, the path could be a mere name, such as that of an image in a registry or
	// a folder below /opt.
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

// file returns the new content of a file. It formats Go files, since the new path may sort
// differently.
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

// mod rewrites the text of a go.mod, where the path may occur without quotes. If replace takes
// a module from a folder, the version that is required of it has no meaning but must match the
// path.
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

package template

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ccaas-template-builder/internal/docpage"
	"ccaas-template-builder/internal/render"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/templates"
)

// section returns the text of docs/templates.md below a heading.
func section(t *testing.T, heading string) string {
	t.Helper()
	return docpage.Section(t, docpage.Read(t, "docs/templates.md"), heading)
}

// rows returns the cells of those rows of a section's tables that begin with a name in backquotes.
func rows(section string) (rows [][]string) {
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		line = strings.Trim(strings.ReplaceAll(line, `\|`, "\x00"), "| \n")
		cells := strings.Split(line, " | ")
		for i, cell := range cells {
			cells[i] = strings.ReplaceAll(cell, "\x00", "|")
		}
		rows = append(rows, cells)
	}
	return rows
}

func unquoted(cell string) string { return strings.Trim(cell, "`") }

// pageEnvironment returns the environment that the section on functions describes for its examples,
// for a package with the label basic_1.0.
func pageEnvironment(t *testing.T, text string) *environ.Environment {
	t.Helper()
	process := map[string]string{}
	for line := range strings.Lines(docpage.Blocks(t, text, "sh")[0]) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		process[name] = value
	}
	file := regexp.MustCompile("The file `(.*)` contains `(.*)`").FindStringSubmatch(text)
	reader := environ.Reader{
		File: func(name string) ([]byte, error) {
			if file == nil || name != file[1] {
				return nil, fs.ErrNotExist
			}
			return []byte(file[2] + "\n"), nil
		},
		List: func(string) environ.Names { return environ.Names{} },
	}
	env, err := reader.Load(process, "basic_1.0")
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// The page lists every function of the language and no others, each with an example and its result.
func TestPageFunctions(t *testing.T) {
	text := section(t, "Functions")
	values := valuesOf(pageEnvironment(t, text), chaincode.Metadata{Label: "basic_1.0", Type: "ccaas"})
	var names []string
	for _, row := range rows(text) {
		if len(row) != 4 {
			t.Fatalf("%q is not a function, what it gives, an example and its result", row)
		}
		name, example := unquoted(row[0]), unquoted(row[2])
		names = append(names, name)
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(example) {
			t.Errorf("the example of %s does not use it: %s", name, example)
		}
		result, err := renderExample(example, values)
		if err != nil {
			result = "error: `" + err.Error() + "`"
		} else {
			result = "`" + result + "`"
		}
		if result != row[3] {
			t.Errorf("%s gives %s, and the page says %s", example, result, row[3])
		}
	}
	slices.Sort(names)
	if want := render.Functions(); !slices.Equal(names, want) {
		t.Errorf("the page has %v, the language %v", names, want)
	}
}

// renderExample renders text as a value in a file that is not JSON. The error does not include the
// place.
func renderExample(text string, values render.Values) (string, error) {
	document, err := render.Parse("connection.json", []byte(`{"address": "`+text+`", "domain": {{ 1 }}}`))
	if err != nil {
		return "", err
	}
	result, err := document.Member("address").Render(values)
	if placed := (*render.Error)(nil); errors.As(err, &placed) {
		err = placed.Err
	}
	return fmt.Sprint(result.Value), err
}

// Each template on the page can be parsed, whether it is a complete template or only one key.
func TestPageTemplates(t *testing.T) {
	found := 0
	for _, heading := range []string{"The file", "Private keys"} {
		text := docpage.Blocks(t, section(t, heading), "")[0]
		if !strings.HasPrefix(text, "{") {
			text = "{" + text + "}"
		}
		parsed, err := Parse("docs/templates.md", []byte(text))
		if err != nil {
			t.Error(err)
			continue
		}
		found += len(parsed.document.Members)
	}
	if found != 5 {
		t.Errorf("%d values were found", found)
	}
}

// The page lists every key, the variable used if a package lacks the key, and when the key is
// skipped.
func TestPageKeys(t *testing.T) {
	empty, err := Parse("empty", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, field := range empty.Fields() {
		settings[field.Name] = field.Setting
	}
	table := rows(section(t, "Keys"))
	for _, row := range table {
		key := unquoted(row[0])
		if !slices.Contains(connection.Keys(), key) || !strings.HasPrefix(row[2], "`"+settings[key]+"`") {
			t.Errorf("%q is not a key and its variable %s", row, settings[key])
		}
		skipped := map[bool]string{true: "never", false: "without TLS"}[relevant(key, false, false)]
		if relevant(key, true, true) && !relevant(key, true, false) {
			skipped = "without TLS or client authentication"
		}
		if row[3] != skipped {
			t.Errorf("%s is skipped %s, and the page says %s", key, skipped, row[3])
		}
	}
	if len(table) != len(settings) {
		t.Errorf("the page has %d keys, the peer %d", len(table), len(settings))
	}
}

// The page lists every bundled template, with the variables that it requires.
func TestPageBundled(t *testing.T) {
	var names []string
	for _, row := range rows(section(t, "Bundled templates")) {
		name := unquoted(row[0])
		names = append(names, name)
		source, err := templates.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := Parse(name, source)
		if err != nil {
			t.Fatal(err)
		}
		var required []string
		for _, v := range parsed.Missing(func(string) bool { return false }) {
			required = append(required, "`"+v.Name+"`")
		}
		if got := strings.Join(required, ", "); got != row[2] {
			t.Errorf("%s requires %s, and the page says %s", name, got, row[2])
		}
	}
	if want := templates.Names(); !slices.Equal(names, want) {
		t.Errorf("the page has the templates %v, there are %v", names, want)
	}
}

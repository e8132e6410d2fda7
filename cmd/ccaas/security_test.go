package main_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ccaas-template-builder/internal/docpage"
)

// tests returns the names of all tests and fuzz targets of the project.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	defined := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w*)\(`)
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules") {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range defined.FindAllStringSubmatch(string(text), -1) {
			names[match[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Each promise in SECURITY.md names what tests it, and each test, script and file that it
// names exists.
func TestSecurityPage(t *testing.T) {
	var promises []string
	for _, table := range strings.Split(docpage.Read(t, "SECURITY.md"), "\n| promise | held by |\n|---|---|\n")[1:] {
		table, _, _ = strings.Cut(table, "\n\n")
		promises = append(promises, strings.Split(table, "\n")...)
	}
	defined := tests(t)
	for _, row := range promises {
		cells := strings.Split(row, "|")
		names := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[len(cells)-2], -1)
		if len(names) == 0 {
			t.Errorf("nothing holds %s", row)
		}
		for _, name := range names {
			if !holds(defined, name[1]) {
				t.Errorf("there is no %s", name[1])
			}
		}
	}
	if len(promises) < 25 {
		t.Errorf("found %d promises", len(promises))
	}
}

// holds reports whether there is a test, a script or a file with this name.
func holds(defined map[string]bool, name string) bool {
	path := "../../" + name
	if strings.HasSuffix(name, ".txtar") {
		path = "testdata/script/" + name
	}
	_, err := os.Stat(path)
	return err == nil || defined[name]
}

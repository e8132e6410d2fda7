package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/render"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The README's table of functions is the language's list.
func TestReadmeFunctions(t *testing.T) {
	_, table, _ := strings.Cut(readme(t), "The functions, and there are no others:")
	table, _, _ = strings.Cut(table, "Those that Go's templates")
	var names []string
	for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(table, -1) {
		name, _, _ := strings.Cut(quoted[1], " ")
		names = append(names, name)
	}
	slices.Sort(names)
	if want := render.Functions(); !slices.Equal(names, want) {
		t.Errorf("the README has %v, the language %v", names, want)
	}
}

// The README has every variable that has a field, beside that field.
func TestReadmeVariables(t *testing.T) {
	for name, field := range environ.Fields() {
		row := regexp.MustCompile("(?m)^\\|.*`" + field.Variable + "`.*`." + regexp.QuoteMeta(name) + "`.*\\|$")
		if !row.MatchString(readme(t)) {
			t.Errorf("the README does not show %s as .%s", field.Variable, name)
		}
	}
}

// The README's first session gives the package ID that it shows.
func TestReadmeSession(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) string {
		cmd := exec.Command(filepath.Join(builder, "bin", "ccaas"), args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return string(out)
	}
	text := readme(t)
	for _, command := range []string{"ccaas init basic --template mtls", "ccaas package basic.tgz --path basic --label basic_1.0"} {
		if want := "$ " + command + "\n" + run(strings.Fields(command)[1:]...); !strings.Contains(text, want) {
			t.Errorf("the README does not show\n%s", want)
		}
	}
}

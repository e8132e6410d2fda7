package main_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func ccaas(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(builder, "bin", "ccaas"), args...).CombinedOutput()
	if err != nil {
		t.Errorf("ccaas %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// verbs are those that the help of ccaas lists.
func verbs(t *testing.T) []string {
	t.Helper()
	_, list, _ := strings.Cut(ccaas(t, "--help"), "Write a package:\n")
	list, _, _ = strings.Cut(list, "\nFlags:\n")
	var names []string
	for _, line := range regexp.MustCompile(`(?m)^  (\w+)`).FindAllStringSubmatch(list, -1) {
		names = append(names, line[1])
	}
	if len(names) < 12 {
		t.Fatalf("found %d verbs", len(names))
	}
	return names
}

// The help of each verb fits a terminal and has examples, whose flags exist.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, verb := range append(verbs(t), "") {
		help := ccaas(t, strings.Fields(verb+" --help")...)
		for line := range strings.Lines(help) {
			if utf8.RuneCountInString(strings.TrimSpace(line)) > 80 {
				t.Errorf("%s: this line is wider than 80: %s", verb, line)
			}
		}
		_, examples, ok := strings.Cut(help, "Examples:\n")
		examples, _, _ = strings.Cut(examples, "\n\n")
		if !ok {
			t.Errorf("%s has no example", verb)
		}
		for example := range strings.Lines(examples) {
			command, _, _ := strings.Cut(example, ">")
			command, _, _ = strings.Cut(command, " -- ") // what follows is another program's
			args := strings.Fields(command)
			if args[0] != "ccaas" || verb != "" && args[1] != verb {
				t.Errorf("%s has the example %q", verb, example)
			}
			ccaas(t, append(args[1:], "--help")...)
		}
	}
}

// The README's table has every verb, and no other.
func TestReadmeVerbs(t *testing.T) {
	_, table, _ := strings.Cut(readme(t), "\n| verb | does |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	shown := []string{"help"}
	for row := range strings.Lines(table) {
		for _, verb := range regexp.MustCompile("`ccaas (\\w+)").FindAllStringSubmatch(strings.Split(row, " | ")[0], -1) {
			shown = append(shown, verb[1])
		}
	}
	want := verbs(t)
	slices.Sort(shown)
	slices.Sort(want)
	if !slices.Equal(shown, want) {
		t.Errorf("the README shows %q, and ccaas has %q", shown, want)
	}
}

package main

import (
	"os"
	"strings"
	"testing"
)

// A mutant that lives is an error unless the list says why. A mutant in the list that does not exist is
// an error too.
func TestCompare(t *testing.T) {
	known := map[string]string{"p/a.go: X: a »< b": "a reason", "p/a.go: Y: c »< d": "a reason", "q/b.go: X: a »< b": "a reason"}
	mutants := func(first, second string) []mutant {
		return []mutant{{"p/a.go: X: a »< b", 1, first}, {"p/a.go: Y: c »< d", 2, "KILLED"}, {"p/a.go: Z: e »< f", 3, second}}
	}
	for name, test := range map[string]struct {
		mutants []mutant
		want    string
	}{
		"as known":          {mutants("LIVED", "KILLED"), ""},
		"killed by luck":    {mutants("KILLED", "TIMED OUT"), ""},
		"a new one":         {mutants("LIVED", "LIVED"), "lives, at line 3: p/a.go: Z: e »< f"},
		"one never covered": {mutants("LIVED", "NOT COVERED"), "lives, at line 3: p/a.go: Z: e »< f"},
		"one that is gone":  {mutants("LIVED", "KILLED")[:1], "there is no such mutant: p/a.go: Y: c »< d"},
	} {
		err := compare(known, "p", test.mutants)
		if (err == nil) != (test.want == "") || err != nil && !strings.HasSuffix(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// Each mutant in the list names an existing line and has a reason.
func TestList(t *testing.T) {
	text, err := os.ReadFile("living.txt")
	if err != nil {
		t.Fatal(err)
	}
	known, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for name := range known {
		parts := strings.SplitN(name, ": ", 3)
		source, err := os.ReadFile("../../" + parts[0])
		if err != nil || !strings.Contains(string(source), strings.Replace(parts[2], "»", "", 1)+"\n") {
			t.Errorf("there is no such line: %s", name)
		}
	}
	for _, text := range []string{"a: X: b »< c\n", "\ta reason\n", "no mutant\n\ta reason\n", "a: X: »<\n\ta\na: X: »<\n\tb\n"} {
		if _, err := parse(text); err == nil {
			t.Errorf("accepted %q", text)
		}
	}
}

package main_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// Each test, script and file that SECURITY.md names is there.
func TestSecurityPage(t *testing.T) {
	page, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("grep", "-rhoE", "--include=*_test.go", `^func (Test|Fuzz)[A-Za-z0-9]*`, "../..").Output()
	if err != nil {
		t.Fatal(err)
	}
	defined := string(out)
	names := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z]+|[a-z/-]+\\.(?:txtar|txt))`").FindAllStringSubmatch(string(page), -1)
	if len(names) < 15 {
		t.Fatalf("found %d names", len(names))
	}
	for _, name := range names {
		name := name[1]
		switch {
		case strings.HasSuffix(name, ".txtar"):
			_, err = os.Stat("testdata/script/" + name)
		case strings.HasSuffix(name, ".txt"):
			_, err = os.Stat("../../" + name)
		case !strings.Contains(defined, "func "+name+"\n"):
			t.Errorf("there is no %s", name)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccaas-template-builder/internal/docpage"
	"ccaas-template-builder/internal/finding"
)

// Each code has a section in docs/findings.md. A script finds each, except the one that needs
// a full disk.
func TestFindingCodes(t *testing.T) {
	page := docpage.Read(t, "docs/findings.md")
	var scripts strings.Builder
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(script)) {
			if !strings.HasPrefix(line, "! ") && !strings.HasPrefix(line, "#") { // skip what must not be found
				scripts.WriteString(line)
			}
		}
	}
	titles := finding.Titles()
	for code, title := range titles {
		if !strings.Contains(page, "\n### "+string(code)+": "+title+"\n") {
			t.Errorf("docs/findings.md has no section \"### %s: %s\"", code, title)
		}
		if code != finding.TempDirFull && !strings.Contains(scripts.String(), string(code)+" ") {
			t.Errorf("no script finds %s: %s", code, title)
		}
	}
	if sections := strings.Count(page, "\n### CCB"); sections != len(titles) {
		t.Errorf("docs/findings.md has %d sections, there are %d codes", sections, len(titles))
	}
}

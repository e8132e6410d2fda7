package release_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// The workflows refer to actions by their commits, with the version in a comment. Each job
// lists its permissions and has no others.
func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob("../../.github/workflows/*.yml")
	if err != nil || len(files) != 2 {
		t.Fatalf("found %q, %v", files, err)
	}
	pinned := regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, uses := range regexp.MustCompile(`(?m)\buses: *(.*)$`).FindAllStringSubmatch(string(text), -1) {
			if !strings.HasPrefix(uses[1], "./") && !pinned.MatchString(uses[1]) {
				t.Errorf("%s: %s", file, uses[0])
			}
		}
		var workflow struct {
			Permissions map[string]string
			Jobs        map[string]struct{ Permissions map[string]string }
		}
		if err := yaml.Unmarshal(text, &workflow); err != nil {
			t.Fatal(err)
		}
		if workflow.Permissions == nil || len(workflow.Permissions) > 0 {
			t.Errorf("%s: the permissions at the top are %q, not {}", file, workflow.Permissions)
		}
		for name, job := range workflow.Jobs {
			if job.Permissions == nil {
				t.Errorf("%s: the job %s does not list its permissions", file, name)
			}
		}
	}
}

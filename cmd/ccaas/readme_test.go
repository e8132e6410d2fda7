package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ccaas-template-builder/internal/docpage"
)

// The README's first session prints what the README shows, except for the date.
func TestReadmeSession(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const certificates = "../../examples/two-peers/certificates"
	if _, err := os.Stat(certificates + "/main.go"); err != nil { // makes Go's test cache notice changes
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "run", certificates, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	date := regexp.MustCompile(`20\d\d-\d\d-\d\d`)
	session := docpage.Blocks(t, docpage.Read(t, "README.md"), "console")[0]
	var got strings.Builder
	for line := range strings.Lines(session) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		args := strings.Fields(command)
		cmd := exec.Command(filepath.Join(builder, "bin", args[0]), args[1:]...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
		got.WriteString(line + string(out))
	}
	if got := date.ReplaceAllString(got.String(), "DATE"); got != date.ReplaceAllString(session, "DATE") {
		t.Errorf("the session is now\n%s", got)
	}
}

// The set-up in the README works as printed, in an empty folder, with each form of core.yaml.
func TestReadmeSetUp(t *testing.T) {
	t.Parallel()
	section := docpage.Section(t, docpage.Read(t, "README.md"), "Set up a peer")
	session := docpage.Blocks(t, section, "sh")[0]
	entry, _, _ := strings.Cut(docpage.Blocks(t, section, "yaml")[0], "        # …")
	samples, err := filepath.Glob("../../pkg/coreyaml/testdata/fabric-*.yaml")
	if err != nil || len(samples) != 3 {
		t.Fatalf("%v, %v", samples, err)
	}
	for _, sample := range samples {
		home, dir := t.TempDir(), t.TempDir()
		core, err := os.ReadFile(sample)
		if err == nil {
			err = os.WriteFile(filepath.Join(home, "core.yaml"), core, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		setUp := exec.Command("sh", "-euc", session)
		setUp.Dir = dir
		setUp.Env = append(os.Environ(), "HOME="+home, "FABRIC_CFG_PATH="+home, "PATH="+builder+"/bin:"+os.Getenv("PATH"))
		out, err := setUp.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "ok       an install of basic.tgz works") {
			t.Errorf("%s: %v\n%s", sample, err, out)
		}
		if strings.Contains(string(out), "warning") {
			t.Errorf("%s: there are warnings:\n%s", sample, out)
		}
		patched, err := os.ReadFile(filepath.Join(home, "core.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(strings.ReplaceAll(entry, "/home/fabric", home)) {
			if !strings.Contains(string(patched), strings.TrimSpace(line)) {
				t.Errorf("%s: core.yaml does not have %q", sample, line)
			}
		}
	}
}

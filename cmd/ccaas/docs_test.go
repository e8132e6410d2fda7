package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ccaas-template-builder/internal/docpage"
	"ccaas-template-builder/pkg/environ"
)

// The page on variables lists each variable that has a field, with that field and its default.
func TestVariablesPage(t *testing.T) {
	unset, err := environ.Load(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, field := range environ.Fields() {
		standard := ""
		if field.HasDefault {
			standard = fmt.Sprintf("`%v` ", unset.Root()[name].(environ.Var).Value)
		}
		row := "\n| `" + field.Variable + "` | `." + name + "` | " + standard + "|"
		if !strings.Contains(docpage.Read(t, "docs/variables.md"), row) {
			t.Errorf("docs/variables.md has no row %q", row)
		}
	}
}

// The page lists each variable that the builder reads for every package.
func TestVariablesOfBuilder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/connection.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(builder+"/bin/ccaas", "coreyaml", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^ +- ([A-Z_]+)$`).FindAllSubmatch(out, -1)
	if len(names) < 10 {
		t.Fatalf("there are %d variables in\n%s", len(names), out)
	}
	for _, name := range names {
		variable := string(bytes.TrimSuffix(name[1], []byte("_FILE")))
		if !strings.Contains(docpage.Read(t, "docs/variables.md"), "\n| `"+variable+"` |") {
			t.Errorf("docs/variables.md has no row of %s", variable)
		}
	}
}

// The sessions on these pages print what is shown, except at an ellipsis. All sessions of a page
// run in one folder, after commands that create what the page assumes.
func TestDocsSessions(t *testing.T) {
	for name, prepare := range map[string]string{
		"variables.md": "",
		"templates.md": "",
		"packages.md":  "",
		"core-yaml.md": `set -e
			cp "$SAMPLE" core.yaml
			ccaas init plain --template plain
			ccaas package basic.tgz --path plain --label basic_1.0
			ccaas install "$PWD/opt"
			ccaas coreyaml basic.tgz --path "$PWD/opt" --patch core.yaml
			echo CORE_PEER_ID=peer0 >peer0.env
			mkdir -p production/externalbuilder/builds`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sample, err := filepath.Abs("../../pkg/coreyaml/testdata/fabric-3.yaml")
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			environment := []string{"PATH=" + builder + "/bin:" + os.Getenv("PATH"), "SAMPLE=" + sample}
			if out, err := shell(dir, environment, prepare); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, session := range docpage.Blocks(t, docpage.Read(t, "docs/"+name), "console") {
				var commands strings.Builder
				for line := range strings.Lines(session) {
					if command, ok := strings.CutPrefix(line, "$ "); ok {
						commands.WriteString("cat <<'EOF'\n" + line + "EOF\n" + command)
					}
				}
				out, _ := shell(dir, environment, commands.String())
				shown := strings.ReplaceAll(regexp.QuoteMeta(session), "…\n", "(?s:.*)")
				if !regexp.MustCompile("^" + shown + "$").Match(out) {
					t.Errorf("the session\n%sis now\n%s", session, out)
				}
			}
		})
	}
}

func shell(dir string, environment []string, commands string) ([]byte, error) {
	cmd := exec.Command("sh", "-c", commands)
	cmd.Dir, cmd.Env = dir, environment
	return cmd.CombinedOutput()
}

package main_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"ccaas-template-builder/internal/docpage"
	"ccaas-template-builder/internal/testprograms"
	"ccaas-template-builder/internal/testserver"
	"ccaas-template-builder/pkg/coreyaml"
)

func ccaas(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(builder, "bin", "ccaas"), args...).CombinedOutput()
	if err != nil {
		t.Errorf("ccaas %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// verbs returns the verbs that ccaas --help lists.
func verbs(t *testing.T) []string {
	t.Helper()
	_, list, _ := strings.Cut(ccaas(t, "--help"), "Write:\n")
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

// The help of each verb fits into a terminal and has examples.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, verb := range append(verbs(t), "") {
		help := ccaas(t, strings.Fields(verb+" --help")...)
		for line := range strings.Lines(help) {
			if utf8.RuneCountInString(strings.TrimSpace(line)) > 80 {
				t.Errorf("%s: this line is wider than 80: %s", verb, line)
			}
		}
		for _, example := range examples(t, verb) {
			if args := strings.Fields(example); args[0] != "ccaas" || verb != "" && args[1] != verb {
				t.Errorf("%s has the example %q", verb, example)
			}
		}
	}
}

// examples returns the examples in the help of a verb.
func examples(t *testing.T, verb string) []string {
	t.Helper()
	_, text, _ := strings.Cut(ccaas(t, strings.Fields(verb+" --help")...), "Examples:\n")
	text, _, _ = strings.Cut(text, "\n\n")
	if text == "" {
		t.Errorf("%s has no example", verb)
	}
	return strings.Split(strings.TrimSpace(text), "\n")
}

// The examples in the help work in a folder that has the files that they name. Those of deploy
// and status would need a network, so only their flags are tested.
func TestHelpExamples(t *testing.T) {
	t.Parallel()
	dir := exampleFolder(t)
	for _, verb := range append(verbs(t), "") {
		for _, example := range examples(t, verb) {
			if verb == "deploy" || verb == "status" {
				ccaas(t, append(strings.Fields(example)[1:], "--help")...)
				continue
			}
			t.Run(example, func(t *testing.T) {
				t.Parallel()
				work := t.TempDir()
				if out, err := exec.Command("cp", "-a", dir+"/.", work).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				if verb == "init" {
					os.RemoveAll(filepath.Join(work, "basic"))
				}
				id, err := os.ReadFile(filepath.Join(work, "id"))
				if err != nil {
					t.Fatal(err)
				}
				line := strings.ReplaceAll(forExample.Replace(example), "basic_1.0:63948944a195dab0…", string(id))
				if strings.Contains(line, "--watch") { // it runs until it gets a signal
					line = "timeout 3 " + line + " || test $? = 124"
				}
				command := exec.Command("sh", "-euc", line)
				command.Dir = work
				command.Env = append(os.Environ(), "HOME="+work, "CORE_PEER_ID=peer0.org1.example.com",
					"PATH="+builder+"/bin:"+os.Getenv("PATH"))
				if out, err := command.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}

// forExample replaces paths and addresses in examples by those of the test.
var forExample = strings.NewReplacer("/var/peer", "var", "/etc/hyperledger/fabric/", "",
	"install /opt/", "install ", "install /builders/", "install ", "linux/amd64", runtime.GOOS+"/"+runtime.GOARCH, ":9464", "127.0.0.1:0", "~/.local/share/bash-completion/completions/", "")

// exampleFolder returns a folder that has everything the examples name: packages, env files,
// core.yaml, a peer's folder, and a chaincode server at the address in connection.json.
func exampleFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	env := "CORE_PEER_ID=peer0.org1.example.com\nCORE_CHAINCODE_ADDRESS=" + address + "\n"
	core, err := os.ReadFile("../../pkg/coreyaml/testdata/fabric-2.5.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"peer0.env": env, "peer1.env": env, "core.yaml": string(core), "restart.sh": "",
		"connection.json": `{"address": "` + address + `", "dial_timeout": "3s", "tls_required": false}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	ccaas(t, "init", path("basic"), "--template", "plain")
	ccaas(t, "package", path("basic.tgz"), "--path", path("basic"), "--label", "basic_1.0")
	id := strings.TrimSpace(ccaas(t, "calculatepackageid", path("basic.tgz")))
	if err := os.WriteFile(path("id"), []byte(id), 0o600); err != nil {
		t.Fatal(err)
	}
	ccaas(t, "package", path("assets.tgz"), "--path", path("basic"), "--label", "assets")
	ccaas(t, "coreyaml", path("basic.tgz"), "--patch", path("core.yaml"), "--path", builder)
	t.Cleanup(testserver.Serve(listener, nil, testserver.Register(id)))
	ours := coreyaml.Builder{Name: "ccaas-template-builder", Path: builder}
	if err := testprograms.InstallFile(t.Context(), path("var"), path("basic.tgz"), path("peer0.env"), ours); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The README's table has all verbs, in the order and the groups of ccaas --help.
func TestReadmeVerbs(t *testing.T) {
	_, table, _ := strings.Cut(docpage.Read(t, "README.md"), "\n| | verb | does |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var shown []string
	for row := range strings.Lines(table) {
		cells := strings.SplitN(row, "|", 4)
		for _, verb := range regexp.MustCompile("`ccaas (\\w+)").FindAllStringSubmatch(cells[2], -1) {
			shown = append(shown, verb[1])
		}
	}
	if want := verbs(t); !slices.Equal(append(shown, "help"), want) {
		t.Errorf("the README shows %q, and ccaas has %q", shown, want)
	}
}

package main

import (
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestText(t *testing.T) {
	files := []string{"README.md", "cmd/ccaas/main.go", "pkg/a.go"}
	for _, test := range []struct{ from, to, text, want string }{
		{"builder", "a.org/b", `import "builder/pkg/x"`, `import "a.org/b/pkg/x"`},
		{"builder", "a.org/b", "go install builder/cmd/ccaas@latest", "go install a.org/b/cmd/ccaas@latest"},
		{"builder", "a.org/b", "go test builder/... builder/...", "go test a.org/b/... a.org/b/..."},
		{"builder", "a.org/b", "/opt/builder/cmd", "/opt/builder/cmd"},
		{"builder", "a.org/b", "registry.example.com/builder/cmd", "registry.example.com/builder/cmd"},
		{"builder", "a.org/b", "builder/bin, the builder, builder_v1/cmd", "builder/bin, the builder, builder_v1/cmd"},
		{"builder", "a.org/b", "builder/cmdline other-builder/cmd", "builder/cmdline other-builder/cmd"},
		{"a.org/b", "c.net/d/e", `"a.org/b/pkg/x" a.org/b a.org/b.`, `"c.net/d/e/pkg/x" c.net/d/e c.net/d/e.`},
		{"a.org/b", "c.net/d/e", "https://a.org/b/x, //a.org/b.git", "https://c.net/d/e/x, //c.net/d/e.git"},
		{"a.org/b", "c.net/d/e", "a.org/bc a.org/b-c aa.org/b www.a.org/b", "a.org/bc a.org/b-c aa.org/b www.a.org/b"},
		{"a.org/b", "c.net/d/e", "/opt/b registry/b b", "/opt/b registry/b b"},
		{"a.org/b", "a.org/b/b", "a.org/b/cmd a.org/b", "a.org/b/b/cmd a.org/b/b"},
	} {
		if got := newRewriter(test.from, test.to, files).text(test.text); got != test.want {
			t.Errorf("from %s to %s, %q becomes %q, want %q", test.from, test.to, test.text, got, test.want)
		}
	}
}

func TestGoIsFormatted(t *testing.T) {
	const old = "package x\n\nimport (\n\t_ \"builder/cmd\" // ours\n\t_ \"fmt\"       // Go's\n)\n"
	const want = "package x\n\nimport (\n\t_ \"fmt\"            // Go's\n\t_ \"z.org/team/cmd\" // ours\n)\n"
	got, err := newRewriter("builder", "z.org/team", []string{"cmd/x.go"}).file("x.go", []byte(old))
	if err != nil || string(got) != want {
		t.Errorf("got %v\n%s", err, got)
	}
}

func TestMod(t *testing.T) {
	const old = `// The builder, from builder/cmd.
module builder/examples/x

require (
	builder v0.0.0
	builder/pkg v0.1.0
	builders v1.0.0
	example.org/builder v1.0.0
)

require builder v0.0.0 // indirect

replace builder => ../..
`
	const want = `// The builder, from a.org/b/v3/cmd.
module a.org/b/v3/examples/x

require (
	a.org/b/v3 v3.0.0
	a.org/b/v3/pkg v0.1.0
	builders v1.0.0
	example.org/builder v1.0.0
)

require a.org/b/v3 v3.0.0 // indirect

replace a.org/b/v3 => ../..
`
	if got := newRewriter("builder", "a.org/b/v3", []string{"cmd/x.go"}).mod(old); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestCheck(t *testing.T) {
	for module, ok := range map[string]bool{
		"example.org/a": true, "example.org/team/A.b-c_d": true, "example.org/a/v2": true,
		"": false, "a": false, "a/b.c": false, "example.org": false, "example.org/": false, "example.org/a/": false,
		"example.org//a": false, "example.org/.a": false, "example.org/a.": false, "Example.org/a": false,
		"https://example.org/a": false, "example.org/a b": false, "example.org/a\n": false, "-m.org/a": false,
		"example.org/a/v1": false, "example.org/a@v1": false, "../a.b/c": false, "example.org/a/../b": false,
	} {
		if err := check(module); (err == nil) != ok {
			t.Errorf("%q: %v", module, err)
		}
	}
}

// The project moves to a home, and from there to another, whose path sorts differently and
// contains other characters. With HOME_TEST set, the moved project is then checked, built and
// tested.
func TestHome(t *testing.T) {
	dir := copyProject(t)
	old := strings.TrimSpace(command(t, dir, "go", "list", "-m"))
	for _, home := range []string{"example.org/team/ccaas-template-builder", "zz.example.net/a/b/v2"} {
		command(t, dir, "make", "home", "MODULE="+home)
		if got := strings.TrimSpace(command(t, dir, "go", "list", "-m")); got != home {
			t.Errorf("the module is %s, not %s", got, home)
		}
		expectGone(t, dir, old)
		old = home
	}
	if os.Getenv("HOME_TEST") == "" {
		t.Skip("make home-test also builds and tests what has moved")
	}
	command(t, dir, "make", "check", "build")
	command(t, dir, "go", "test", "./cmd/ccaas", "-run", "Scripts|Readme|Help")
	command(t, dir, "go", "test", "-short", "./pkg/...", "./internal/architecture", "./internal/program")
}

// copyProject copies everything that would be committed here into a new repository.
func copyProject(t *testing.T) string {
	if _, err := os.Stat("../../.git"); err != nil {
		t.Skip("this is not a git repository")
	}
	dir := t.TempDir()
	command(t, ".", "git", "init", "-q", dir)
	repository := "--git-dir=" + filepath.Join(dir, ".git")
	command(t, "../..", "git", repository, "--work-tree=.", "add", "-A")
	command(t, dir, "git", "-c", "user.name=test", "-c", "user.email=test", "commit", "-q", "-m", "test")
	command(t, dir, "git", "reset", "-q", "--hard")
	return dir
}

// expectGone fails the test if the old path is left anywhere: in an import, a link or a
// go.mod. A path with a host name can mean nothing else, so it must be gone from every text.
func expectGone(t *testing.T, dir, module string) {
	t.Helper()
	quoted := regexp.QuoteMeta(module)
	left := regexp.MustCompile(`(?m)(^|[^\w./-])` + quoted + `/|^(import |\t)([\w.]+ )?"` + quoted + `"$`)
	inMod := regexp.MustCompile(`(?m)^[a-z]*\s+` + quoted + `\b`)
	for _, file := range tracked(t, dir) {
		content, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case hasHost(module) && strings.Contains(string(content), module),
			left.Match(content),
			filepath.Base(file) == "go.mod" && inMod.Match(content):
			t.Errorf("%s still has %s", file, module)
		}
		if filepath.Ext(file) != ".go" {
			continue
		}
		if formatted, err := format.Source(content); err != nil || string(formatted) != string(content) {
			t.Errorf("%s is not as gofmt has it: %v", file, err)
		}
	}
}

func tracked(t *testing.T, dir string) []string {
	t.Helper()
	list := command(t, dir, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	return slices.DeleteFunc(strings.Split(list, "\x00"), func(file string) bool { return file == "" })
}

func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, &stderr)
	}
	return string(out)
}

// Package architecture_test compares the project's imports with the table in docs/design.md,
// and checks what the builder's programs link.
package architecture_test

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"ccaas-template-builder/internal/docpage"
)

// module is the path of the module, with a slash at the end.
var module = func() string {
	info, _ := debug.ReadBuildInfo()
	return info.Main.Path + "/"
}()

// imports returns the direct imports of all packages that our packages depend on, ours
// included. Folders that contain only tests are left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,GoFiles", "./...")
	list.Dir = "../.."
	list.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	graph := map[string][]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			ImportPath string
			Imports    []string
			GoFiles    []string
		}
		if err := decoder.Decode(&pkg); err == io.EOF {
			return graph
		} else if err != nil {
			t.Fatal(err)
		}
		if len(pkg.GoFiles) > 0 {
			graph[pkg.ImportPath] = pkg.Imports
		}
	}
}

// allowed returns the table of docs/design.md: for each folder, the folders of ours that it
// may import.
func allowed(t *testing.T) map[string][]string {
	t.Helper()
	rows := regexp.MustCompile("(?m)^\\| (`[a-z].*`) \\| .* \\| (.*) \\|$").FindAllStringSubmatch(docpage.Read(t, "docs/design.md"), -1)
	table := map[string][]string{}
	for _, row := range rows {
		for _, folder := range strings.Split(strings.ReplaceAll(row[1], "`", ""), ", ") {
			table[folder] = strings.Split(row[2], ", ")
		}
	}
	return table
}

// permits reports whether a row of the table lets folder import other.
func permits(folder string, row []string, other string) bool {
	return slices.ContainsFunc(row, func(may string) bool {
		switch may {
		case "internal", "pkg":
			return strings.HasPrefix(other, may+"/")
		case "its step":
			return other == strings.Replace(folder, "cmd/", "internal/step/", 1)
		case "templates":
			return other == may
		}
		return other == "pkg/"+may || other == "internal/"+may
	})
}

func TestImports(t *testing.T) {
	table := allowed(t)
	found := 0
	for pkg, imported := range imports(t) {
		folder, ours := strings.CutPrefix(pkg, module)
		if !ours || strings.HasPrefix(folder, "examples/") {
			continue
		}
		row, ok := table[folder]
		if !ok {
			t.Errorf("%s is not in the table of docs/design.md", folder)
			continue
		}
		found++
		for _, other := range imported {
			if other, ours := strings.CutPrefix(other, module); ours && !permits(folder, row, other) {
				t.Errorf("%s imports %s, which the table of docs/design.md does not allow", folder, other)
			}
		}
	}
	if found != len(table) {
		t.Errorf("the table of docs/design.md has %d folders, %d of them exist", len(table), found)
	}
}

// The peer runs detect for every package that is installed, and release computes nothing, so
// neither may link anything that makes a program slow to start. None of the three uses a
// network.
func TestPrograms(t *testing.T) {
	graph := imports(t)
	network := []string{"google.golang.org/grpc", "github.com/spf13/cobra", "net/http"}
	slow := append([]string{"github.com/Masterminds/sprig/v3", "github.com/go-playground/validator/v10", "text/template", "crypto/x509"}, network...)
	for program, forbidden := range map[string][]string{"detect": slow, "release": slow, "build": network} {
		for _, pkg := range forbidden {
			if path := path(graph, module+"cmd/"+program, pkg); path != nil {
				t.Errorf("%s links %s: %s", program, pkg, strings.Join(path, " → "))
			}
		}
	}
	if path(graph, module+"cmd/build", "github.com/Masterminds/sprig/v3") == nil {
		t.Error("build does not link sprig, so this test sees nothing")
	}
}

// Only ccaas talks to peers. No other program or package of ours links Hyperledger's
// libraries.
func TestHyperledger(t *testing.T) {
	graph := imports(t)
	linked := func(from string) []string {
		for pkg := range graph {
			if strings.HasPrefix(pkg, "github.com/hyperledger/") {
				if path := path(graph, from, pkg); path != nil {
					return path
				}
			}
		}
		return nil
	}
	for pkg := range graph {
		folder, ours := strings.CutPrefix(pkg, module)
		if ours && folder != "cmd/ccaas" && folder != "internal/lifecycle" {
			if path := linked(pkg); path != nil {
				t.Errorf("%s links Hyperledger's libraries: %s", folder, strings.Join(path, " → "))
			}
		}
	}
	if linked(module+"cmd/ccaas") == nil {
		t.Error("ccaas does not link Hyperledger's libraries, so this test sees nothing")
	}
}

// path returns a shortest chain of imports from one package to another, or nil.
func path(graph map[string][]string, from, to string) []string {
	came := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == to {
			var path []string
			for pkg := to; pkg != ""; pkg = came[pkg] {
				path = append([]string{pkg}, path...)
			}
			return path
		}
		for _, next := range graph[queue[0]] {
			if _, seen := came[next]; !seen {
				came[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// Command mutants checks the tests of the packages that decide about secrets, templates, connections,
// archives and files. It uses gremlins to change one operator at a time, and to run the tests of the
// package on each such mutant. It fails if a mutant lives, which means that no test notices it, and
// living.txt does not say why.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const gremlins = "github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0"

// packages lists the packages that are tested if the command line names none.
var packages = []string{
	"internal/pemtext", "pkg/environ", "internal/render", "pkg/template", "internal/safefile",
	"pkg/archive", "pkg/chaincode", "pkg/connection", "pkg/refresh",
}

// leftOut matches the files that are left out: those of pkg/refresh that decide nothing, and those
// that are not compiled on Linux.
const leftOut = `^(refresh|changes|.*_other)\.go$`

func main() {
	of := os.Args[1:]
	if len(of) == 0 {
		of = packages
	}
	if err := run(of); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(packages []string) error {
	if os.Getuid() != 0 {
		return errors.New("must run as root: other users skip the tests of what root does")
	}
	text, err := os.ReadFile("internal/mutants/living.txt")
	if err != nil {
		return err
	}
	known, err := parse(string(text))
	if err != nil {
		return err
	}
	var errs []error
	var killed, all int
	for _, dir := range packages {
		mutants, err := test(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		living := living(mutants)
		fmt.Printf("%-20s %4d of %4d killed\n", dir, len(mutants)-len(living), len(mutants))
		killed, all = killed+len(mutants)-len(living), all+len(mutants)
		errs = append(errs, compare(known, dir, mutants))
	}
	fmt.Printf("%-20s %4d of %4d killed\n", "all", killed, all)
	if 100*killed < 95*all {
		errs = append(errs, errors.New("fewer than 95 of 100 are killed"))
	}
	return errors.Join(errs...)
}

// mutant is a change of the code and the result of the tests.
type mutant struct {
	name   string // FILE: KIND: the line, with » before the change
	line   int
	status string
}

// test runs gremlins on a package.
func test(dir string) ([]mutant, error) {
	tmp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	goCommand, err := exec.LookPath("go")
	if err != nil {
		return nil, err
	}
	wrapper, err := filepath.Abs("internal/mutants/bin")
	if err != nil {
		return nil, err
	}
	output := filepath.Join(tmp, "result.json")
	// gremlins is installed, because go run would put the real go before ours in PATH.
	install := exec.Command(goCommand, "install", gremlins)
	install.Env = append(os.Environ(), "GOBIN="+tmp)
	if out, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	// The time limit of a mutant is a multiple of the time that the tests take, so their results must
	// not come from the cache. -short skips tests that take seconds or notice a mutant only by chance.
	command := exec.Command(filepath.Join(tmp, "gremlins"), "unleash", "./"+dir, "-o", output,
		"--workers", "2", "--timeout-coefficient", "8", "-E", leftOut)
	command.Env = append(os.Environ(), "REAL_GO="+goCommand, "PATH="+wrapper+":"+os.Getenv("PATH"),
		`GOFLAGS=-count=1 -short -vet=off -trimpath -buildvcs=false "-ldflags=-s -w"`, "TMPDIR="+tmp)
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	data, err := os.ReadFile(output)
	if err != nil {
		return nil, err
	}
	return decode(data, dir)
}

// decode reads the result of gremlins. It leaves out mutants that do not compile.
func decode(data []byte, dir string) ([]mutant, error) {
	var result struct {
		Files []struct {
			Name      string `json:"file_name"`
			Mutations []struct {
				Type, Status string
				Line, Column int
			}
		}
	}
	if err := json.Unmarshal(data, &result); err != nil {
		return nil, err
	}
	var mutants []mutant
	for _, file := range result.Files {
		name := filepath.ToSlash(filepath.Join(dir, filepath.Base(file.Name)))
		source, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		lines := strings.Split(string(source), "\n")
		for _, m := range file.Mutations {
			if m.Status == "NOT VIABLE" || m.Line > len(lines) || m.Column > len(lines[m.Line-1]) {
				continue
			}
			line := lines[m.Line-1]
			marked := strings.TrimSpace(line[:m.Column-1] + "»" + line[m.Column-1:])
			mutants = append(mutants, mutant{name + ": " + m.Type + ": " + marked, m.Line, m.Status})
		}
	}
	return mutants, nil
}

// living returns the mutants that no test noticed. A mutant whose tests do not end counts as noticed.
func living(mutants []mutant) []mutant {
	return slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool {
		return m.status == "KILLED" || m.status == "TIMED OUT"
	})
}

// compare reports each mutant of a package that lives but is not known, and each known mutant that
// does not exist. A known mutant that was killed is not an error: some are killed only by chance.
func compare(known map[string]string, dir string, mutants []mutant) error {
	var errs []error
	for _, m := range living(mutants) {
		if known[m.name] == "" {
			errs = append(errs, fmt.Errorf("lives, at line %d: %s", m.line, m.name))
		}
	}
	for name := range known {
		exists := slices.ContainsFunc(mutants, func(m mutant) bool { return m.name == name })
		if filepath.ToSlash(filepath.Dir(name[:strings.Index(name, ":")])) == dir && !exists {
			errs = append(errs, fmt.Errorf("is in living.txt, but there is no such mutant: %s", name))
		}
	}
	return errors.Join(errs...)
}

// parse reads living.txt: each mutant is on a line that is not indented, and the indented lines below
// say why it lives. Lines that begin with # are comments.
func parse(text string) (known map[string]string, err error) {
	known = map[string]string{}
	name := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch reason, indented := strings.CutPrefix(line, "\t"); {
		case line == "" || line[0] == '#':
		case indented && name != "":
			known[name] += reason + "\n"
		case indented || known[line] != "" || !strings.Contains(line, "»"):
			return nil, fmt.Errorf("living.txt: %q is not a mutant", line)
		default:
			name = line
			known[name] = ""
		}
	}
	for name, reason := range known {
		if reason == "" {
			return nil, fmt.Errorf("living.txt: there is no reason for %q", name)
		}
	}
	return known, nil
}

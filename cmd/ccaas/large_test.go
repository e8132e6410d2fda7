package main_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ccaas-template-builder/pkg/coreyaml"
)

// many is nearly as many files as a package may have.
const many = 19_000

// large returns a package of 60 MiB that does not compress, with this number of files.
func large(t *testing.T, files int) string {
	t.Helper()
	random := rand.NewChaCha8([32]byte{})
	entries := []entry{file("connection.json", goodDocument)}
	content := make([]byte, 60<<20/files)
	for i := range files {
		_, _ = random.Read(content) // never fails
		entries = append(entries, file(fmt.Sprint(i), string(content)))
	}
	return withCode(t, entries...)
}

// inFolder returns a folder with the package, a peer's variables and core.yaml, and an empty TMPDIR.
func inFolder(t *testing.T, data string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	coreYAML := fmt.Sprintf("chaincode:\n  externalBuilders:\n    - name: %s\n      path: %s\n", coreyaml.DefaultName, builder)
	for name, content := range map[string]string{
		"p.tgz": data, "p.env": "TMPDIR=" + dir + "/scratch", "core.yaml": coreYAML,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "scratch"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// opening lists the verbs that open a package, with their arguments. Those that do not unpack
// it come first.
var opening = [][]string{
	{"inspect", "p.tgz"},
	{"lint", "p.tgz"},
	{"render", "p.tgz"},
	{"coreyaml", "p.tgz"},
	{"calculatepackageid", "p.tgz"},
	{"doctor", "--package", "p.tgz", "--core-yaml", "core.yaml", "--env-file", "p.env"},
	{"simulate", "p.tgz", "--peer", "p=p.env"},
}

// unpacking lists those that unpack it.
var unpacking = opening[len(opening)-2:]

func unpacks(args []string) bool { return args[0] == unpacking[0][0] || args[0] == unpacking[1][0] }

// requireTime skips a slow test unless make test runs it.
func requireTime(t *testing.T) {
	t.Helper()
	if os.Getenv("LONG_TEST") == "" {
		t.Skip("make test runs it")
	}
}

// A package of the maximum size costs no more than a hostile one. Neither does one with nearly as
// many headers as possible.
func TestLargePackage(t *testing.T) {
	requireTime(t)
	headers := slices.Repeat([]entry{pax()}, 45_000)
	code := pack(t, append(headers, file("connection.json", goodDocument))...)
	for name, data := range map[string]string{
		"1": large(t, 1), "many": large(t, many),
		"headers": pack(t, append(headers, file("metadata.json", goodMetadata), file("code.tar.gz", code))...),
	} {
		dir := inFolder(t, data)
		for _, args := range opening {
			if unpacks(args) && name == "many" {
				continue // the time for so many files depends on the file system
			}
			t.Run(args[0]+" "+name, func(t *testing.T) {
				if printed, status := bounded(t, dir, "ccaas", args...); status != 0 {
					t.Errorf("fails: %.1000s", printed)
				}
			})
		}
	}
}

// A core.yaml of the maximum size costs no more than a hostile package. Neither does a package
// that reads as many variables as possible.
func TestLargeCoreYAML(t *testing.T) {
	requireTime(t)
	const n = 900_000 // bytes; leaves room for the variables of the package
	named := fmt.Sprintf("- name: %s\n      path: /x\n", coreyaml.DefaultName)
	for form, text := range map[string]string{
		"keys":      "chaincode:\n  externalBuilders:\n    " + named + "vm:\n" + numbered("  key%: x\n", n/14),
		"variables": "chaincode:\n  externalBuilders:\n    " + named + "      propagateEnvironment:\n" + numbered("      - VARIABLE_%\n", n/23),
	} {
		dir := inFolder(t, address(t, numbered("{{.Env.A%}}", 4500)))
		if len(text) > coreyaml.MaxFile || len(text) < coreyaml.MaxFile*3/4 {
			t.Errorf("%s has %d bytes", form, len(text))
		}
		for _, args := range [][]string{
			{"lint", "p.tgz", "--core-yaml", "core.yaml"}, {"coreyaml", "p.tgz", "--patch", "core.yaml"},
		} {
			t.Run(form+" "+args[0], func(t *testing.T) {
				if err := os.WriteFile(filepath.Join(dir, "core.yaml"), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				printed, status := bounded(t, dir, "ccaas", args...)
				if (status == 0) != (args[0] == "coreyaml") || strings.Contains(printed, "CCB053") {
					t.Errorf("status %d: %.1000s", status, printed)
				}
			})
		}
	}
}

// Only doctor and simulate unpack packages. The other verbs need no temporary folder.
func TestNoDiskToLook(t *testing.T) {
	dir := inFolder(t, document(t, goodDocument))
	if err := os.Remove(filepath.Join(dir, "scratch")); err != nil {
		t.Fatal(err)
	}
	for _, args := range opening {
		if printed, status := bounded(t, dir, "ccaas", args...); (status == 0) == unpacks(args) {
			t.Errorf("%s: status %d, %s", args[0], status, printed)
		}
	}
}

// However far a verb has come when it is interrupted, it stops, fails, and leaves nothing in
// TMPDIR.
func TestInterrupted(t *testing.T) {
	requireTime(t)
	t.Parallel()
	data := large(t, many)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		for _, args := range opening {
			if args[0] == "calculatepackageid" {
				continue // it ends before it can be interrupted
			}
			for _, after := range []time.Duration{0, 100 * time.Millisecond} {
				t.Run(fmt.Sprint(signal, args[0], after), func(t *testing.T) {
					run := begin(t, data, args)
					time.Sleep(after)
					run.interrupt(signal)
				})
			}
		}
		for _, args := range unpacking {
			for _, unpacked := range []int{1, 5000} {
				t.Run(fmt.Sprint(signal, args[0], unpacked), func(t *testing.T) {
					run := begin(t, data, args)
					for run.unpacked() < unpacked {
						time.Sleep(time.Millisecond)
					}
					run.interrupt(signal)
				})
			}
		}
	}
}

// running is a verb that was started.
type running struct {
	*testing.T
	dir     string
	cmd     *exec.Cmd
	printed bytes.Buffer
	done    chan error
}

func begin(t *testing.T, data string, args []string) *running {
	t.Helper()
	r := &running{T: t, dir: inFolder(t, data), done: make(chan error, 1)}
	r.cmd = exec.CommandContext(t.Context(), filepath.Join(builder, "bin", "ccaas"), args...)
	r.cmd.Dir, r.cmd.Env = r.dir, []string{"PATH=/bin", "TMPDIR=" + r.dir + "/scratch"}
	r.cmd.Stdout, r.cmd.Stderr = &r.printed, &r.printed
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.done <- r.cmd.Wait() }()
	return r
}

// unpacked returns how many of the unpacked files there are now.
func (r *running) unpacked() int {
	found, _ := filepath.Glob(filepath.Join(r.dir, "scratch", "fabric-*", "src"))
	if len(found) == 0 {
		return 0
	}
	folder, err := os.Open(found[0])
	if err != nil {
		return 0
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1)
	return len(names)
}

func (r *running) interrupt(signal syscall.Signal) {
	r.Helper()
	before := r.unpacked()
	if err := r.cmd.Process.Signal(signal); err != nil {
		r.Fatal(err)
	}
	most := 0
	for ended := false; !ended; {
		select {
		case err := <-r.done:
			ended = true
			if status := r.cmd.ProcessState; err == nil {
				r.Errorf("succeeds: %.1000s", &r.printed)
			} else if status.Exited() && r.printed.String() != "ccaas: error: interrupted\n" {
				r.Errorf("%s: %.1000s", status, &r.printed)
			}
		case <-time.After(5 * time.Millisecond):
			most = max(most, r.unpacked())
		}
	}
	if most > before+many/4 {
		r.Errorf("unpacks %d more files", most-before)
	}
	if left, _ := os.ReadDir(filepath.Join(r.dir, "scratch")); len(left) > 0 {
		r.Errorf("left in TMPDIR: %v", left)
	}
}

package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ccaas-template-builder/internal/must"
	"ccaas-template-builder/pkg/coreyaml"
)

// patched is a folder with a core.yaml and the package folders a to d, which read the
// variables A to D.
type patched struct {
	*testing.T
	install
}

const before = "chaincode:\n  mode: net\n"

func newPatched(t *testing.T) patched {
	t.Helper()
	p := patched{t, install{dir: t.TempDir(), env: []string{"PATH=" + os.Getenv("PATH")}}}
	for _, name := range []string{"a", "b", "c", "d"} {
		if err := os.Mkdir(filepath.Join(p.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		p.write(name+"/connection.json", `{"address":"{{ .Env.`+strings.ToUpper(name)+` }}:1","tls_required":false}`)
	}
	p.write("core.yaml", before)
	return p
}

func (p patched) write(name, content string) {
	p.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o640); err != nil {
		p.Fatal(err)
	}
}

func (p patched) read(name string) string {
	p.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		p.Fatal(err)
	}
	return string(data)
}

// files returns the names of the files in the folder that begin with core.yaml, hidden ones
// included.
func (p patched) files() (names []string) {
	p.Helper()
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		p.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(strings.TrimPrefix(e.Name(), "."), "core.yaml") {
			names = append(names, e.Name())
		}
	}
	return names
}

// variables returns the variables that the builder gets.
func (p patched) variables() []string {
	p.Helper()
	b, _, err := coreyaml.Find(must.Get(coreyaml.Parse([]byte(p.read("core.yaml"))))(p), coreyaml.DefaultName)
	if err != nil {
		p.Error(err)
	}
	return b.PropagateEnvironment
}

// If several patches of one file run at the same time, each has an effect, and each keeps the
// file that it has replaced.
func TestPatchesAtOnce(t *testing.T) {
	t.Parallel()
	p := newPatched(t)
	for range 8 {
		for _, name := range p.files() {
			if err := os.Remove(filepath.Join(p.dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		p.write("core.yaml", before)
		var patches []*exec.Cmd
		for _, name := range []string{"a", "b", "c", "d"} {
			cmd := exec.CommandContext(t.Context(), filepath.Join(builder, "bin/ccaas"), "coreyaml", name, "--patch", "core.yaml")
			cmd.Dir, cmd.Stderr = p.dir, new(bytes.Buffer)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			patches = append(patches, cmd)
		}
		for _, cmd := range patches {
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %s", err, cmd.Stderr)
			}
		}
		for _, name := range []string{"A", "B", "C", "D"} {
			if got := p.variables(); !slices.Contains(got, name) {
				t.Errorf("%s is lost: %v", name, got)
			}
		}
		if got, want := p.files(), []string{"core.yaml", "core.yaml.bak", "core.yaml.bak.1", "core.yaml.bak.2", "core.yaml.bak.3"}; !slices.Equal(got, want) {
			t.Errorf("there are %v, want %v", got, want)
		}
		if got := p.read("core.yaml.bak"); got != before {
			t.Errorf("the first has kept %q", got)
		}
	}
}

const patchCommand = "ccaas coreyaml a --patch core.yaml"

// A patch that is killed at any system call has changed everything or nothing, and the next
// one removes what it has left.
func TestKilledPatch(t *testing.T) {
	t.Parallel()
	needStrace(t)
	p := newPatched(t)
	after := string(must.Get(must.Get(coreyaml.Read([]byte(before)))(t).Patch(coreyaml.Builder{Name: coreyaml.DefaultName, Path: "/opt/ccaas-template-builder",
		PropagateEnvironment: []string{"A", "CCAAS_ENV_DIR", "CCAAS_REQUIRE_TLS", "CCAAS_TYPES", "CORE_CHAINCODE_TIMEOUT", "CORE_PEER_CC_BUILDER_LOG_LEVEL"}}))(t))
	kills, unfinished := 0, 0
	for _, call := range []string{"flock", "fchown", "fchmod", "fsync", "renameat", "unlinkat", "write"} {
		for n, killed := 1, true; killed && n < 60; n++ {
			for _, name := range p.files() {
				os.Remove(filepath.Join(p.dir, name))
			}
			p.write("core.yaml", before)
			if killed = p.killed(t, patchCommand, call, n); killed {
				kills++
			}
			when := fmt.Sprintf("killed at %s %d", call, n)
			if got := p.read("core.yaml"); got != before && got != after {
				t.Errorf("%s: it is %q", when, got)
			}
			if slices.ContainsFunc(p.files(), func(name string) bool { return strings.HasPrefix(name, ".") }) {
				unfinished++
			}
			if out, err := p.run(builder + "/bin/" + patchCommand); err != nil {
				t.Fatal(when, err, out)
			}
			if got := p.read("core.yaml"); got != after {
				t.Errorf("%s, and patched: it is %q", when, got)
			}
			for _, name := range p.files() {
				if got := p.read(name); name != "core.yaml" && (!strings.HasPrefix(name, "core.yaml.bak") || got != before) {
					t.Errorf("%s, and patched: %s is %q", when, name, got)
				}
			}
		}
	}
	if kills < 8 || unfinished < 5 {
		t.Errorf("it was killed %d times, %d of them while it wrote a file", kills, unfinished)
	}
}

// A change that another program makes during a patch is not lost.
func TestChangedDuringPatch(t *testing.T) {
	t.Parallel()
	needStrace(t)
	const changed = before + "vm: {}\n"
	for name, test := range map[string]struct {
		change func(p patched) error
		want   string
	}{
		"written to": {func(p patched) error { p.write("core.yaml", changed); return nil }, changed},
		"same size":  {func(p patched) error { p.write("core.yaml", strings.Replace(before, "net", "dev", 1)); return nil }, strings.Replace(before, "net", "dev", 1)},
		"replaced": {func(p patched) error {
			p.write("new", changed)
			return os.Rename(filepath.Join(p.dir, "new"), filepath.Join(p.dir, "core.yaml"))
		}, changed},
		"replaced by the same": {func(p patched) error {
			p.write("new", before)
			return os.Rename(filepath.Join(p.dir, "new"), filepath.Join(p.dir, "core.yaml"))
		}, before},
		"other mode": {func(p patched) error { return os.Chmod(filepath.Join(p.dir, "core.yaml"), 0o600) }, before},
		"removed":    {func(p patched) error { return os.Remove(filepath.Join(p.dir, "core.yaml")) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatched(t)
			out := p.stopped("renameat", func() error { return test.change(p) })
			if !strings.Contains(out, `ccaas: error: "core.yaml": cannot be replaced: another program has changed it in the meantime`) || !strings.Contains(out, "hint: look at the change, and run this again") {
				t.Errorf("it printed %q", out)
			}
			switch {
			case test.want == "":
				if left := p.files(); len(left) > 0 {
					t.Errorf("there are %v", left)
				}
			case p.read("core.yaml") != test.want:
				t.Errorf("it is %q", p.read("core.yaml"))
			case len(p.files()) != 1:
				t.Errorf("there are %v", p.files())
			}
		})
	}
}

// stopped runs a patch, stops it at its first system call of this name, runs meanwhile, and
// continues the patch. The patch must fail. stopped returns its output.
func (p patched) stopped(call string, meanwhile func() error) string {
	p.Helper()
	log := filepath.Join(p.dir, "log")
	cmd := exec.CommandContext(p.Context(), "sh", "-c", "exec strace -f -o log -e trace="+call+" -e inject="+call+":signal=STOP:when=1 "+builder+"/bin/"+patchCommand)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = p.dir, p.env, &syscall.SysProcAttr{Setpgid: true}
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if text, _ := os.ReadFile(log); bytes.Contains(text, []byte("stopped by SIGSTOP")) {
			break
		}
		if time.Now().After(deadline) {
			p.Fatal("it was never stopped")
		}
	}
	if err := errors.Join(meanwhile(), syscall.Kill(-cmd.Process.Pid, syscall.SIGCONT)); err != nil {
		p.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		p.Errorf("it did not fail: %s", &printed)
	}
	return printed.String()
}

package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ccaas-template-builder/internal/testpki"
)

// install is a package with a client certificate and an index, unpacked as a peer unpacks it,
// and the environment that it needs.
type install struct {
	dir   string
	env   []string
	named []string // the files and folders whose paths are in variables
}

func newInstall(t *testing.T) install {
	t.Helper()
	now := time.Now()
	id, err := testpki.CA("ca", now)
	if err != nil {
		t.Fatal(err)
	}
	i := install{dir: t.TempDir()}
	for name, content := range map[string]string{
		"src/connection.json":                         `{"client_auth_required":true,"client_cert":"{{ envFile \"CERT_FILE\" }}","address":"{{ .Env.HOST }}:1"}`,
		"src/META-INF/statedb/couchdb/indexes/a.json": `{"index":{"fields":["a"]}}`,
		"metadata/metadata.json":                      goodMetadata,
		"pki/cert":                                    id.Cert,
		"pki/key":                                     id.Key,
		"values/HOST":                                 "cc",
		"scratch/.keep":                               "",
	} {
		path := filepath.Join(i.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	i.named = []string{i.dir + "/pki/cert", i.dir + "/pki/key", i.dir + "/values", i.dir + "/scratch"}
	i.env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + i.dir + "/scratch", "CCAAS_ENV_DIR=" + i.dir + "/values", "CERT_FILE=" + i.dir + "/pki/cert",
		"CORE_CHAINCODE_ROOT_CERT_FILE=" + i.dir + "/pki/cert", "CORE_CHAINCODE_TLS_CLIENT_KEY_FILE=" + i.dir + "/pki/key"}
	return i
}

// folder makes an empty folder. It removes what was there before.
func (i install) folder(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(i.dir, name)
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o777); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a command line in the folder of the install, with its environment.
func (i install) run(line string, more ...string) (string, error) {
	cmd := exec.Command("sh", "-c", "exec "+line)
	if umask, rest, ok := strings.Cut(line, ";"); ok {
		cmd = exec.Command("sh", "-c", umask+"; exec "+rest)
	}
	cmd.Dir, cmd.Env = i.dir, append(i.env, more...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func needStrace(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "true").CombinedOutput(); err != nil {
		t.Skipf("strace cannot be used here: %v %s", err, out)
	}
}

// inject returns the first part of a command line: strace, which makes calls of one name fail
// as described by fault. The program is stopped at no other calls. This is not possible for
// faults that are signals.
func inject(log, fault string) string {
	call, _, _ := strings.Cut(fault, ":")
	return "strace -f --seccomp-bpf -o " + log + " -e trace=" + call + " -e inject=" + fault + " "
}

// The same package and values give the same bytes and modes, whatever the time zone, language
// and umask are.
func TestSameOutput(t *testing.T) {
	t.Parallel()
	i := newInstall(t)
	var want []byte
	for n := range 100 {
		out := i.folder(t, "out")
		printed, err := i.run([]string{"umask 000", "umask 022", "umask 077"}[n%3]+"; "+builder+"/bin/build src metadata out",
			"TZ="+[]string{"", "UTC", "Asia/Tokyo", ":/nowhere"}[n%4], "LANG="+[]string{"C", "tr_TR.UTF-8", "ja_JP"}[n%3], "LC_ALL="+[]string{"C", "de_DE"}[n%2])
		if err != nil {
			t.Fatal(err, printed)
		}
		got, err := os.ReadFile(filepath.Join(out, "connection.json"))
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("run %d wrote\n%swant\n%s", n, got, want)
		}
		checkModes(t, out)
	}
}

// checkModes checks that every file below dir has mode 0600 and every folder 0700.
func checkModes(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if mode := info.Mode(); mode != 0o600 && mode != fs.ModeDir|0o700 {
			t.Errorf("%s has mode %s", path, mode)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

var (
	syscallLine = regexp.MustCompile(`^\d+ +(\w+)\((.*)`)
	openedPath  = regexp.MustCompile(`^(?:AT_FDCWD|\d+)<([^>]*)>, "([^"]*)"`)
)

// No program uses a network, or opens files that are not in its arguments, in TMPDIR or named
// by a variable.
func TestHermetic(t *testing.T) {
	t.Parallel()
	needStrace(t)
	i := newInstall(t)
	i.folder(t, "out")
	i.folder(t, "release")
	for _, command := range []string{"detect src metadata", "build src metadata out", "release out release"} {
		program, _, _ := strings.Cut(command, " ")
		log := filepath.Join(i.dir, program+".strace")
		if out, err := i.run("strace -f --seccomp-bpf -y -s 4096 -e trace=%network,open,openat,openat2,creat -o " + log + " " + builder + "/bin/" + command); err != nil {
			t.Fatal(err, out)
		}
		allowed := slices.Clone(i.named)
		for _, arg := range strings.Fields(command)[1:] {
			allowed = append(allowed, filepath.Join(i.dir, arg))
		}
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		opened := 0
		for line := range strings.Lines(string(text)) {
			call := syscallLine.FindStringSubmatch(line)
			if call == nil {
				continue // a signal, an exit or the end of a call
			}
			path := openedPath.FindStringSubmatch(call[2])
			if path == nil {
				t.Errorf("%s calls %s", program, line)
				continue
			}
			opened++
			file := path[2]
			if !filepath.IsAbs(file) {
				file = filepath.Join(path[1], file)
			}
			if !mayOpen(allowed, file) {
				t.Errorf("%s opens %s", program, file)
			}
		}
		if opened < 2 {
			t.Errorf("%s was seen to open %d files", program, opened)
		}
	}
}

// mayOpen reports whether file is one of those allowed, is below one of them, or is read by
// the Go runtime when it starts.
func mayOpen(allowed []string, file string) bool {
	if strings.HasPrefix(file, "/sys/kernel/mm/") || strings.HasPrefix(file, "/sys/fs/cgroup/") ||
		slices.Contains([]string{"/proc/self/cgroup", "/proc/self/mountinfo", "/proc/self/auxv"}, file) {
		return true
	}
	return slices.ContainsFunc(allowed, func(a string) bool { return file == a || strings.HasPrefix(file, a+"/") })
}

// writing lists the system calls that create and write files.
var writing = []string{"openat", "mkdirat", "write", "copy_file_range", "fsync", "close", "renameat"}

// interrupted lists the programs that write, each with its output folder and the path of the
// connection in it.
var interrupted = []struct{ command, out, target string }{
	{"build src metadata out", "out", "out/connection.json"},
	{"release good release", "release", "release/chaincode/server/connection.json"},
}

// good returns the connection that an undisturbed build makes. Its output is in the folder
// good.
func (i install) good(t *testing.T) []byte {
	t.Helper()
	i.folder(t, "good")
	if out, err := i.run(builder + "/bin/build src metadata good"); err != nil {
		t.Fatal(err, out)
	}
	want, err := os.ReadFile(filepath.Join(i.dir, "good/connection.json"))
	if err != nil {
		t.Fatal(err)
	}
	return want
}

// A program that is killed at any system call leaves its connection.json whole or not at all,
// and no file that others could read.
func TestKilled(t *testing.T) {
	t.Parallel()
	needStrace(t)
	i := newInstall(t)
	want := i.good(t)
	for _, p := range interrupted {
		t.Run(p.command, func(t *testing.T) {
			t.Parallel()
			for _, call := range writing {
				for n := 1; i.kill(t, p.command, p.out, p.target, call, n, want); n++ {
				}
			}
			// A program that is killed before the rename has already written the whole file
			// elsewhere.
			i.kill(t, p.command, p.out, p.target, "renameat", 1, want)
			written, _ := filepath.Glob(filepath.Join(i.dir, filepath.Dir(p.target), ".connection.json*"))
			if len(written) != 1 {
				t.Errorf("it was killed before the rename and left %v", written)
			}
		})
	}
}

// kill runs a program, kills it as killed does, and checks what it leaves. It reports whether
// the program was killed.
func (i install) kill(t *testing.T, command, out, target, call string, n int, want []byte) bool {
	t.Helper()
	dir := i.folder(t, out)
	killed := i.killed(t, command, call, n)
	checkModes(t, dir)
	got, missing := os.ReadFile(filepath.Join(i.dir, target))
	if missing == nil && !bytes.Equal(got, want) || !killed && missing != nil {
		t.Errorf("%s, killed at %s %d, left %d bytes, %v", command, call, n, len(got), missing)
	}
	return killed
}

// killed runs a program and kills it when one of its threads makes a system call for the nth
// time. It reports whether that happened. The program must not fail otherwise.
func (i install) killed(t *testing.T, command, call string, n int) bool {
	t.Helper()
	out, err := i.run(fmt.Sprintf("umask 000; strace -f -o /dev/null -e trace=%s -e inject=%s:signal=KILL:when=%d %s/bin/%s", call, call, n, builder, command))
	var exit *exec.ExitError
	killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	if err != nil && !killed {
		t.Fatalf("%s, to be killed at %s %d: %v %s", command, call, n, err, out)
	}
	return killed
}

// A program that is told to stop at any system call leaves all of its output, or none and an
// error.
func TestToldToStop(t *testing.T) {
	t.Parallel()
	needStrace(t)
	i := newInstall(t)
	i.good(t)
	for _, p := range interrupted {
		t.Run(p.command, func(t *testing.T) {
			t.Parallel()
			stopped := 0
			for _, call := range writing {
				for n := 1; n < 40 && i.tell(t, p.command, p.out, p.target, call, n); n++ {
					stopped++
				}
			}
			if stopped < 10 {
				t.Errorf("it was told to stop %d times", stopped)
			}
		})
	}
}

// tell runs a program and sends it SIGTERM when one of its threads makes a system call for the
// nth time. It reports whether that happened.
func (i install) tell(t *testing.T, command, out, target, call string, n int) bool {
	t.Helper()
	dir, log := i.folder(t, out), filepath.Join(i.dir, out+".strace")
	inject := fmt.Sprintf("strace -f -o %s -e trace=%s -e inject=%s:signal=TERM:when=%d ", log, call, call, n)
	said, err := i.run(inject + builder + "/bin/" + command)
	text, readErr := os.ReadFile(log)
	if readErr != nil {
		t.Fatal(readErr)
	}
	when := fmt.Sprintf("%s, told to stop at %s %d,", command, call, n)
	var exit *exec.ExitError
	errors.As(err, &exit)
	left, _ := os.ReadDir(dir)
	_, missing := os.Lstat(filepath.Join(i.dir, target))
	switch {
	case exit == nil && missing != nil, missing != nil && len(left) > 0, exit != nil && exit.ExitCode() == 1 && len(left) > 0:
		t.Errorf("%s left %v: %v %s", when, left, err, said)
	case exit != nil && exit.ExitCode() == 1 && !strings.Contains(said, ": error: stopped by a signal: terminated\n"):
		t.Errorf("%s said %q", when, said)
	}
	return strings.Contains(string(text), "--- SIGTERM")
}

// If a disk is full or fails, there is an error, and nothing is left.
func TestFailingDisk(t *testing.T) {
	t.Parallel()
	needStrace(t)
	i := newInstall(t)
	i.good(t)
	for _, p := range interrupted {
		for _, fault := range []string{"fchmod:error=EIO", "renameat:error=ENOSPC", "mkdirat:error=ENOSPC", "copy_file_range:error=ENOSPC"} {
			i.folder(t, p.out)
			out, err := i.run(inject("/dev/null", fault) + builder + "/bin/" + p.command)
			if err == nil || !strings.Contains(out, ": error: ") {
				t.Errorf("%s with %s: %v %s", p.command, fault, err, out)
			}
			if left, _ := os.ReadDir(filepath.Join(i.dir, p.out)); len(left) > 0 {
				t.Errorf("%s with %s left %v", p.command, fault, left)
			}
		}
	}
}

// A file or symbolic link in the place of an output is replaced. The link's target is never
// written to.
func TestPlantedLinks(t *testing.T) {
	t.Parallel()
	i := newInstall(t)
	want := i.good(t)
	victim := filepath.Join(i.dir, "victim")
	if err := os.WriteFile(victim, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	elsewhere := i.folder(t, "elsewhere")
	for _, test := range []struct {
		command, out, link, to string
		fails                  bool
	}{
		{"build src metadata out", "out", "connection.json", victim, false},
		{"build src metadata out", "out", "metadata.json", victim, true},
		{"build src metadata out", "out", "META-INF", elsewhere, true},
		{"release good release", "release", "chaincode", elsewhere, true},
		{"release good release", "release", "chaincode", ".", true},
		{"release good release", "release", "statedb", elsewhere, true},
	} {
		out := i.folder(t, test.out)
		if err := os.Symlink(test.to, filepath.Join(out, test.link)); err != nil {
			t.Fatal(err)
		}
		printed, err := i.run(builder + "/bin/" + test.command)
		if (err != nil) != test.fails {
			t.Errorf("%s with a link at %s: %v %s", test.command, test.link, err, printed)
		}
		if got, _ := os.ReadFile(victim); string(got) != "untouched" {
			t.Fatalf("%s wrote through the link at %s", test.command, test.link)
		}
		if entries, _ := os.ReadDir(elsewhere); len(entries) > 0 {
			t.Fatalf("%s wrote through the link at %s: %v", test.command, test.link, entries)
		}
		if entries, _ := os.ReadDir(out); test.fails && len(entries) != 1 {
			t.Errorf("%s with a link at %s failed and left %v", test.command, test.link, entries)
		}
		if got, err := os.ReadFile(filepath.Join(out, "connection.json")); !test.fails && (err != nil || !bytes.Equal(got, want)) {
			t.Errorf("%s did not replace the link: %v", test.command, err)
		}
	}
}

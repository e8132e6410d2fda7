package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ccaas-template-builder/internal/network"
)

// patience is how long a network may take to start, or to end, on a slow machine.
const patience = 2 * time.Minute

// run is a run of make network.
type run struct {
	t     *testing.T
	dir   string
	port  int
	cmd   *exec.Cmd
	lines chan string // the lines of its stdout
	errs  *bytes.Buffer
}

// launch runs make network in a process group of its own, like a job of a terminal.
func launch(t *testing.T, dir string, port int) *run {
	t.Helper()
	u := &run{t: t, dir: dir, port: port, lines: make(chan string, 100), errs: new(bytes.Buffer)}
	u.cmd = exec.Command("make", "-C", "../..", "network", "NETWORK="+dir, "PORT="+strconv.Itoa(port))
	u.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	u.cmd.Stderr, u.cmd.WaitDelay = u.errs, time.Second
	out, err := u.cmd.StdoutPipe()
	if err == nil {
		err = u.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(-u.cmd.Process.Pid, syscall.SIGKILL) })
	go u.scan(out)
	return u
}

func (u *run) scan(out io.Reader) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		u.lines <- lines.Text()
	}
	close(u.lines)
}

// ready waits for the line that says that the network is ready. It returns this line and those
// after it.
func (u *run) ready() (said []string) {
	u.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-u.lines:
			if !ok {
				u.t.Fatalf("make network has ended: %s", u.failure())
			}
			if len(said) > 0 || strings.HasPrefix(line, "ready") {
				said = append(said, line)
			}
			if strings.HasPrefix(line, "More to try:") {
				return said
			}
		case <-timeout:
			u.t.Fatalf("after %v, the network is not ready: %s", patience, u.errs)
		}
	}
}

// failure waits until make network has ended with an error, and returns its output.
func (u *run) failure() string {
	u.t.Helper()
	if err := u.wait(); err == nil || strings.Contains(err.Error(), "killed") {
		u.t.Fatalf("make network did not end with an error: %v", err)
	}
	return u.errs.String()
}

// wait waits until make network has ended. It kills it after patience.
func (u *run) wait() error {
	timeout := time.AfterFunc(patience, func() { syscall.Kill(-u.cmd.Process.Pid, syscall.SIGKILL) })
	defer timeout.Stop()
	for range u.lines {
	}
	return u.cmd.Wait()
}

// answers checks that each of the four peers gets its answer from its own chaincode server.
func (u *run) answers() {
	u.t.Helper()
	for _, organisation := range []string{"org1", "org2"} {
		for number := range 2 {
			want := fmt.Sprintf("notes of peer%d.%s.example.com\n", number, organisation)
			got := u.shell(organisation, number, `peer chaincode query -C mychannel -n notes -c '{"Args":["server"]}' 2>/dev/null`)
			if got != want {
				u.t.Errorf("%q has answered, want %q", got, want)
			}
		}
	}
}

// shell sources the script of an organisation for one of its peers, and runs a command.
func (u *run) shell(organisation string, number int, command string) string {
	u.t.Helper()
	argument := ""
	if number > 0 {
		argument = strconv.Itoa(number)
	}
	cmd := exec.CommandContext(u.t.Context(), "sh", "-c", fmt.Sprintf("set -- %s; . ./%s.sh && cd / && %s", argument, organisation, command))
	cmd.Dir = u.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + u.t.TempDir()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		u.t.Errorf("%s: %v: %s", command, err, out)
	}
	return string(out)
}

// gone waits until no process of the network is left and all its ports are free.
func (u *run) gone() {
	u.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		taken := u.taken()
		if taken == "" {
			return
		}
		if time.Now().After(deadline) {
			u.t.Fatalf("%s is still taken", taken)
		}
	}
}

// taken returns an address of the network at which something listens, or a file that is
// locked.
func (u *run) taken() string {
	for i := range network.Ports {
		address := net.JoinHostPort(network.Host, strconv.Itoa(u.port+i))
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return address
		}
	}
	for _, name := range []string{"lock", "group"} {
		file, err := os.Open(filepath.Join(u.dir, name))
		if err != nil {
			continue
		}
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		file.Close()
		if err != nil {
			return file.Name()
		}
	}
	return ""
}

// process returns the ID of the process that runs the network.
func (u *run) process() int {
	u.t.Helper()
	content, err := os.ReadFile(filepath.Join(u.dir, "lock"))
	if err != nil {
		u.t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(content))
	if err != nil {
		u.t.Fatal(err)
	}
	return pid
}

func down(dir string) ([]byte, error) {
	return exec.Command("make", "-C", "../..", "network-down", "NETWORK="+dir).CombinedOutput()
}

func requireNetwork(t *testing.T) (dir string, port int) {
	t.Helper()
	if os.Getenv("NETWORK_TEST") == "" {
		t.Skip("make network-test runs it")
	}
	port, err := network.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(t.TempDir(), "it's a network"), port
}

// However a network ends, and whatever else was tried in the meantime, the next one works.
func TestNetwork(t *testing.T) {
	dir, port := requireNetwork(t)
	u := launch(t, dir, port)
	if said := u.ready(); len(said) > 10 {
		t.Errorf("it says more than ten lines: %q", said)
	}
	u.answers()
	ids := u.shell("org1", 0, `ccaas calculatepackageid "$NETWORK/notes/notes.tgz"`)
	for i, organisation := range []string{"org1", "org1", "org2", "org2"} {
		if got := u.shell(organisation, i%2, "peer lifecycle chaincode queryinstalled"); !strings.Contains(got, "Package ID: "+strings.TrimSpace(ids)+",") {
			t.Errorf("%s has not installed %s: %s", organisation, ids, got)
		}
	}

	t.Log("a second network in the same folder, and one with the same ports")
	if said := launch(t, dir, port+1000).failure(); !strings.Contains(said, "a network is already running in "+dir+", as process "+strconv.Itoa(u.process())) {
		t.Errorf("it says %q", said)
	}
	other := launch(t, dir+"2", port)
	if said := other.failure(); !strings.Contains(said, fmt.Sprintf("cannot listen on 127.0.0.1:%d, for orderer.example.com: address already in use", port)) {
		t.Errorf("it says %q", said)
	}
	u.answers()

	t.Log("kill -9 of the process that runs it")
	syscall.Kill(u.process(), syscall.SIGKILL)
	u.failure()
	u.gone()

	t.Log("Ctrl-C")
	u = launch(t, dir, port)
	u.ready()
	syscall.Kill(-u.cmd.Process.Pid, syscall.SIGINT)
	if said := u.failure(); !strings.Contains(said, "network: stopping\n") {
		t.Errorf("it says %q", said)
	}
	u.gone()

	t.Log("kill -9 of all that guards it, then another")
	u = launch(t, dir, port)
	u.ready()
	group, _ := os.ReadFile(filepath.Join(dir, "group"))
	guard, _ := strconv.Atoi(string(group))
	syscall.Kill(guard, syscall.SIGKILL)
	syscall.Kill(u.process(), syscall.SIGKILL)
	u.failure()
	if u.taken() == "" {
		t.Error("all has ended: this tests nothing")
	}
	u = launch(t, dir, port)
	u.ready()
	u.answers()

	t.Log("make network-down from elsewhere")
	if out, err := down(dir); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := u.wait(); err != nil {
		t.Errorf("make network: %v: %s", err, u.errs)
	}
	u.gone()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
	if out, err := down(dir); err != nil {
		t.Errorf("where there is none: %v: %s", err, out)
	}
}

// A network that is killed while it starts does not keep the next one from starting.
func TestKilledEarly(t *testing.T) {
	dir, port := requireNetwork(t)
	for i := range 6 {
		u := launch(t, dir, port)
		time.Sleep(time.Duration(1000+i*700) * time.Millisecond)
		signal := []syscall.Signal{syscall.SIGKILL, syscall.SIGINT}[i%2]
		syscall.Kill(-u.cmd.Process.Pid, signal)
		if err := u.wait(); err == nil {
			t.Errorf("make network has ended without an error, though it got %v", signal)
		}
		u.gone()
	}
	u := launch(t, dir, port)
	u.ready()
	u.answers()
	if out, err := down(dir); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	u.wait()
}

// A folder that no network has made stays as it is.
func TestForeignFolder(t *testing.T) {
	dir, port := requireNetwork(t)
	file := filepath.Join(dir, "thesis.txt")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const want = " is not the folder of a network: use another folder, or move it away"
	if said := launch(t, dir, port).failure(); !strings.Contains(said, want) {
		t.Errorf("make network says %q", said)
	}
	if out, err := down(dir); err == nil || !strings.Contains(string(out), want) {
		t.Errorf("make network-down: %v: %s", err, out)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestRoom(t *testing.T) {
	if err := checkRoom(t.TempDir(), 1<<60); err == nil || !strings.Contains(err.Error(), " MiB free, but a network needs 1099511627776 MiB: free some space there") {
		t.Error(err)
	}
	if err := checkRoom(t.TempDir(), 1); err != nil {
		t.Error(err)
	}
}

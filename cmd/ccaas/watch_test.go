package main_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// event is a line that a watch logs.
type event struct {
	Level     string `json:"level"`
	Message   string `json:"msg"`
	PackageID string `json:"package_id"`
	Changes   string `json:"changes"`
	Errors    string `json:"errors"`
	Address   string `json:"address"`
	Changed   string `json:"changed"`
	Output    string `json:"output"`
	Again     string `json:"again_in"`
	Stage     string `json:"stage"`
}

// watch is a running ccaas refresh --watch.
type watch struct {
	t      *testing.T
	cmd    *exec.Cmd
	events chan event
	said   strings.Builder // everything that it has logged
}

func startWatch(t *testing.T, o outdated, flags string) *watch {
	t.Helper()
	return startWatchAfter(t, o, "", flags)
}

// startWatchAfter starts a watch from a shell that has run a script.
func startWatchAfter(t *testing.T, o outdated, script, flags string) *watch {
	t.Helper()
	w := &watch{t: t, events: make(chan event, 100)}
	w.cmd = exec.Command("sh", "-c", script+"exec "+builder+"/bin/"+refreshCommand+" --watch --interval 1h --listen 127.0.0.1:0 -o json"+flags)
	w.cmd.Dir, w.cmd.Env = o.dir, []string{"PATH=" + os.Getenv("PATH")}
	stderr, err := w.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.cmd.Process.Kill() })
	go func() {
		defer close(w.events)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			w.said.WriteString(lines.Text() + "\n")
			var e event
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Errorf("%v: %q", err, lines.Text())
			}
			w.events <- e
		}
	}()
	return w
}

// next returns the next event, which must have this message.
func (w *watch) next(message string) event {
	w.t.Helper()
	select {
	case e := <-w.events:
		if e.Message != message {
			w.t.Fatalf("it logged %+v, want %q", e, message)
		}
		return e
	case <-time.After(30 * time.Second):
		w.t.Fatalf("it did not log %q", message)
	}
	return event{}
}

// get returns what the watch serves at a path.
func (w *watch) get(address, path string) string {
	w.t.Helper()
	answer, err := http.Get("http://" + address + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(body)
}

// set changes the host in the connection's address.
func (o outdated) set(t *testing.T, host string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, "values/HOST"), []byte(host), 0o600); err != nil {
		t.Fatal(err)
	}
}

// swap sets the host without a moment in which there is none: a run may be under way.
func (o outdated) swap(t *testing.T, host string) {
	t.Helper()
	o.put(t, "values/.new", host)
	if err := os.Rename(o.dir+"/values/.new", o.dir+"/values/HOST"); err != nil {
		t.Fatal(err)
	}
}

// A watch replaces the connection whenever a value changes. It keeps the old one while the
// value is bad, and replaces it once the value is good again. A signal ends the watch.
func TestWatch(t *testing.T) {
	t.Parallel()
	o := newOutdated(t)
	w := startWatch(t, o, "")
	address := w.next("listening").Address
	w.next("watching")
	if e := w.next("refreshed"); e.PackageID != o.id || e.Changes != "address: cc:1 → another:1" {
		t.Errorf("got %+v", e)
	}
	upToDate := `ccaas_connection_up_to_date{package_id="` + o.id + `"} `
	if got := w.get(address, "/metrics"); !strings.Contains(got, upToDate+"1\n") || !strings.Contains(got, `key="client_cert"`) {
		t.Errorf("the metrics are %s", got)
	}
	good := contents(t, o.peer)[o.released]
	o.set(t, "a?b")
	if e := w.next("failed"); !strings.HasPrefix(e.Errors, "connection.json:1:") || strings.Contains(e.Errors, "a?b") {
		t.Errorf("got %+v", e)
	}
	if got := w.get(address, "/metrics"); !strings.Contains(got, upToDate+"0\n") {
		t.Errorf("the metrics are %s", got)
	}
	if got := contents(t, o.peer)[o.released]; got != good {
		t.Error("a connection that fails has replaced one")
	}
	o.set(t, "third")
	if e := w.next("refreshed"); e.Changes != "address: another:1 → third:1" {
		t.Errorf("got %+v", e)
	}
	if got := w.get(address, "/readyz") + w.get(address, "/healthz"); got != "ok\nok\n" {
		t.Errorf("got %q", got)
	}
	metrics := w.get(address, "/metrics")

	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	w.next("stopped")
	if _, more := <-w.events; more {
		t.Error("it logs something after the end")
	}
	if err := w.cmd.Wait(); err != nil {
		t.Errorf("a signal ends it with %v", err)
	}
	for line := range strings.Lines(contents(t, filepath.Join(o.dir, "pki"))[o.dir+"/pki/key"]) {
		if line = strings.TrimSpace(line); strings.Contains(w.said.String()+metrics, line) {
			t.Error("a line of the key was shown")
		}
	}
}

// writes lists the system calls by which a refresh could change a file. reading matches those
// of them that only read.
var (
	writes  = "openat,open,creat,mkdirat,mkdir,unlinkat,unlink,renameat,renameat2,rename,linkat,symlinkat,fchmodat,chmod,fchownat,chown,truncate"
	reading = regexp.MustCompile(`^\d+ +openat\(.*O_RDONLY`)
	named   = regexp.MustCompile(`^\d+ +\w+\((?:AT_FDCWD<([^>]*)>|\d+<([^>]*)>), "([^"]*)"`)
)

// A refresh writes only to the peer's folder, and there only to externalbuilder. Everything
// else may be read-only.
func TestRefreshWrites(t *testing.T) {
	t.Parallel()
	needStrace(t)
	o := newOutdated(t)
	log := filepath.Join(o.dir, "strace.log")
	if out, err := o.run("strace -f --seccomp-bpf -y -s 4096 -e trace=" + writes + ",%network -o " + log + " " + builder + "/bin/" + refreshCommand); err != nil {
		t.Fatal(err, out)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	for line := range strings.Lines(string(text)) {
		if !syscallLine.MatchString(line) || reading.MatchString(line) {
			continue
		}
		call := named.FindStringSubmatch(line)
		if call == nil {
			t.Errorf("it calls %s", line)
			continue
		}
		file := call[3]
		if !filepath.IsAbs(file) {
			file = filepath.Join(call[1]+call[2], file)
		}
		if !strings.HasPrefix(file, o.peer+"/externalbuilder/") {
			t.Errorf("it writes %s: %s", file, line)
		}
		written++
	}
	if written < 5 { // the lock, and two files that are created and renamed
		t.Errorf("it was seen to write %d times", written)
	}
}

// Servers are probed with the connection that is in place, whatever the refresh reports.
func TestWatchServers(t *testing.T) {
	t.Parallel()
	o := newOutdated(t)
	o.set(t, "127.0.0.1") // nobody listens on port 1 there
	w := startWatch(t, o, " --probe-interval 50ms")
	address := w.skip("listening").Address
	for e := w.skip("server down"); e.Address != "127.0.0.1:1"; e = w.skip("server down") {
		if e.Address != "cc:1" { // before the first refresh
			t.Errorf("got %+v", e)
		}
	}
	metrics := w.get(address, "/metrics")
	for _, want := range []string{`ccaas_server_up{package_id="` + o.id + `"} 0`, `ccaas_server_failed_stage{package_id="` + o.id + `",stage="connect"} 1`} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("the metrics are %s, want %s", metrics, want)
		}
	}
	w.stop(syscall.SIGTERM)
}

// Warnings about core.yaml are in the log, once each, however often the watch reads that file.
func TestWatchWarns(t *testing.T) {
	t.Parallel()
	o := newOutdated(t)
	o.put(t, "core.yaml", `chaincode:
  externalBuilders:
    - name: ccaas-template-builder
      path: /opt/ccaas-template-builder
      propagateEnvironment: [CCAAS_ENV_DIR, CERT_FILE, CORE_CHAINCODE_ROOT_CERT_FILE, CORE_CHAINCODE_TLS_CLIENT_KEY_FILE]
      propagateEnviroment: [HOST]
`)
	w := startWatch(t, o, " --core-yaml core.yaml")
	w.next("listening")
	w.next("watching")
	if e := w.next(`core.yaml: line 6: the peer does not read "propagateEnviroment" of the builder "ccaas-template-builder", did you mean "propagateEnvironment"`); e.Level != "WARN" {
		t.Errorf("got %+v", e)
	}
	w.next("refreshed")
	o.swap(t, "third")
	w.next("refreshed")
	w.stop(syscall.SIGTERM)
}

// Signals that the parent process has told it to ignore do not end a watch, such as the one at a
// logout after nohup. SIGTERM always does.
func TestWatchIgnoresSignals(t *testing.T) {
	t.Parallel()
	o := newOutdated(t)
	w := startWatchAfter(t, o, "trap '' HUP INT TERM; ", "")
	w.skip("refreshed")
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if err := w.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
	o.swap(t, "third")
	w.next("refreshed")
	w.stop(syscall.SIGTERM)
	if !w.cmd.ProcessState.Success() {
		t.Errorf("it ended with %v", w.cmd.ProcessState)
	}
}

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hook is a script for a watch to run. It fails while there is a file "fail", and hangs while
// there is a file "hang". If there is a file "change", it removes that and changes the value.
// It writes to "twice" if a process started by another run is still alive.
const hook = `test ! -e children || grep -ls '^State:.[RSD]' $(sed 's,.*,/proc/&/status,' children) >>twice
echo "$CCAAS_ADDRESS $CCAAS_CHANGED" >>ran
sleep 0.05 &
echo $! >>children
wait
if test -e hang; then
  sleep 1000 &
  echo $! >>children
  echo >>hanging
  wait
fi
test ! -e change || { rm change; echo changed >values/HOST; }
echo "it was $CCAAS_ADDRESS"
test ! -e fail
`

const hookFlags = " --settle 50ms -- sh hook.sh"

// newHooked returns a peer with an outdated build and a hook.
func newHooked(t *testing.T) outdated {
	t.Helper()
	o := newOutdated(t)
	o.put(t, "hook.sh", hook)
	return o
}

func (o outdated) put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (o outdated) take(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(o.dir, name)); err != nil {
		t.Fatal(err)
	}
}

// read returns the content of a file that the hook writes.
func (o outdated) read(name string) string {
	data, _ := os.ReadFile(filepath.Join(o.dir, name))
	return string(data)
}

// await waits until is returns true.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

// nothingLeft fails the test unless everything that the hook has started has ended, no two
// runs of it overlapped, and the build is as it would be without a hook.
func (o outdated) nothingLeft(t *testing.T) {
	t.Helper()
	if twice := o.read("twice"); twice != "" {
		t.Errorf("these were there when another run began: %s", twice)
	}
	await(t, "the end of what the hook has started", func() bool {
		for _, child := range strings.Fields(o.read("children")) {
			status, err := os.ReadFile("/proc/" + child + "/status")
			if err == nil && !strings.Contains(string(status), "\nState:\tZ") {
				return false
			}
		}
		return true
	})
	if got := o.marks(); len(got) > 0 {
		t.Errorf("it left %q", got)
	}
}

func (o outdated) marks() []string {
	found, _ := filepath.Glob(filepath.Join(o.peer, "externalbuilder/builds/*/*ccaas*"))
	return found
}

func (w *watch) stop(signal syscall.Signal) {
	w.t.Helper()
	if err := w.cmd.Process.Signal(signal); err != nil {
		w.t.Fatal(err)
	}
	for range w.events {
	}
	_ = w.cmd.Wait()
}

// skip skips events up to the next with this message.
func (w *watch) skip(message string) event {
	w.t.Helper()
	for {
		select {
		case e, more := <-w.events:
			if !more {
				w.t.Fatalf("it ended before it logged %q", message)
			}
			if e.Message == message {
				return e
			}
		case <-time.After(time.Minute):
			w.t.Fatalf("it did not log %q", message)
		}
	}
}

// A hook that fails is run again until it succeeds. If it makes a change itself, it is run
// once more.
func TestHook(t *testing.T) {
	t.Parallel()
	o := newHooked(t)
	o.put(t, "fail", "")
	w := startWatch(t, o, hookFlags)
	address := w.next("listening").Address
	w.next("watching")
	w.next("refreshed")
	e := w.next("the command failed")
	if e.PackageID != o.id || e.Changed != "address" || e.Errors != `the command "sh" failed: exit status 1` || e.Output != "it was another:1" || e.Again != "1s" {
		t.Errorf("got %+v", e)
	}
	if e := w.next("the command failed"); e.Again != "2s" {
		t.Errorf("got %+v", e)
	}
	series := `ccaas_hook_%s{package_id="` + o.id + `"%s} %d` + "\n"
	metrics := w.get(address, "/metrics")
	for _, want := range []string{fmt.Sprintf(series, "pending", "", 1), fmt.Sprintf(series, "runs_total", `,result="failed"`, 2)} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics are %s, want %s", metrics, want)
		}
	}
	o.take(t, "fail")
	o.put(t, "change", "")
	w.next("the command succeeded")
	w.next("refreshed")
	if e := w.next("the command succeeded"); e.Output != "it was changed:1" {
		t.Errorf("got %+v", e)
	}
	await(t, "the end of the job", func() bool {
		return strings.Contains(w.get(address, "/metrics"), fmt.Sprintf(series, "pending", "", 0))
	})
	w.stop(syscall.SIGTERM)
	o.nothingLeft(t)
	if got, want := o.read("ran"), strings.Repeat("another:1 address\n", 3)+"changed:1 address\n"; got != want {
		t.Errorf("it was run for %s, want %s", got, want)
	}
}

// A hook that hangs is killed with its children when its time is over, and when the watch
// ends. The next watch runs it again.
func TestHookHangs(t *testing.T) {
	t.Parallel()
	o := newHooked(t)
	o.put(t, "hang", "")
	w := startWatch(t, o, " --hook-timeout 1s"+hookFlags)
	if e := w.skip("the command failed"); e.Errors != `the command "sh" was killed: it had not ended after 1s` {
		t.Errorf("got %+v", e)
	}
	hangs := strings.Count(o.read("hanging"), "\n")
	await(t, "another run", func() bool { return strings.Count(o.read("hanging"), "\n") > hangs })
	w.stop(syscall.SIGTERM)
	if len(o.marks()) != 1 {
		t.Errorf("the build has %q", o.marks())
	}
	o.take(t, "hang")
	w = startWatch(t, o, hookFlags)
	w.skip("the command succeeded")
	w.stop(syscall.SIGTERM)
	o.nothingLeft(t)
}

// However often the values change and the watch is killed, even when the hook hangs or changes a
// value itself, the hook runs for the last connection, and never twice at once.
func TestHookNothingLost(t *testing.T) {
	t.Parallel()
	changes := 20
	if os.Getenv("LONG_TEST") != "" {
		changes = 500
	}
	o := newHooked(t)
	const flags = " --hook-timeout 3s" + hookFlags
	w := startWatch(t, o, flags)
	w.skip("refreshed")
	for n := range changes {
		if n == changes/2 {
			o.put(t, "hang", "")
		}
		o.set(t, fmt.Sprintf("host%d", n))
		if n == changes/2 {
			await(t, "a hook that hangs", func() bool { return o.read("hanging") != "" })
			o.take(t, "hang")
			o.put(t, "change", "")
			await(t, "a change by the hook", func() bool { return o.read("values/HOST") == "changed\n" })
		}
		time.Sleep(time.Duration(n%7) * 20 * time.Millisecond)
		if n%(changes/4) == changes/8 {
			w.stop(syscall.SIGKILL)
			w = startWatch(t, o, flags)
		}
	}
	await(t, "the last hook", func() bool {
		return strings.HasSuffix(o.read("ran"), fmt.Sprintf("host%d:1 address\n", changes-1)) && len(o.marks()) == 0
	})
	w.stop(syscall.SIGTERM)
	o.nothingLeft(t)
}

// If a refresh is killed at any change of a file, the next refresh runs the hook.
func TestKilledBeforeHook(t *testing.T) {
	t.Parallel()
	needStrace(t)
	o := newHooked(t)
	kills := 0
	for _, call := range []string{"renameat", "unlinkat"} {
		for n := 1; o.hookAfterKill(t, call, n); n++ {
			kills++
		}
	}
	if kills < 3 { // at least at the mark, the connection, and the renaming of the mark
		t.Errorf("it was killed %d times", kills)
	}
}

// hookAfterKill runs a refresh with a hook and kills it as killed does. If it was killed,
// hookAfterKill runs another refresh and checks the result. It reports whether the first was
// killed.
func (o outdated) hookAfterKill(t *testing.T, call string, n int) bool {
	t.Helper()
	o.back(t)
	_ = os.Remove(filepath.Join(o.dir, "ran"))
	if !o.killed(t, refreshCommand+" -- sh hook.sh", call, n) {
		return false
	}
	when := fmt.Sprintf("killed at %s %d", call, n)
	if out, err := o.run(builder + "/bin/" + refreshCommand + " -- sh hook.sh"); err != nil {
		t.Errorf("%s: %v %s", when, err, out)
	}
	if got := o.read("ran"); !strings.HasSuffix(got, "another:1 address\n") {
		t.Errorf("%s: it was run for %q", when, got)
	}
	o.nothingLeft(t)
	o.isNew(t, when)
	return true
}

// A process that the hook of a killed watch has started may outlive both. Until it has ended,
// the hook is not run again.
func TestHookOfKilledWatch(t *testing.T) {
	t.Parallel()
	o := newHooked(t)
	o.put(t, "hang", "")
	w := startWatch(t, o, hookFlags)
	await(t, "the hook", func() bool { return o.read("hanging") != "" })
	o.take(t, "hang")
	w.stop(syscall.SIGKILL)
	w = startWatch(t, o, " --hook-timeout 1s"+hookFlags)
	if e := w.skip("the command failed"); e.Errors != "another run of the command for this chaincode has not ended" {
		t.Errorf("got %+v", e)
	}
	children := strings.Fields(o.read("children"))
	if out, err := o.run("kill " + children[len(children)-1]); err != nil {
		t.Error(err, out)
	}
	w.skip("the command succeeded")
	w.stop(syscall.SIGTERM)
	o.nothingLeft(t)
}

// What the command has left in its process group is killed while the group has the number of the
// command: once that has been waited for, another group could get it.
func TestHookKilledBeforeWait(t *testing.T) {
	t.Parallel()
	needStrace(t)
	o := newHooked(t)
	log := filepath.Join(o.dir, "strace.log")
	if out, err := o.run("strace -f --seccomp-bpf -e trace=kill,waitid,wait4 -o " + log + " " + builder + "/bin/" + refreshCommand + " -- true"); err != nil {
		t.Fatal(err, out)
	}
	said := o.read("strace.log")
	kill := regexp.MustCompile(`kill\(-(\d+), SIGKILL\) += 0`).FindStringSubmatchIndex(said)
	if kill == nil {
		t.Fatal("the group was not killed while the number was its own", said)
	}
	waited := regexp.MustCompile(`SIGCHLD, [^}]*si_pid=` + said[kill[2]:kill[3]] + `, [^}]*\}, WEXITED, `)
	if at := waited.FindStringIndex(said); at == nil || at[0] < kill[0] {
		t.Errorf("the command was waited for at %v, and its group killed at %v: %s", at, kill, said)
	}
}

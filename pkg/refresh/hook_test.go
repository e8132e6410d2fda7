package refresh_test

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
)

// marking returns a Refresher that marks the builds whose connections change for the peer.
func marking(s store.Store, env map[string]string) refresh.Refresher {
	r := refresher(s, env)
	r.Mark = true
	return r
}

// due returns a peer with one build for which a hook is due, because its address has changed.
func due(t *testing.T) (store.Store, store.Build, string) {
	t.Helper()
	env := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, b := installed(t, env)
	r := one(t, marking(s, with(env, "HOST", "cc2")))
	if isState(t, r, refresh.Refreshed, ""); !r.HookDue {
		t.Error("no hook is due")
	}
	return s, b, r.PackageID
}

// marks returns the names of the marks in a build.
func marks(t *testing.T, b store.Build) (names []string) {
	t.Helper()
	found, err := filepath.Glob(at(b, "*ccaas*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range found {
		names = append(names, filepath.Base(file))
	}
	return names
}

// script returns a hook that runs text in a shell, and the hook's output.
func script(text string) (refresh.Hook, *strings.Builder) {
	var said strings.Builder
	return refresh.Hook{Command: []string{"sh", "-c", text}, Env: os.Environ(), Timeout: 10 * time.Second, Output: &said}, &said
}

// isRun fails the test unless the hook runs for these keys, with an error that contains want, or
// without one if want is "".
func isRun(t *testing.T, h refresh.Hook, s store.Store, id string, changed []string, want string) {
	t.Helper()
	got, err := h.Run(t.Context(), s, id)
	if !slices.Equal(got, changed) || (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("got %q, %v, want %q, %q", got, err, changed, want)
	}
}

// A hook that is due is run until it succeeds, and then not again.
func TestHookRuns(t *testing.T) {
	s, b, id := due(t)
	fails, _ := script("exit 3")
	isRun(t, fails, s, id, []string{"address"}, `the command "sh" failed: exit status 3`)
	nobody := refresh.Hook{Command: []string{"/no/command"}, Timeout: time.Minute}
	isRun(t, nobody, s, id, []string{"address"}, `the command "command" failed: no such file`)
	says, said := script(`echo "$CCAAS_PACKAGE_ID $CCAAS_LABEL $CCAAS_ADDRESS $CCAAS_CHANGED"`)
	isRun(t, says, s, id, []string{"address"}, "")
	if want := id + " basic_1.0 cc2:9999 address\n"; said.String() != want {
		t.Errorf("it said %q, want %q", said, want)
	}
	if left := marks(t, b); left != nil {
		t.Errorf("it left %q", left)
	}
	isRun(t, fails, s, id, nil, "")
	isRun(t, fails, s, pack(t, "other", "ccaas").ID, nil, "")
	other := s.Build(pack(t, "other", "ccaas").ID)
	link(t, string(b), string(other))
	isRun(t, fails, s, pack(t, "other", "ccaas").ID, nil, "is a symbolic link")
}

// A hook is killed at its timeout or when the caller's context ends. It does not start while
// another process has locked the build.
func TestHookEnds(t *testing.T) {
	s, b, id := due(t)
	hangs, _ := script("sleep 1000")
	hangs.Timeout = 20 * time.Millisecond
	isRun(t, hangs, s, id, []string{"address"}, `the command "sh" was killed: it had not ended after 20ms`)
	hangs.Timeout = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := hangs.Run(ctx, s, id); err != context.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
	lock, err := os.Open(at(b, store.InfoFile))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := safefile.Lock(t.Context(), lock, time.Minute); err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := hangs.Run(canceled, s, id); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	hangs.Timeout = 20 * time.Millisecond
	isRun(t, hangs, s, id, nil, "another run of the command for this chaincode has not ended")
	if left := marks(t, b); len(left) != 1 {
		t.Errorf("the marks are %q", left)
	}
}

// Processes that a command leaves running are killed when it ends, and hold the lock until then.
func TestHookChildren(t *testing.T) {
	s, b, id := due(t)
	leaves, _ := script("sleep 1000 >/dev/null 2>&1 &")
	isRun(t, leaves, s, id, []string{"address"}, "")
	lock, err := os.Open(at(b, store.InfoFile))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := safefile.Lock(t.Context(), lock, 10*time.Second); err != nil {
		t.Errorf("the child has not ended: %v", err)
	}
}

// The keys of all marks count. A mark with invalid content counts as all keys, and a file with
// another form of name is not a mark. While the hook fails, a mark is removed if another mark has
// all of its keys.
func TestMarks(t *testing.T) {
	address, both := "address", "root_cert\naddress"
	for name, test := range map[string]struct {
		marks   map[string]string
		changed []string
		left    [][]string // one of these
	}{
		"one":     {map[string]string{"1": address}, []string{"address"}, [][]string{{"1"}}},
		"same":    {map[string]string{"1": address, "2": address}, []string{"address"}, [][]string{{"1"}, {"2"}}},
		"three":   {map[string]string{"1": address, "2": both, "3": address}, []string{"address", "root_cert"}, [][]string{{"2"}}},
		"two":     {map[string]string{"1": address, "2": "root_cert"}, []string{"address", "root_cert"}, [][]string{{"1", "2"}}},
		"unknown": {map[string]string{"1": address + "\nx"}, connection.Keys(), [][]string{{"1"}}},
		"empty":   {map[string]string{"1": ""}, connection.Keys(), [][]string{{"1"}}},
		"large":   {map[string]string{"1": strings.Repeat(address+"\n", 1000) + address}, connection.Keys(), [][]string{{"1"}}},
		"none":    {map[string]string{"": address, "1x": address, "x1": address}, nil, [][]string{{"", "1x", "x1"}}},
		"new":     {map[string]string{"new-1": address}, nil, [][]string{{"new-1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s, b := installed(t, environment(t, "peer0", now.AddDate(0, 1, 0)))
			for number, keys := range test.marks {
				write(t, at(b, "ccaas-hook-"+number), []byte(keys))
			}
			want := ""
			if test.changed != nil {
				want = "exit status 1"
			}
			fails, _ := script("exit 1")
			id, err := b.PackageID()
			if err != nil {
				t.Fatal(err)
			}
			isRun(t, fails, s, id, test.changed, want)
			var left []string
			for _, mark := range marks(t, b) {
				left = append(left, strings.TrimPrefix(mark, "ccaas-hook-"))
			}
			if !slices.ContainsFunc(test.left, func(want []string) bool { return slices.Equal(left, want) }) {
				t.Errorf("left %q, want %q", left, test.left)
			}
		})
	}
}

// A refresh marks a build whose connection changes for the peer, and makes the new marks of a
// killed run count. A dry run does neither.
func TestMarked(t *testing.T) {
	env := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, b := installed(t, env)
	is := func(r refresh.Refresher, want bool, names ...string) {
		t.Helper()
		result, got := one(t, r), marks(t, b)
		if result.HookDue != want || !slices.Equal(got, names) {
			t.Errorf("due: %t, marks: %q, want %t, %q", result.HookDue, got, want, names)
		}
	}
	is(marking(s, env), false)
	chmod(t, at(b, released), 0o644) // makes no difference to a peer
	is(marking(s, env), false)
	is(refresher(s, with(env, "HOST", "cc2")), false)
	write(t, at(b, "ccaas-hook-new-1"), []byte("address"))
	write(t, at(b, ".ccaas-hook-new-2"), []byte("address"))
	dry := marking(s, env)
	dry.DryRun = true
	is(dry, false, ".ccaas-hook-new-2", "ccaas-hook-new-1")
	is(marking(s, with(env, "HOST", "cc2")), true, "ccaas-hook-1")
}

// If the old connection cannot be used, every key may have changed.
func TestMarkOfUnusable(t *testing.T) {
	env := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, b := installed(t, env)
	write(t, at(b, released), []byte("null"))
	r := one(t, marking(s, env))
	isState(t, r, refresh.Refreshed, "")
	does, _ := script("true")
	isRun(t, does, s, r.PackageID, connection.Keys(), "")
}

// If a connection cannot be written, no hook is due. The test limits the size of files in another
// process, since go test itself must write files.
func TestNoRoomNoMark(t *testing.T) {
	const limited = "CCAAS_TEST_LIMITED"
	if os.Getenv(limited) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestNoRoomNoMark$")
		cmd.Env = append(os.Environ(), limited+"=true")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	env := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, b := installed(t, env)
	isState(t, one(t, marking(s, env)), refresh.Unchanged, "")
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
	r := marking(s, with(env, "HOST", "cc2"))
	for room, want := range map[uint64]string{
		100: "connection.json\": cannot be replaced, so the old one stays: file too large",
		3:   "cannot be written, so the old connection stays: file too large", // error for the mark
	} {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: room, Max: limit.Max}); err != nil {
			t.Fatal(err)
		}
		got := one(t, r)
		isState(t, got, refresh.Failed, want)
		if left := marks(t, b); got.HookDue || left != nil {
			t.Errorf("a hook is due: %t, %q", got.HookDue, left)
		}
	}
}

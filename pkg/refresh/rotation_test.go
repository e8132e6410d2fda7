package refresh_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/probe"
	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
)

var rounds = flag.Int("rounds", 50, "how often TestRotation refreshes ten connections")

// A peer that reads its connections all the time always reads a complete one, either the old or the
// new one, however often they are replaced.
func TestRotation(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long, and is a matter of luck")
	}
	one, other := environment(t, "peer0", now.AddDate(0, 1, 0)), environment(t, "peer1", now.AddDate(0, 2, 0))
	s := store.Store(memory(t))
	var files []string
	for i := range 10 {
		b := install(t, s, pack(t, fmt.Sprintf("basic%d", i), chaincode.DefaultType), ours, one)
		files = append(files, at(b, released))
	}
	stop := make(chan struct{})
	read := make(chan map[string]int)
	go func() {
		seen, err := readAlways(files, stop)
		if err != nil {
			t.Error(err)
		}
		read <- seen
	}()
	for i := range *rounds {
		results := run(t, refresher(s, []map[string]string{other, one}[i%2]))
		if refresh.Count(results, refresh.Refreshed) != len(files) {
			t.Fatalf("round %d: %v", i, results)
		}
	}
	close(stop)
	seen := <-read
	for _, env := range []map[string]string{one, other} {
		if seen[string(rendered(env))] == 0 {
			t.Errorf("one of the connections was never read")
		}
	}
	if len(seen) != 2 {
		t.Errorf("%d different connections were read", len(seen))
	}
}

// readAlways reads connections until stop is closed, and counts how often it has read each.
func readAlways(files []string, stop <-chan struct{}) (map[string]int, error) {
	seen := map[string]int{}
	for i := 0; ; i++ {
		select {
		case <-stop:
			return seen, nil
		default:
		}
		data, err := os.ReadFile(files[i%len(files)])
		if err != nil {
			return seen, err
		}
		if seen[string(data)]++; seen[string(data)] > 1 {
			continue // already checked
		}
		c, err := connection.Decode(data)
		if err == nil {
			err = c.Validate()
		}
		if err != nil {
			return seen, fmt.Errorf("of %d bytes: %w", len(data), err)
		}
	}
}

// Concurrent runs take turns.
func TestOneAtATime(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, _ := installed(t, old)
	var inside, probes atomic.Int64
	alone := probing(func(probe.Target) error {
		probes.Add(1)
		defer inside.Add(-1)
		if inside.Add(1) > 1 {
			return errors.New("another run is at it")
		}
		time.Sleep(time.Millisecond) // so that another run could start
		return nil
	})
	var runs sync.WaitGroup
	for i := range 8 {
		runs.Go(func() {
			for j := range 4 {
				r := refresher(s, with(old, "HOST", fmt.Sprintf("cc-%d-%d", i, j)))
				r.Probe = alone
				results, err := r.Run(t.Context())
				if err != nil || results[0].State != refresh.Refreshed {
					t.Errorf("%v %v", results, err)
				}
			}
		})
	}
	runs.Wait()
	if probes.Load() != 8*4 {
		t.Errorf("%d connections were probed", probes.Load())
	}
}

// lockOf returns the file that a run on a peer keeps locked.
func lockOf(s store.Store) string {
	return filepath.Join(filepath.Dir(s.BuildsDir()), "ccaas-refresh.lock")
}

// hold holds the lock of a peer, as another run would, until the file is closed.
func hold(t *testing.T, s store.Store) *os.File {
	t.Helper()
	file, err := os.OpenFile(lockOf(s), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return file
}

// A run that waits for another one can be stopped, and has then changed nothing.
func TestLocked(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, b := installed(t, old)
	hold(t, s)
	before := tree(t, string(b))
	r := refresher(s, with(old, "HOST", "cc2"))
	stopped, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	results, err := r.Run(stopped)
	if err == nil || !strings.Contains(err.Error(), `ccaas-refresh.lock": cannot be locked: another run of ccaas refresh holds it`) || results != nil {
		t.Errorf("got %v, %v", results, err)
	}
	same(t, string(b), before)
	r.DryRun = true // needs no lock
	isState(t, one(t, r), refresh.Outdated, "")
}

// The values and the time are read while the lock is held. Otherwise, a run that has waited could
// replace the new values of the run before it by old ones.
func TestReadsWhenLocked(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, _ := installed(t, old)
	isLocked := func(what string) {
		lock, err := os.Open(lockOf(s))
		if err != nil {
			t.Fatalf("%s was read before the lock was there: %v", what, err)
		}
		defer lock.Close()
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EWOULDBLOCK {
			t.Errorf("%s was read without the lock: %v", what, err)
		}
	}
	r := refresher(s, nil)
	r.Env = func() (map[string]string, error) {
		isLocked("the environment")
		return with(old, "HOST", "cc2"), nil
	}
	r.Now = func() time.Time {
		isLocked("the clock")
		return now
	}
	isState(t, one(t, r), refresh.Refreshed, "")
	r.Env = func() (map[string]string, error) { return nil, errors.New("no values") }
	if results, err := r.Run(t.Context()); results != nil || err == nil || err.Error() != "no values" {
		t.Errorf("got %v, %v", results, err)
	}
}

// A run that waits continues when the other one has ended.
func TestWaits(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, _ := installed(t, old)
	lock := hold(t, s)
	var held atomic.Bool
	held.Store(true)
	r := refresher(s, with(old, "HOST", "cc2"))
	r.Probe = probing(func(probe.Target) error {
		if held.Load() {
			return errors.New("the other run has not ended")
		}
		return nil
	})
	time.AfterFunc(100*time.Millisecond, func() { // so that it has to wait
		held.Store(false)
		lock.Close()
	})
	isState(t, one(t, r), refresh.Refreshed, "")
}

// The lock has mode 0600 and is kept. A run does not follow a link in its place.
func TestLockFile(t *testing.T) {
	env := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, _ := installed(t, env)
	isState(t, one(t, refresher(s, env)), refresh.Unchanged, "")
	if info, err := os.Lstat(lockOf(s)); err != nil || info.Mode() != 0o600 {
		t.Errorf("the lock: %v, %v", info, err)
	}
	if os.Getuid() == 0 { // only root rejects a hard link
		if err := os.Link(lockOf(s), lockOf(s)+".other"); err != nil {
			t.Fatal(err)
		}
		if _, err := refresher(s, env).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be locked: it is a hard link: remove it") {
			t.Errorf("got %v", err)
		}
	}
	victim := filepath.Join(t.TempDir(), "victim")
	link(t, victim, lockOf(s))
	if _, err := refresher(s, env).Run(t.Context()); err == nil || !strings.Contains(err.Error(), `ccaas-refresh.lock": cannot be locked: too many levels of symbolic links`) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(victim); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file that the link names: %v", err)
	}
}

// A run that is stopped returns an error, and does not render the remaining builds.
func TestStopped(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	s := store.Store(memory(t))
	const builds = 100
	for i := range builds {
		install(t, s, pack(t, fmt.Sprintf("basic_%d", i), chaincode.DefaultType), ours, old)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var probes atomic.Int64
	r := refresher(s, with(old, "HOST", "cc2"))
	r.Probe = probing(func(probe.Target) error {
		probes.Add(1)
		cancel()
		return nil
	})
	if _, err := r.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := probes.Load(); n == builds {
		t.Errorf("all %d builds were rendered", n)
	}
}

// BenchmarkRun measures the time and memory per build, which must not depend on the number of
// builds.
func BenchmarkRun(b *testing.B) {
	one, other := environment(b, "peer0", now.AddDate(0, 1, 0)), environment(b, "peer1", now.AddDate(0, 2, 0))
	for _, builds := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(builds), func(b *testing.B) {
			s := store.Store(memory(b))
			for i := range builds {
				install(b, s, pack(b, fmt.Sprintf("basic_%d", i), chaincode.DefaultType), ours, one)
			}
			b.ReportAllocs()
			next := other
			for b.Loop() {
				results := run(b, refresher(s, next))
				if n := refresh.Count(results, refresh.Refreshed); n != builds {
					b.Fatalf("%d of %d were refreshed", n, builds)
				}
				one, other = other, one
				next = other
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*builds), "µs/build")
		})
	}
}

// BenchmarkRemembered measures a run in which nothing has changed.
func BenchmarkRemembered(b *testing.B) {
	env := environment(b, "peer0", now.AddDate(0, 1, 0))
	for _, builds := range []int{10, 1000} {
		b.Run(fmt.Sprint(builds), func(b *testing.B) {
			s := store.Store(memory(b))
			for i := range builds {
				install(b, s, pack(b, fmt.Sprintf("basic_%d", i), chaincode.DefaultType), ours, env)
			}
			time.Sleep(2 * coarse)
			r := refresher(s, env)
			r.Memory = refresh.NewMemory(coarse)
			run(b, r)
			b.ReportAllocs()
			for b.Loop() {
				if run(b, r); r.Memory.Recalled() != builds {
					b.Fatalf("%d of %d were remembered", r.Memory.Recalled(), builds)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*builds), "µs/build")
		})
	}
}

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/store"
)

// watch is the cost of ccaas refresh --watch for a number of chaincodes.
type watch struct {
	Name    string  `json:"name"`
	Number  int     `json:"number"`
	InPlace float64 `json:"in_place_seconds"`   // from a changed value, with the half second of --settle; median
	Change  float64 `json:"change_cpu_seconds"` // median
	Idle    float64 `json:"idle_cpu_seconds"`   // per run
	Memory  int64   `json:"peak_memory_bytes"`
}

const (
	// released is the path below a build from which the peer reads the connection.
	released = store.Release + "/" + chaincode.ReleasedConnection
	// settled is how long after a change a watch begins to remember what it finds.
	settled  = 4 * time.Second
	interval = 2 * time.Second
)

// watches measures ccaas refresh --watch for peers with up to most chaincodes, each program in turn:
// ours and, if it exists, the ccaas in the folder baseline.
func (b *bench) watches(baseline string, most int) ([]watch, error) {
	programs := map[string]string{"ours": b.path("bin/ccaas")}
	names := []string{"ours"}
	file := filepath.Join(baseline, "ccaas")
	if _, err := os.Stat(file); err == nil && baseline != "" {
		programs["baseline"], names = file, append(names, "baseline")
	}
	var all []watch
	for _, n := range []int{10, 1000, 10_000} {
		if n > most {
			break
		}
		builds, err := b.manyBuilds(n)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			w, err := b.watch(programs[name], builds)
			if err != nil {
				return nil, err
			}
			w.Name, w.Number = name, n
			all = append(all, w)
		}
	}
	return all, nil
}

// manyBuilds creates what n installs leave on a peer, with an address for each in the folder of values.
// It brings the builds up to date and returns them, keyed by label.
func (b *bench) manyBuilds(n int) (map[string]store.Build, error) {
	s := store.Store(b.path("many/peer"))
	builds, files := map[string]store.Build{}, map[string]string{}
	info, err := json.Marshal(store.Info{Builder: coreyaml.DefaultName})
	if err != nil {
		return nil, err
	}
	for i := range n {
		pkg, err := archive.Write(fmt.Sprintf("basic_%d", i), chaincode.DefaultType, []archive.File{
			{Name: chaincode.ConnectionFile, Content: []byte(`{"root_cert": "{{ .root_cert }}"}`)}})
		if err != nil {
			return nil, err
		}
		build := s.Build(pkg.ID)
		builds[pkg.Metadata.Label] = build
		for name, content := range map[string]string{
			string(build) + "/" + store.InfoFile:                         string(info),
			string(build) + "/" + released:                               "{}",
			s.PackageFile(pkg.ID):                                        string(pkg.Bytes()),
			b.path("many/values/" + pkg.Metadata.Label + "/" + addressV): fmt.Sprintf("cc%d:9999", i),
		} {
			name, _ := filepath.Rel(b.dir, name)
			files[name] = content
		}
	}
	env, err := os.ReadFile(b.path("peer.env"))
	files["many/peer.env"] = string(env) + "CCAAS_ENV_DIR=" + b.path("many/values") + "\n"
	if err == nil {
		err = b.write(files)
	}
	if err == nil {
		err = b.measure(&measurement{}, b.path("bin/ccaas"), "refresh",
			"--peer-dir", "many/peer", "--env-file", "many/peer.env")
	}
	return builds, err
}

const addressV = "CORE_CHAINCODE_ADDRESS"

// watch measures one program.
func (b *bench) watch(program string, builds map[string]store.Build) (w watch, err error) {
	time.Sleep(settled)
	err = b.watching(program, builds, 24*time.Hour, func(pid int, _ string) error {
		var inPlace, change []float64
		labels := slices.Sorted(func(yield func(string) bool) {
			for label := range builds {
				if !yield(label) {
					return
				}
			}
		})
		for i := range few {
			label := labels[i*len(labels)/few]
			took, cpu, err := b.change(pid, label, builds[label])
			if err != nil {
				return err
			}
			inPlace, change = append(inPlace, took), append(change, cpu)
		}
		slices.Sort(inPlace)
		slices.Sort(change)
		w.InPlace, w.Change = inPlace[few/2], change[few/2]
		w.Memory, err = peakMemory(pid)
		return err
	})
	if err != nil {
		return w, err
	}
	time.Sleep(settled)
	err = b.watching(program, builds, interval, func(pid int, url string) error {
		first, err := runs(url)
		if err != nil {
			return err
		}
		before := cpuTime(pid)
		time.Sleep(few * interval)
		cpu := cpuTime(pid) - before
		last, err := runs(url)
		w.Idle = cpu / (last - first) // divided by runs, not intervals: a run may take longer than the interval
		return err
	})
	return w, err
}

// change changes the address of a chaincode. It returns the time until the connection was in place,
// and the CPU time until the watch was idle.
func (b *bench) change(pid int, label string, build store.Build) (took, cpu float64, err error) {
	connection := filepath.Join(string(build), released)
	old, err := os.ReadFile(connection)
	if err != nil {
		return 0, 0, err
	}
	began, before := time.Now(), cpuTime(pid)
	value := fmt.Sprintf("changed%d:9999", began.UnixNano())
	if err := b.write(map[string]string{"many/values/" + label + "/" + addressV: value}); err != nil {
		return 0, 0, err
	}
	for {
		now, err := os.ReadFile(connection)
		switch {
		case err != nil:
			return 0, 0, err
		case string(now) != string(old):
			took = time.Since(began).Seconds()
			return took, rest(pid) - before, nil
		case time.Since(began) > 5*time.Minute:
			return 0, 0, fmt.Errorf("the connection of %s was not replaced", label)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// watching starts a watch, waits until all builds are up to date and the watch is idle, and calls
// measure. When measure returns, it ends the watch.
func (b *bench) watching(
	program string, builds map[string]store.Build, interval time.Duration, measure func(pid int, url string) error,
) error {
	cmd := exec.Command(program, "refresh", "--peer-dir", "many/peer", "--env-file", "many/peer.env",
		"--watch", "--interval", interval.String(), "--listen", "127.0.0.1:0")
	cmd.Dir = b.dir
	said, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() }()
	url := ""
	lines := bufio.NewScanner(said)
	for left := len(builds); left > 0; {
		if !lines.Scan() {
			return fmt.Errorf("the watch has ended: %w", lines.Err())
		}
		_, address, listening := strings.Cut(lines.Text(), "msg=listening address=")
		switch {
		case listening:
			url = "http://" + address + "/metrics"
		case strings.Contains(lines.Text(), "msg=unchanged"):
			left--
		case strings.Contains(lines.Text(), "level=ERROR"):
			return fmt.Errorf("the watch: %s", lines.Text())
		}
	}
	go func() { // so that the watch never blocks when it writes to stderr
		for lines.Scan() {
		}
	}()
	rest(cmd.Process.Pid)
	return measure(cmd.Process.Pid, url)
}

// runs returns the number of runs so far, as counted in the metrics for the first build.
func runs(url string) (n float64, err error) {
	answer, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if _, count, ok := strings.Cut(lines.Text(), `result="unchanged"} `); ok {
			_, err := fmt.Sscan(count, &n)
			return n, err
		}
	}
	return 0, errors.New("the watch counts no runs")
}

// cpuTime returns the CPU time of a process in seconds, to the nanosecond rather than the clock tick.
func cpuTime(pid int) (seconds float64) {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, thread := range threads {
		text, _ := os.ReadFile(thread)
		var nanoseconds float64
		fmt.Sscan(string(text), &nanoseconds)
		seconds += nanoseconds / 1e9
	}
	return seconds
}

// rest waits until a process is idle, for at most half a minute, and returns its CPU time.
func rest(pid int) (seconds float64) {
	const moment, quiet = 300 * time.Millisecond, 0.001
	seconds = cpuTime(pid)
	for range 30 * time.Second / moment {
		time.Sleep(moment)
		before := seconds
		if seconds = cpuTime(pid); seconds-before < quiet {
			break
		}
	}
	return seconds
}

func peakMemory(pid int) (bytes int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, peak, _ := strings.Cut(string(text), "VmHWM:")
	_, err = fmt.Sscan(peak, &bytes)
	return bytes << 10, err
}

package refresh

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/store"
)

// Memory is what one run remembers for the next: the result of each build that was up to date, and
// everything on which it depends. All other builds are rendered. The zero Memory is empty. It holds
// no private keys, and only one run at a time uses it.
type Memory struct {
	mutex   sync.Mutex
	common  [sha256.Size]byte // hash of what all results depend on
	builds  map[store.Build]*remembered
	files   map[string]*file
	folders map[string]*folder
	run     int // number of the current run
	// granularity is the resolution of file times; if zero, the constant is used.
	granularity time.Duration
	recalled    int // number of results that the current run has recalled
}

// remembered is the result for one build, and what it depends on.
type remembered struct {
	result      Result
	from, until time.Time  // no certificate becomes valid or expires in between; zero until: no limit
	own         []identity // result of Refresher.own
	files       []*file
	listed      []listed
}

// file is a file from which values were read.
type file struct {
	path  string
	found identity
	run   int // the last run that looked at the file
	same  bool
}

// recall fills in the remembered results, and returns the indexes of the other builds.
func (m *Memory) recall(r Refresher, dirs *folders, builds []store.Build, results []Result) (rest []int) {
	before := m.begin(r)
	for i, b := range builds {
		if old := before[b]; old == nil || !m.holds(old, r, dirs, b) {
			rest = append(rest, i)
			continue
		}
		m.builds[b], results[i] = before[b], before[b].result
		m.recalled++
		if r.Done != nil {
			r.Done()
		}
	}
	return rest
}

// lists returns the folders of values for a run.
func (m *Memory) lists() *folders {
	dirs := &folders{now: map[string]*folder{}}
	if m != nil {
		dirs.before, dirs.granularity = m.folders, cmp.Or(m.granularity, granularity)
	}
	return dirs
}

// begin begins a run, and returns the results of the previous run that may still be valid.
func (m *Memory) begin(r Refresher) map[store.Build]*remembered {
	if m == nil {
		return nil
	}
	before := m.builds
	m.builds, m.recalled = map[store.Build]*remembered{}, 0
	m.run++
	if m.files == nil {
		m.files = map[string]*file{}
	}
	common, err := r.common()
	if err != nil || common != m.common {
		before = nil
	}
	m.common = common
	return before
}

// common returns a hash of what all results depend on. It covers only the place of the store's
// folders, since each install changes their content.
func (r Refresher) common() (sum [sha256.Size]byte, err error) {
	hash := sha256.New()
	fmt.Fprintf(hash, "%q %q %q %t %t\n", r.Store, r.Builder, r.Adopt, r.DryRun, r.Mark)
	for _, name := range slices.Sorted(maps.Keys(r.env)) {
		fmt.Fprintf(hash, "%q=%q\n", name, r.env[name])
	}
	if dir := r.env[environ.DirVariable]; dir != "" {
		if err := safefile.CheckDir(dir); err != nil {
			return sum, err
		}
	}
	for _, dir := range []string{store.Packages, store.Builds} {
		root, err := r.Store.Open(dir)
		if err != nil {
			return sum, err
		}
		info, err := root.Stat(".")
		root.Close()
		if err != nil {
			return sum, err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return sum, errors.ErrUnsupported
		}
		fmt.Fprintf(hash, "%+v\n", identityOf(stat).place())
	}
	return [sha256.Size]byte(hash.Sum(nil)), nil
}

// holds reports whether refreshing b would give the same result again.
func (m *Memory) holds(old *remembered, r Refresher, dirs *folders, b store.Build) bool {
	if r.now.Before(old.from) || !old.until.IsZero() && !r.now.Before(old.until) {
		return false
	}
	if own, ok := r.own(b); !ok || !slices.Equal(own, old.own) {
		return false
	}
	for _, f := range old.files {
		if f.run != m.run {
			id, ok := look(syscall.Stat, f.path)
			f.run, f.same = m.run, ok && id == f.found
		}
		if !f.same {
			return false
		}
	}
	return !slices.ContainsFunc(old.listed, func(l listed) bool { return !l.still(dirs) })
}

// keep remembers the result for a build, if possible.
func (m *Memory) keep(r Refresher, b store.Build, result Result, seen *reads) {
	if m == nil || result.State != Unchanged || result.HookDue || !seen.settled(cmp.Or(m.granularity, granularity)) {
		return
	}
	result.Warnings = slices.Clip(result.Warnings) // more warnings are appended later
	kept := &remembered{result: result, from: r.now, until: seen.until, own: seen.own}
	for path, id := range seen.files {
		if id != (identity{}) {
			kept.files = append(kept.files, m.file(path, id))
		} else if !seen.lacks(path) {
			return // its creation would not be noticed
		}
	}
	kept.listed = seen.listings(chaincode.LabelOf(result.PackageID))
	m.builds[b] = kept
}

// file returns the entry for a path with this identity, which all builds share.
func (m *Memory) file(path string, found identity) *file {
	f := m.files[path]
	if f == nil || f.found != found {
		f = &file{path: path, found: found}
		m.files[path] = f
	}
	f.run = m.run
	return f
}

// end ends a run, and forgets the files and folders that it has not looked at.
func (m *Memory) end(dirs *folders) {
	if m == nil {
		return
	}
	m.folders = dirs.now
	maps.DeleteFunc(m.files, func(_ string, f *file) bool { return f.run != m.run })
}

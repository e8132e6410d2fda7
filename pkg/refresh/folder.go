package refresh

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"ccaas-template-builder/pkg/environ"
)

// folders are those of values, each listed once in a run for all builds.
type folders struct {
	mutex sync.Mutex
	// before are those of the run before, now those of this one, by path.
	before, now map[string]*folder
	granularity time.Duration
}

// folder is one as it was listed.
type folder struct {
	names environ.Names
	// files and folders are sums of the names; files is "" if there is no such folder.
	files, folders string
	known          bool // all is known of it
	found          identity
	began          time.Time // when it was about to be listed
}

// at returns the folder at a clean path.
func (dirs *folders) at(path string) *folder {
	dirs.mutex.Lock()
	defer dirs.mutex.Unlock()
	f := dirs.now[path]
	if f != nil {
		return f
	}
	if f = dirs.before[path]; f == nil || !f.still(path, dirs.granularity) {
		f = list(path)
	}
	dirs.now[path] = f
	return f
}

// list lists the folder at a path.
func list(path string) *folder {
	f := &folder{began: time.Now()}
	f.found, f.known = look(syscall.Stat, path)
	if f.known && f.found == (identity{}) {
		return f
	}
	names, err := environ.List(path)
	f.names, f.files, f.folders, f.known = names, sum(names.Files), sum(names.Folders), f.known && err == nil
	return f
}

func sum(names []string) string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%q", names)
	return string(hash.Sum(nil))
}

// still reports whether a list of the folder would be the same.
func (f *folder) still(path string, granularity time.Duration) bool {
	found, ok := look(syscall.Stat, path)
	return ok && f.known && !f.names.Links && found == f.found && found.settled(f.began, granularity)
}

// has reports whether a name that is not hidden was in the folder.
func (f *folder) has(name string) bool {
	_, file := slices.BinarySearch(f.names.Files, name)
	_, folder := slices.BinarySearch(f.names.Folders, name)
	return file || folder
}

// lacks reports whether a file that was not found is missing in a folder of values that was listed.
func (s *reads) lacks(file string) bool {
	f := s.listed[filepath.Dir(file)]
	return f != nil && !f.has(filepath.Base(file))
}

// listed is what a build depends on in a folder of values: a name that is not there yet may be read,
// and one that is close to a name that is read makes a warning.
type listed struct {
	path           string
	files, folders string // sums of the names; folders is "" if they do not matter
}

// still reports whether that is so in this run.
func (l listed) still(dirs *folders) bool {
	f := dirs.at(l.path)
	return f.known && f.files == l.files && (l.folders == "" || f.folders == l.folders)
}

// listings are the folders that were listed for a build with this label.
func (s *reads) listings(label string) (all []listed) {
	for path, f := range s.listed {
		l := listed{path: path, files: f.files}
		if path == filepath.Clean(s.values) && !f.has(label) { // those of other labels may be close
			l.folders = f.folders
		}
		all = append(all, l)
	}
	return all
}

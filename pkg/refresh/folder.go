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

// folders lists the folders of values, each once per run for all builds.
type folders struct {
	mutex sync.Mutex
	// before holds the folders of the previous run, now those of this run, keyed by path.
	before, now map[string]*folder
	granularity time.Duration
}

// folder is a folder of values as it was listed.
type folder struct {
	names environ.Names
	// files and folders are hashes of the names. files is "" if the folder does not exist.
	files, folders string
	known          bool // false if the folder could not be looked at or listed
	found          identity
	began          time.Time // just before the folder was listed
}

// at returns the folder at a clean path, and lists it if necessary.
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

// still reports whether listing the folder again would give the same result.
func (f *folder) still(path string, granularity time.Duration) bool {
	found, ok := look(syscall.Stat, path)
	return ok && f.known && !f.names.Links && found == f.found && found.settled(f.began, granularity)
}

// has reports whether the folder had an entry with this name. Hidden entries do not count.
func (f *folder) has(name string) bool {
	_, file := slices.BinarySearch(f.names.Files, name)
	_, folder := slices.BinarySearch(f.names.Folders, name)
	return file || folder
}

// lacks reports whether file belongs in a folder of values that was listed, but was not there.
func (s *reads) lacks(file string) bool {
	f := s.listed[filepath.Dir(file)]
	return f != nil && !f.has(filepath.Base(file))
}

// listed is what a build depends on in a folder of values. A name that is missing now may be read
// once it exists, and one that is similar to a name that is read causes a warning.
type listed struct {
	path           string
	files, folders string // hashes of the names; folders is "" if they do not matter
}

// still reports whether the names are the same in this run.
func (l listed) still(dirs *folders) bool {
	f := dirs.at(l.path)
	return f.known && f.files == l.files && (l.folders == "" || f.folders == l.folders)
}

// listings returns the folders that were listed for a build with this label.
func (s *reads) listings(label string) (all []listed) {
	for path, f := range s.listed {
		l := listed{path: path, files: f.files}
		if path == filepath.Clean(s.values) && !f.has(label) { // only then can a similar name cause a warning
			l.folders = f.folders
		}
		all = append(all, l)
	}
	return all
}

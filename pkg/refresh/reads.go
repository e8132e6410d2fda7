package refresh

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/store"
)

// reads are what the result for one build depends on, apart from what all builds have in
// common.
type reads struct {
	began time.Time
	// own are the peer's files, as they were before they were read.
	own []identity
	// values are the files that values were read from, each as it was when it was opened.
	values map[string]identity
	// folders are those of values, as they were before they were read: that of all chaincodes and
	// that of the label.
	folders []foundFolder
	// until is when a certificate begins or ceases to be valid.
	until time.Time
	// unknown reports that there is more, of which nothing is known.
	unknown bool
}

// foundFolder is a folder as it was found.
type foundFolder struct {
	path  string
	found identity
}

// newReads looks at what a refresh of a build reads of the peer's files.
func (r Refresher) newReads(b store.Build) *reads {
	seen := &reads{began: time.Now(), values: map[string]identity{}}
	if r.Memory != nil {
		own, ok := r.own(b)
		seen.own, seen.unknown = own, !ok
		seen.foundFolders(r.Env[environ.DirVariable], b)
	}
	return seen
}

// foundFolders looks at the folders of values.
func (s *reads) foundFolders(dir string, b store.Build) {
	id, err := b.PackageID()
	if dir == "" || err != nil {
		return
	}
	for _, path := range []string{filepath.Clean(dir), filepath.Join(dir, chaincode.LabelOf(id))} {
		id, ok := look(syscall.Stat, path)
		s.folders = append(s.folders, foundFolder{path + "/", id})
		s.unknown = s.unknown || !ok
	}
}

// own looks at the peer's files and folders for a build, always the same ones, and reports
// whether all is known of them: a link may lead elsewhere another time.
func (r Refresher) own(b store.Build) (ids []identity, ok bool) {
	packageID, err := b.PackageID()
	if err != nil {
		return nil, false
	}
	ids = make([]identity, 0, 9)
	ok = true
	see := func(path string) {
		id, known := look(syscall.Lstat, path)
		ids = append(ids, id)
		ok = ok && known && !id.isLink()
	}
	see(r.Store.PackageFile(packageID))
	see(string(b))
	see(string(b) + "/" + store.InfoFile)
	for _, file := range []string{released, built} {
		for name := file; name != "."; name = path.Dir(name) {
			see(string(b) + "/" + name)
		}
	}
	return ids, ok
}

// read reads a file of values.
func (s *reads) read(file string) ([]byte, error) {
	f, info, err := safefile.OpenOperators(file)
	var id identity
	known := errors.Is(err, fs.ErrNotExist)
	if err == nil {
		defer f.Close()
		var stat *syscall.Stat_t
		if stat, known = info.Sys().(*syscall.Stat_t); known {
			id = identityOf(stat)
		}
	}
	before, again := s.values[file]
	s.values[file] = id
	s.unknown = s.unknown || !known || again && before != id
	if err != nil {
		return nil, err
	}
	return safefile.ReadAll(f, environ.MaxValue)
}

// lacks reports whether a file of values that was not found is not there in a folder of values. A
// link that leads nowhere is there: it may lead somewhere another time.
func (s *reads) lacks(file string) bool {
	dir, _ := filepath.Split(file)
	_, err := os.Lstat(file)
	return errors.Is(err, fs.ErrNotExist) &&
		slices.ContainsFunc(s.folders, func(f foundFolder) bool { return f.path == dir })
}

// settled reports whether all of it can be remembered.
func (s *reads) settled(granularity time.Duration) bool {
	fresh := func(id identity) bool { return !id.settled(s.began, granularity) }
	if s.unknown || slices.ContainsFunc(s.own, fresh) {
		return false
	}
	for _, id := range s.values {
		if fresh(id) {
			return false
		}
	}
	return true
}

// checked records that certificates were checked at the time now.
func (s *reads) checked(c connection.Connection, now time.Time) {
	for _, certs := range c.Certificates() {
		for _, cert := range certs {
			for _, then := range []time.Time{cert.NotBefore, cert.NotAfter} {
				if !then.Before(now) && (s.until.IsZero() || then.Before(s.until)) {
					s.until = then
				}
			}
		}
	}
}

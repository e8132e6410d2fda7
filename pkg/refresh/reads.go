package refresh

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"ccaas-template-builder/internal/safefile"
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
	// files are those that values were read from, each as it was when it was opened; none if it was
	// not there.
	files map[string]identity
	// values is the folder of values of all chaincodes.
	values string
	// folders are all folders of values, listed those of them that were listed, by clean path.
	folders *folders
	listed  map[string]*folder
	// until is when a certificate begins or ceases to be valid.
	until time.Time
	// unknown reports that there is more, of which nothing is known.
	unknown bool
}

// newReads looks at what a refresh of a build reads of the peer's files.
func (r Refresher) newReads(b store.Build, dirs *folders) *reads {
	seen := &reads{
		began: time.Now(), files: map[string]identity{},
		values: r.Env[environ.DirVariable], folders: dirs, listed: map[string]*folder{},
	}
	if r.Memory != nil {
		own, ok := r.own(b)
		seen.own, seen.unknown = own, !ok
	}
	return seen
}

// reader has an environment read what s then knows of.
func (s *reads) reader() environ.Reader { return environ.Reader{File: s.read, List: s.list} }

// list lists a folder of values.
func (s *reads) list(dir string) environ.Names {
	path := filepath.Clean(dir)
	f := s.folders.at(path)
	s.listed[path] = f
	s.unknown = s.unknown || !f.known
	return f.names
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
	before, again := s.files[file]
	s.files[file] = id
	s.unknown = s.unknown || !known || again && before != id
	if err != nil {
		return nil, err
	}
	return safefile.ReadAll(f, environ.MaxValue)
}

// settled reports whether all of it can be remembered.
func (s *reads) settled(granularity time.Duration) bool {
	fresh := func(id identity) bool { return !id.settled(s.began, granularity) }
	if s.unknown || slices.ContainsFunc(s.own, fresh) {
		return false
	}
	for _, id := range s.files {
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

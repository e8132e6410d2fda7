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

// reads records what the result for one build depends on, apart from what all builds share.
type reads struct {
	began time.Time
	// own holds the identities of the peer's files, taken before the files were read.
	own []identity
	// files holds the identity of each file from which values were read, taken when it was opened.
	// It is zero if the file did not exist.
	files map[string]identity
	// values is the folder of values for all chaincodes.
	values string
	// folders holds all folders of values, listed those that were listed for this build, keyed by
	// clean path.
	folders *folders
	listed  map[string]*folder
	// until is the next time at which a certificate becomes valid or expires.
	until time.Time
	// unknown reports that the result depends on something else, about which nothing is known.
	unknown bool
}

// newReads returns the reads for a build. With a Memory, it looks at the peer's files.
func (r Refresher) newReads(b store.Build, dirs *folders) *reads {
	seen := &reads{
		began: time.Now(), files: map[string]identity{},
		values: r.env[environ.DirVariable], folders: dirs, listed: map[string]*folder{},
	}
	if r.Memory != nil {
		own, ok := r.own(b)
		seen.own, seen.unknown = own, !ok
	}
	return seen
}

// reader returns a Reader that records in s what an environment reads.
func (s *reads) reader() environ.Reader { return environ.Reader{File: s.read, List: s.list} }

// list lists a folder of values.
func (s *reads) list(dir string) environ.Names {
	path := filepath.Clean(dir)
	f := s.folders.at(path)
	s.listed[path] = f
	s.unknown = s.unknown || !f.known
	return f.names
}

// own returns the identities of the peer's files and folders for a build, always in the same order,
// and whether all are known. A symbolic link is not known, since its target may change.
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

// settled reports whether everything can be remembered.
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

package refresh

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/store"
)

// A build keeps its connection in two files: released, which the peer reads, and built, which the
// program build wrote.
var (
	released = path.Join(store.Release, chaincode.ReleasedConnection)
	built    = path.Join(store.Output, chaincode.ConnectionFile)
)

// target is a build, as far as it could be read.
type target struct {
	packageID string // or the folder's name if it is not the build of a package
	ours      bool   // made by a builder whose builds we render
	files     []string
	pkg       *archive.Package
	dir       *os.Root
	released  *onDisk
	built     *onDisk // nil if missing
}

// open reads a build and finds out whether it is ours. If it cannot be rendered, open returns what
// is known together with the error, which is a leftError if the build must be left alone.
func (r Refresher) open(b store.Build) (t *target, err error) {
	t = &target{packageID: b.Name()}
	packageID, err := b.PackageID()
	if err != nil {
		return t, leftError{err}
	}
	t.packageID = packageID
	// Until the values are known, the result depends on these files, which an incomplete build may
	// lack.
	t.files = []string{filepath.Join(string(b), store.InfoFile), filepath.Join(string(b), released)}
	t.dir, err = b.Open()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t, halfThere(err)
	case errors.Is(err, safefile.ErrLink):
		return t, leftError{err}
	case err != nil:
		return t, fmt.Errorf("%s cannot be read: %w", store.InfoFile, safefile.Reason(err))
	}
	defer func() {
		if err != nil {
			t.dir.Close()
		}
	}()
	builder, err := store.BuilderOf(t.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t, halfThere(err)
	case err != nil:
		return t, err
	case builder != r.Builder && !slices.Contains(r.Adopt, builder):
		_ = t.readConnections() // only for its address, if it has one
		return t, left("was made by the builder %.100q", builder)
	}
	t.ours = true
	var packageErr error
	t.pkg, packageErr = r.openPackage(packageID)
	accepts := func(ccType string) bool { return chaincode.Accepts(r.env[chaincode.TypesVariable], ccType) }
	if packageErr == nil && builder != r.Builder && !accepts(t.pkg.Metadata.Type) {
		t.ours = false
		return t, left("was made by the builder %.100q from a package of type %q, which is not ours",
			builder, chaincode.ShownType(t.pkg.Metadata.Type))
	}
	if err := t.readConnections(); err != nil {
		return t, err
	}
	return t, packageErr
}

func halfThere(err error) error {
	return left("is incomplete: the peer is copying it, or was stopped while doing so (%w)", err)
}

// readConnections reads the connections of the build.
func (t *target) readConnections() error {
	first, err := readOnDisk(t.dir, released)
	if errors.Is(err, fs.ErrNotExist) {
		return halfThere(err)
	} else if err != nil {
		return err
	}
	second, err := readOnDisk(t.dir, built)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	t.released, t.built = first, second
	return nil
}

// openPackage reads the package that the peer has kept.
func (r Refresher) openPackage(packageID string) (*archive.Package, error) {
	data, err := r.Store.ReadPackage(packageID, archive.MaxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, left("its package is gone: %w", err)
	case err != nil:
		return nil, err
	}
	pkg, err := archive.Parse(data)
	switch {
	case err != nil:
		return nil, safefile.At(r.Store.PackageFile(packageID), err)
	case pkg.ID != packageID:
		return nil, fmt.Errorf("its package is not what was installed: its package ID is %s", pkg.ID)
	}
	return pkg, nil
}

// onDisk is a connection.json of a build.
type onDisk struct {
	name       string
	info       fs.FileInfo
	data       []byte
	connection connection.Connection
	unusable   error // why the peer, or the user running this, cannot read it
}

// readOnDisk reads a connection.json, which must be a regular file but may have any content.
func readOnDisk(dir *os.Root, name string) (*onDisk, error) {
	file, info, err := safefile.OpenRegular(dir, name, os.O_RDONLY)
	switch {
	case errors.Is(err, safefile.ErrNotRegular):
		return nil, safefile.At(name, safefile.ErrNotRegular)
	case info == nil:
		return nil, safefile.At(name, err)
	case err != nil:
		return &onDisk{name: name, info: info, unusable: safefile.Reason(err)}, nil
	}
	defer file.Close()
	f := &onDisk{name: name, info: info}
	f.data, f.unusable = safefile.ReadAll(file, chaincode.MaxConnection)
	if f.unusable != nil {
		return f, nil
	}
	c, err := connection.Decode(f.data)
	if err != nil {
		f.unusable = err
	} else {
		f.connection = c
	}
	return f, nil
}

// replace replaces the old connections with data. The one that the peer reads is replaced last.
func (t *target) replace(data []byte) (warnings []error, err error) {
	for _, old := range []*onDisk{t.built, t.released} {
		if old == nil || old.is(data) {
			continue
		}
		err := safefile.Replace(t.dir, old.name, data, safefile.FileMode, old.info)
		if errors.Is(err, safefile.ErrNotSynced) {
			warnings = append(warnings, safefile.At(old.name, err))
			continue
		}
		if err != nil {
			err = safefile.At(old.name, fmt.Errorf("cannot be replaced, so the old one stays: %w", err))
			return warnings, hinted(err)
		}
	}
	return warnings, nil
}

// certificates lists the certificates of a connection.
func certificates(c connection.Connection) []Certificate {
	all := []Certificate{}
	for key, certs := range c.Certificates() {
		for _, cert := range certs {
			all = append(all, Certificate{key, connection.SHA256(cert), cert.NotAfter.UTC()})
		}
	}
	return all
}

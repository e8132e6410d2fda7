// Package store reads the folder in which a peer keeps the chaincode packages that are
// installed on it ([Store]) and what its external builders made of them ([Build]). In
// core.yaml this folder is peer.fileSystemPath. The layout is that of
// core/chaincode/persistence and core/container/externalbuilder in Fabric.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"ccaas-template-builder/internal/safefile"
)

// Names of files and folders in a build.
const (
	InfoFile = "build-info.json"
	Output   = "bld"     // what the program build wrote
	Release  = "release" // what the program release wrote; the peer reads nothing else
)

// Folders in the store.
const (
	Builders = "externalbuilder" // used by the external builders
	Packages = "lifecycle/chaincodes"
	Builds   = Builders + "/builds"
)

// maxInfo is the maximum size of build-info.json, in bytes.
const maxInfo = 64 << 10

// Store is the path of the folder in which a peer keeps packages and builds.
type Store string

// PackageFile returns the path of the package with this ID.
func (s Store) PackageFile(packageID string) string {
	return filepath.Join(string(s), Packages, packageName(packageID))
}

func packageName(packageID string) string { return strings.Replace(packageID, ":", ".", 1) + ".tar.gz" }

// ReadPackage reads the package with this ID, of at most limit bytes. The error is a
// *safefile.FileError about PackageFile.
func (s Store) ReadPackage(packageID string, limit int64) ([]byte, error) {
	dir, err := s.Open(Packages)
	if err != nil {
		return nil, safefile.At(s.PackageFile(packageID), err)
	}
	defer dir.Close()
	data, err := safefile.Read(dir, packageName(packageID), limit)
	if file := (*safefile.FileError)(nil); errors.As(err, &file) {
		file.Name = s.PackageFile(packageID)
	}
	return data, err
}

// BuildsDir returns the folder of the builds. The peer creates it when it starts.
func (s Store) BuildsDir() string { return filepath.Join(string(s), Builds) }

// Build returns the build of the package with this ID.
func (s Store) Build(packageID string) Build {
	return s.build(sanitize(packageID))
}

func (s Store) build(name string) Build { return Build(filepath.Join(s.BuildsDir(), name)) }

// Open opens the folder dir, whose path is below the store. It does not follow symbolic links
// out of the store, since other users may be able to create them.
func (s Store) Open(dir string) (*os.Root, error) {
	root, err := safefile.OpenRoot(string(s))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return safefile.OpenRootIn(root, filepath.FromSlash(dir))
}

// Builds lists the builds in the order of their names. The error is the one from reading
// BuildsDir.
func (s Store) Builds() ([]Build, error) {
	dir, err := s.Open(Builds)
	if err != nil {
		return nil, safefile.Reason(err)
	}
	defer dir.Close()
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return nil, safefile.Reason(err)
	}
	builds := make([]Build, len(entries))
	for i, entry := range entries {
		builds[i] = s.build(entry.Name())
	}
	return builds, nil
}

// Build is the path of a build: what a builder made of one package. A build may be incomplete,
// since the peer copies it file by file.
type Build string

// Name returns the name of the build's folder.
func (b Build) Name() string { return filepath.Base(string(b)) }

var buildName = regexp.MustCompile(`^([[:alnum:]][[:alnum:]_.+-]*)-([0-9a-f]{64})$`)

// PackageID returns the ID of the package that was built.
func (b Build) PackageID() (string, error) {
	parts := buildName.FindStringSubmatch(b.Name())
	if parts == nil {
		return "", errors.New("has a name that is not of the form LABEL-HASH")
	}
	return parts[1] + ":" + parts[2], nil
}

// Info is the content of a build's InfoFile.
type Info struct {
	// Builder is the name that the builder had in core.yaml when it made the build.
	Builder string `json:"builder_name"`
}

// Open opens the folder of the build, as Store.Open does. If the folder is a symbolic link,
// that is an error, since the link may lead to the build of another package.
func (b Build) Open() (*os.Root, error) {
	builds, err := Store(filepath.Join(string(b), "../../..")).Open(Builds)
	if err != nil {
		return nil, err
	}
	defer builds.Close()
	return safefile.OpenItself(builds, b.Name())
}

// Builder returns the name of the builder that made the build.
func (b Build) Builder() (string, error) {
	dir, err := b.Open()
	if err != nil {
		return "", infoError(err)
	}
	defer dir.Close()
	return BuilderOf(dir)
}

// BuilderOf does what Build.Builder does, for a build that is already open.
func BuilderOf(dir *os.Root) (string, error) {
	data, err := safefile.Read(dir, InfoFile, maxInfo)
	if err != nil {
		return "", infoError(errors.Unwrap(err))
	}
	var info Info
	if err := json.Unmarshal(data, &info); err != nil || strings.TrimSpace(info.Builder) == "" {
		return "", fmt.Errorf("its %s names no builder", InfoFile)
	}
	return info.Builder, nil
}

func infoError(err error) error {
	return fmt.Errorf("%s cannot be read: %w", InfoFile, safefile.Reason(err))
}

// sanitize does what SanitizeCCIDPath of the peer does.
func sanitize(packageID string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>:"/\|?*&`, r) {
			return '-'
		}
		return r
	}, packageID)
}

// Package store is where a peer keeps the chaincode packages that are installed
// on it ([Store]), and what its external builders made of them ([Build]): the folder that
// peer.fileSystemPath in core.yaml names. It follows core/chaincode/persistence
// and core/container/externalbuilder of Fabric.
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

// Names in a build.
const (
	InfoFile = "build-info.json"
	Output   = "bld"     // what build left
	Release  = "release" // what release left: the peer reads nothing else
)

// Folders of the store.
const (
	Builders = "externalbuilder" // of the external builders
	Packages = "lifecycle/chaincodes"
	Builds   = Builders + "/builds"
)

// maxInfo is the maximum size of a build-info.json, in bytes.
const maxInfo = 64 << 10

// Store is the path of the folder.
type Store string

// PackageFile is where the package with this ID is kept.
func (s Store) PackageFile(packageID string) string {
	return filepath.Join(string(s), Packages, packageName(packageID))
}

func packageName(packageID string) string { return strings.Replace(packageID, ":", ".", 1) + ".tar.gz" }

// ReadPackage reads the package with this ID, of at most limit bytes. The error is a
// *safefile.FileError of PackageFile.
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

// BuildsDir is the folder of the builds, which the peer makes when it starts.
func (s Store) BuildsDir() string { return filepath.Join(string(s), Builds) }

// Build is where the build of the package with this ID is kept.
func (s Store) Build(packageID string) Build {
	return s.build(sanitize(packageID))
}

func (s Store) build(name string) Build { return Build(filepath.Join(s.BuildsDir(), name)) }

// Open opens the folder dir, a path below the store. No symbolic link leads out of the
// store: what is in it may be another user's, and that user's links are not followed.
func (s Store) Open(dir string) (*os.Root, error) {
	root, err := safefile.OpenRoot(string(s))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return safefile.OpenRootIn(root, filepath.FromSlash(dir))
}

// Builds lists the builds, ordered by name. The error is that of reading
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

// Build is the path of what a builder made of one package. It may be incomplete:
// the peer copies it file by file.
type Build string

// Name is the name of its folder.
func (b Build) Name() string { return filepath.Base(string(b)) }

var buildName = regexp.MustCompile(`^([[:alnum:]][[:alnum:]_.+-]*)-([0-9a-f]{64})$`)

// PackageID is the ID of the package that was built.
func (b Build) PackageID() (string, error) {
	parts := buildName.FindStringSubmatch(b.Name())
	if parts == nil {
		return "", errors.New("has a name that is not of the form LABEL-HASH")
	}
	return parts[1] + ":" + parts[2], nil
}

// Info is a build's InfoFile.
type Info struct {
	// Builder is the name that the builder that made it had in core.yaml.
	Builder string `json:"builder_name"`
}

// Open opens the folder of the build, as Store.Open does. A link to it is an error:
// it may lead to the build of another package.
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

// BuilderOf is Builder for a build that is open.
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

// sanitize is SanitizeCCIDPath of the peer.
func sanitize(packageID string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>:"/\|?*&`, r) {
			return '-'
		}
		return r
	}, packageID)
}

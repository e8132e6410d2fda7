// Package store is where a peer keeps the chaincode packages that are installed
// on it ([Store]), and what its external builders made of them ([Build]): the folder that
// peer.fileSystemPath in core.yaml names. It follows core/chaincode/persistence
// and core/container/externalbuilder of Fabric.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
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

// maxInfo is the maximum size of a build-info.json, in bytes.
const maxInfo = 64 << 10

// Store is the path of the folder.
type Store string

// PackageFile is where the package with this ID is kept.
func (s Store) PackageFile(packageID string) string {
	return filepath.Join(string(s), "lifecycle", "chaincodes", strings.Replace(packageID, ":", ".", 1)+".tar.gz")
}

// BuildsDir is the folder of the builds, which the peer makes when it starts.
func (s Store) BuildsDir() string { return filepath.Join(string(s), "externalbuilder", "builds") }

// Build is where the build of the package with this ID is kept.
func (s Store) Build(packageID string) Build {
	return Build(filepath.Join(s.BuildsDir(), sanitize(packageID)))
}

// Builds lists the builds, ordered by name. The error is that of reading
// BuildsDir.
func (s Store) Builds() ([]Build, error) {
	entries, err := os.ReadDir(s.BuildsDir())
	if err != nil {
		return nil, safefile.Reason(err)
	}
	builds := make([]Build, len(entries))
	for i, entry := range entries {
		builds[i] = Build(filepath.Join(s.BuildsDir(), entry.Name()))
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

// Builder returns the name of the builder that made the build.
func (b Build) Builder() (string, error) {
	data, err := safefile.ReadOperators(filepath.Join(string(b), InfoFile), maxInfo)
	if err != nil {
		return "", fmt.Errorf("%s cannot be read: %w", InfoFile, err)
	}
	var info Info
	if err := json.Unmarshal(data, &info); err != nil || strings.TrimSpace(info.Builder) == "" {
		return "", fmt.Errorf("its %s names no builder", InfoFile)
	}
	return info.Builder, nil
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

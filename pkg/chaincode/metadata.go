// Package chaincode implements Fabric's rules for a chaincode package: its
// metadata ([Metadata]), its label ([CheckLabel]), its package ID ([PackageID]) and its
// state database indexes ([Artifacts]).
package chaincode

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"ccaas-template-builder/internal/jsonvalue"
	"ccaas-template-builder/internal/safefile"
)

// Names of files in a chaincode package and in a build, as the peer expects them.
const (
	MetadataFile   = "metadata.json"
	CodeFile       = "code.tar.gz"
	ConnectionFile = "connection.json"
	// ReleasedConnection is where the peer reads ConnectionFile in a release folder.
	ReleasedConnection = "chaincode/server/" + ConnectionFile
)

// Size limits of these files, in bytes. The limits on a template and its values
// keep a connection.json far smaller.
const (
	MaxMetadata   = 64 << 10
	MaxConnection = 1 << 20
)

// Metadata is a package's metadata.json.
type Metadata struct {
	Path  string `json:"path"`
	Type  string `json:"type"`
	Label string `json:"label"`
	// Extra is further information from the packager for builders, in the form that
	// fabric-cc-external-builder reads. The peer does not read it, so it may be any JSON value.
	Extra any `json:"extra,omitempty"`
}

// ReadMetadata reads metadata.json in dir as the peer does: it matches keys in any case and
// ignores unknown keys.
func ReadMetadata(dir *os.Root) (Metadata, error) {
	data, err := safefile.Read(dir, MetadataFile, MaxMetadata)
	if err != nil {
		return Metadata{}, err
	}
	return ParseMetadata(data)
}

// ParseMetadata decodes the content of a metadata.json.
func ParseMetadata(data []byte) (Metadata, error) {
	var metadata Metadata
	if err := jsonvalue.Decode(data, &metadata); err != nil {
		return Metadata{}, fmt.Errorf("%s: %w", MetadataFile, jsonError(err))
	}
	return metadata, nil
}

// jsonError describes what is wrong with a JSON file of a package, without naming Go types.
func jsonError(err error) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		if number, ok := strings.CutPrefix(wrongType.Value, "number "); ok {
			return fmt.Errorf("holds the number %.20s, which is out of range", number)
		}
		if wrongType.Field == "" {
			return fmt.Errorf("is a JSON %s, not an object", wrongType.Value)
		}
		return fmt.Errorf("%q must not be a JSON %s", wrongType.Field, wrongType.Value)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("is not valid JSON, at byte %d: %w", syntax.Offset, err)
	}
	return fmt.Errorf("is not valid JSON: %w", err)
}

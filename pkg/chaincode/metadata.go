// Package chaincode knows what Fabric says about a chaincode package: its
// metadata, its label, its package ID and its state database indexes.
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

// Names in a chaincode package and in a build, as the peer has them.
const (
	MetadataFile   = "metadata.json"
	CodeFile       = "code.tar.gz"
	ConnectionFile = "connection.json"
	// ReleasedConnection is where the peer reads it in a release folder.
	ReleasedConnection = "chaincode/server/" + ConnectionFile
)

// Bounds of these files, in bytes. What is in a connection.json is bounded far
// below by its template and its values.
const (
	MaxMetadata   = 64 << 10
	MaxConnection = 1 << 20
)

// DefaultType is the type in metadata.json of a chaincode that runs as a service.
const DefaultType = "ccaas"

// Metadata is a package's metadata.json.
type Metadata struct {
	Path  string `json:"path"`
	Type  string `json:"type"`
	Label string `json:"label"`
	// Extra is whatever else the packager wanted builders to know, of the form
	// that fabric-cc-external-builder reads.
	// The peer does not read it, so it may be any JSON value.
	Extra any `json:"extra,omitempty"`
}

// ReadMetadata reads metadata.json in dir, by the peer's rules: keys in any
// case, unknown ones ignored.
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

// jsonError says what is wrong with a document of a package in words that do
// not depend on Go's types.
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

// maxLabel is how long a label may be for the peer's scratch folder,
// fabric-LABEL-HASH with up to ten random digits, to have a name that file
// systems take (255 bytes).
const maxLabel = 255 - len("fabric--") - 64 - 10

// LabelError is what is wrong with a label.
type LabelError struct{ text string }

func (e *LabelError) Error() string { return e.text }

// CheckLabel holds label against the peer's rule (LabelRegexp of
// core/chaincode/persistence): a letter or digit, then letters, digits and _.+-
// Its error is a *LabelError.
func CheckLabel(label string) error {
	if label == "" {
		return &LabelError{"the label is empty"}
	}
	for i := range len(label) {
		if c := label[i]; !alphanumeric(c) && (i == 0 || c != '_' && c != '.' && c != '+' && c != '-') {
			return &LabelError{fmt.Sprintf("label %q: a label is letters, digits and any of _.+- and begins with a letter or digit", label)}
		}
	}
	if len(label) > maxLabel {
		return &LabelError{fmt.Sprintf("label %q: longer than %d bytes, so the peer could not make its folders", label, maxLabel)}
	}
	return nil
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// PackageID is the ID by which a peer knows the package with this label whose
// bytes have the SHA-256 sum hash.
func PackageID(label string, hash [32]byte) string {
	return fmt.Sprintf("%s:%x", label, hash)
}

// TypesVariable lists the metadata types that are ours, with commas between them.
const TypesVariable = "CCAAS_TYPES"

const defaultTypes = DefaultType + ",external"

// Accepts tells whether a type, in any case, is one of types, with commas between
// them, or of the default where there are none.
func Accepts(types, ccType string) bool {
	if strings.Trim(types, ", ") == "" {
		types = defaultTypes
	}
	for ours := range strings.SplitSeq(types, ",") {
		if strings.EqualFold(ccType, strings.TrimSpace(ours)) && ccType != "" {
			return true
		}
	}
	return false
}

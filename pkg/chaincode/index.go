package chaincode

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The folders of a package for files that accompany the code, mainly state database indexes.
// Fabric's packager writes MetaInf, and its sample builder scripts read SampleMetadata. A
// build has only MetaInf.
const (
	MetaInf        = "META-INF"
	SampleMetadata = "metadata"
	StateDB        = "statedb"
)

// Limits on one index definition and on all indexes of a package, in bytes.
const (
	maxIndex   = 64 << 10
	maxIndexes = 4 << 20
)

// CheckIndexPath checks that name, relative to META-INF, is a path where the peer looks for
// CouchDB indexes (internal/ccmetadata in Fabric):
//
//	statedb/couchdb/indexes/NAME.json
//	statedb/couchdb/collections/COLLECTION/indexes/NAME.json
func CheckIndexPath(name string) error {
	parts := strings.Split(name, "/")
	switch {
	case len(parts) < 3 || parts[1] != "couchdb":
		return errors.New("indexes must be for CouchDB, in statedb/couchdb")
	case parts[2] == "collections" && len(parts) == 6 && parts[4] == "indexes":
		if !collectionName(parts[3]) {
			return fmt.Errorf("collection %s: a collection name may contain only letters, digits, _ and -", short(parts[3]))
		}
	case parts[2] == "indexes" && len(parts) == 4:
	default:
		return errors.New("an index must be in statedb/couchdb/indexes or statedb/couchdb/collections/COLLECTION/indexes")
	}
	noName := !strings.HasSuffix(name, ".json") || strings.HasSuffix(name, "/.json")
	if noName || strings.ContainsFunc(name, unicode.IsControl) {
		return errors.New("an index must be a file NAME.json, without control characters in its name")
	}
	return nil
}

// indexMeant returns the path where the peer would find an index that is now at name, or ""
// if name does not look like the path of an index. Both paths are relative to META-INF.
func indexMeant(name string) string {
	dirs := strings.Split(strings.ToLower(path.Dir(name)), "/")
	isIndex := slices.ContainsFunc(dirs, func(dir string) bool {
		return slices.Contains([]string{StateDB, "couchdb", "index", "indexes", "indices", "collections"}, dir)
	})
	if !isIndex || !strings.HasSuffix(name, ".json") {
		return ""
	}
	place := StateDB + "/couchdb"
	if i := slices.Index(dirs, "collections"); i >= 0 && i+1 < len(dirs) {
		place += "/collections/" + strings.Split(name, "/")[i+1]
	}
	return place + "/indexes/" + path.Base(name)
}

func collectionName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !alphanumeric(c) && c != '_' && c != '-' {
			return false
		}
	}
	return name != ""
}

// CheckIndex checks that an index file is a definition that the peer's packager accepts
// (internal/ccmetadata in Fabric), and that it meets further requirements of CouchDB: at
// least one field, each with at most one order. The peer itself checks nothing at install.
// If CouchDB rejects an index, the peer only logs it.
func CheckIndex(data []byte) error {
	definition, err := object(data)
	if err != nil {
		return err
	}
	if _, ok := definition["index"]; !ok {
		return errors.New(`has no "index"`)
	}
	for _, key := range slices.Sorted(maps.Keys(definition)) {
		value := definition[key]
		var text string
		isText := json.Unmarshal(value, &text) == nil && string(value) != "null"
		switch {
		case key == "index":
			err = checkIndexFields(value)
		case key == "ddoc" || key == "name":
			if !isText {
				err = fmt.Errorf("%q must be a string", key)
			}
		case key == "type":
			if text != "json" {
				err = errors.New(`"type" must be "json"`)
			}
		default:
			err = fmt.Errorf("unknown key in the index definition: %s", short(key))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func checkIndexFields(data []byte) error {
	index, err := object(data)
	if err != nil {
		return fmt.Errorf(`"index": %w`, err)
	}
	for key, value := range index {
		if key != "fields" && key != "partial_filter_selector" {
			return fmt.Errorf(`unknown key in "index": %s`, short(key))
		}
		if key == "fields" {
			continue // checked below
		}
		var whole any // to find numbers that are out of range
		if err := json.Unmarshal(value, &whole); err != nil {
			return jsonError(err)
		}
	}
	var fields []json.RawMessage
	if json.Unmarshal(index["fields"], &fields) != nil || len(fields) == 0 {
		return errors.New(`"index" must have "fields", a non-empty list`)
	}
	for i, field := range fields {
		if err := checkIndexField(field); err != nil {
			return fmt.Errorf("field %d of the index: %w", i+1, err)
		}
	}
	return nil
}

// object decodes a JSON object with case-sensitive keys.
func object(data []byte) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, jsonError(err)
	}
	if members == nil {
		return nil, errors.New("is null, not an object")
	}
	return members, nil
}

// checkIndexField accepts "name", {"name": "asc"} and {"name": "desc"}.
func checkIndexField(data json.RawMessage) error {
	var name string
	if json.Unmarshal(data, &name) == nil && string(data) != "null" {
		return nil
	}
	var sorted map[string]string
	if json.Unmarshal(data, &sorted) != nil || len(sorted) != 1 {
		return errors.New(`must be a name, or an object that maps one name to "asc" or "desc"`)
	}
	for _, order := range sorted {
		if order := strings.ToLower(order); order != "asc" && order != "desc" {
			return errors.New(`the order must be "asc" or "desc"`)
		}
	}
	return nil
}

// short returns a name from a package in the form that an error may contain. It does not
// quote a long name, which could be anything, even a private key.
func short(name string) string {
	const longest = 32
	if len(name) > longest {
		return fmt.Sprintf("name of %d bytes", len(name))
	}
	return strconv.Quote(name)
}

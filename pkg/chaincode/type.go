package chaincode

import (
	"errors"
	"fmt"
	"strings"
)

// DefaultType is the type in metadata.json of chaincode that runs as a service.
const DefaultType = "ccaas"

// TypesVariable is the name of the variable that lists the accepted types, separated by commas.
const TypesVariable = "CCAAS_TYPES"

const defaultTypes = DefaultType + ",external"

// Accepts reports whether ccType is in types, a list separated by commas, regardless of case.
// If the list is empty, ccType must be one of the default types.
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

// CheckType rejects types that a package made here cannot have. The detect program of a builder
// decides which of the others it accepts.
func CheckType(ccType string) error {
	for _, r := range ccType {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '.') {
			return fmt.Errorf("type %q: a type may contain only letters, digits and . _ -", ccType)
		}
	}
	if ccType == "" {
		return errors.New("the type is empty")
	}
	return nil
}

// ShownType returns a type from a package as a message may show it. What does not look like a type
// could be anything, even a private key.
func ShownType(ccType string) string {
	const longest = 32 // fewer characters than a private key has in any encoding
	if ccType != "" && CheckType(ccType) != nil || len(ccType) > longest {
		return "(hidden)"
	}
	return ccType
}

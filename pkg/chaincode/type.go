package chaincode

import "strings"

// DefaultType is the type in metadata.json of a chaincode that runs as a service.
const DefaultType = "ccaas"

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

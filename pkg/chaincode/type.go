package chaincode

import "strings"

// DefaultType is the type in metadata.json of a chaincode that runs as a service.
const DefaultType = "ccaas"

// TypesVariable names the variable that lists the metadata types we accept, separated by commas.
const TypesVariable = "CCAAS_TYPES"

const defaultTypes = DefaultType + ",external"

// Accepts reports whether a type, in any case, is one of types, separated by
// commas, or of the default types if there are none.
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

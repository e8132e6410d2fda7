package chaincode

import "strings"

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

// Package detect is the first step of an external builder: it says whether a
// package is ours. The peer runs it for every package, its own or not.
package detect

import (
	"strings"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
)

// TypesVariable lists the metadata types that are ours, with commas between them.
const TypesVariable = "CCAAS_TYPES"

const defaultTypes = chaincode.DefaultType + ",external"

// Exit statuses: the peer takes both for "not mine".
const (
	notMine = 1
	broken  = 2
)

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

// Run is the program detect, as the peer calls it:
//
//	detect CHAINCODE_SOURCE_DIR CHAINCODE_METADATA_DIR
//
// It succeeds if the type in metadata.json, in any case, is one of CCAAS_TYPES.
// All else about a package of ours is for build to refuse, which is heard.
func Run(p *program.Program) error {
	if len(p.Args) != 2 {
		return p.Usage("CHAINCODE_SOURCE_DIR CHAINCODE_METADATA_DIR")
	}
	dir, err := safefile.Open(p.Args[1], "metadata folder")
	if err != nil {
		return program.Exit(broken, err)
	}
	defer dir.Close()
	metadata, err := chaincode.ReadMetadata(dir)
	if err != nil {
		return program.Exit(broken, err)
	}
	if Accepts(p.Env[TypesVariable], metadata.Type) {
		p.Info("type %q is ours", metadata.Type)
		return nil
	}
	p.Debug("type %q is none of %s", metadata.Type, TypesVariable)
	return program.Exit(notMine, nil)
}

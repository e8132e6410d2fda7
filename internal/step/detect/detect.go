// Package detect is the first step of an external builder. It decides whether a package is
// ours. The peer runs it for every package that is installed.
package detect

import (
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
)

// Exit statuses. The peer takes both for "not mine".
const (
	notMine = 1
	broken  = 2
)

// Run is the program detect, as the peer calls it:
//
//	detect CHAINCODE_SOURCE_DIR CHAINCODE_METADATA_DIR
//
// It succeeds if the type in metadata.json is listed in CCAAS_TYPES, in upper or lower case.
// It leaves everything else that may be wrong to build, since people see only the errors of
// build.
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
	if chaincode.Accepts(p.Env[chaincode.TypesVariable], metadata.Type) {
		p.Info("type %q is ours", metadata.Type)
		return nil
	}
	p.Debug("type %q is not in %s", chaincode.ShownType(metadata.Type), chaincode.TypesVariable)
	return program.Exit(notMine, nil)
}

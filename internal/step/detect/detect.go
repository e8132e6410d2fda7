// Package detect is the first step of an external builder: it says whether a
// package is ours. The peer runs it for every package, its own or not.
package detect

import (
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
)

// Exit statuses: the peer takes both for "not mine".
const (
	notMine = 1
	broken  = 2
)

// Run is the program detect, as the peer calls it:
//
//	detect CHAINCODE_SOURCE_DIR CHAINCODE_METADATA_DIR
//
// It succeeds if the type in metadata.json, in any case, is one of CCAAS_TYPES.
// Build refuses whatever else is wrong with a package of ours: its errors are seen.
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
	p.Debug("type %q is not in %s", metadata.Type, chaincode.TypesVariable)
	return program.Exit(notMine, nil)
}

// Package release is the third step of an external builder. It copies what build wrote to
// where the peer reads it.
package release

import (
	"fmt"
	"os"
	"strings"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
)

// Run is the program release, as the peer calls it:
//
//	release BUILD_OUTPUT_DIR RELEASE_OUTPUT_DIR
//
// It writes chaincode/server/connection.json and statedb/…. Once there is a release folder,
// the peer ignores the package's own META-INF.
func Run(p *program.Program) error {
	if len(p.Args) != 2 {
		return p.Usage("BUILD_OUTPUT_DIR RELEASE_OUTPUT_DIR")
	}
	build, err := safefile.Open(p.Args[0], "build folder")
	if err != nil {
		return err
	}
	defer build.Close()
	outputDir, err := safefile.Open(p.Args[1], "release folder")
	if err != nil {
		return err
	}
	defer outputDir.Close()

	connection, err := safefile.Read(build, chaincode.ConnectionFile, chaincode.MaxConnection)
	if err != nil {
		return fmt.Errorf("build wrote no %w", err)
	}
	indexes, err := safefile.Files(build, chaincode.MetaInf+"/"+chaincode.StateDB)
	if err != nil {
		return err
	}
	output := safefile.NewOutput(outputDir)
	defer output.Close()
	err = output.Fill(func() error { return write(p, output, connection, build, indexes) })
	if err != nil {
		return err
	}
	p.Info("released connection.json and %d index files", len(indexes))
	return nil
}

// write writes the release folder. connection.json comes last.
func write(
	p *program.Program, output *safefile.Output, connection []byte, build *os.Root, indexes []string,
) error {
	files := safefile.NewFolder(build)
	defer files.Close()
	for _, from := range indexes {
		if err := p.Stopped(); err != nil {
			return err
		}
		if err := output.Copy(strings.TrimPrefix(from, chaincode.MetaInf+"/"), files, from); err != nil {
			return err
		}
	}
	if err := p.Stopped(); err != nil {
		return err
	}
	return output.Write(chaincode.ReleasedConnection, connection)
}

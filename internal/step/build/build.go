// Package build is the second step of an external builder. It renders the package's
// connection.json for this peer, checks the package's indexes, and writes both to the build
// output.
package build

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
)

// Run is the program build, as the peer calls it:
//
//	build CHAINCODE_SOURCE_DIR CHAINCODE_METADATA_DIR BUILD_OUTPUT_DIR
//
// It writes nothing if there is any error. The output has connection.json, the files of the
// metadata folder, and META-INF.
func Run(p *program.Program) error {
	if len(p.Args) != 3 {
		return p.Usage("CHAINCODE_SOURCE_DIR CHAINCODE_METADATA_DIR BUILD_OUTPUT_DIR")
	}
	source, err := safefile.Open(p.Args[0], "source folder")
	if err != nil {
		return err
	}
	defer source.Close()
	metadataDir, err := safefile.Open(p.Args[1], "metadata folder")
	if err != nil {
		return err
	}
	defer metadataDir.Close()
	outputDir, err := safefile.Open(p.Args[2], "output folder")
	if err != nil {
		return err
	}
	defer outputDir.Close()

	encoded, connectionErr := renderConnection(p, source, metadataDir)
	artifacts, hidden, artifactsErr := chaincode.Artifacts(source)
	metadata, metadataErr := metadataFiles(metadataDir)
	if err := errors.Join(connectionErr, artifactsErr, metadataErr); err != nil {
		return err
	}
	var warnings []string
	for _, name := range hidden {
		warnings = append(warnings, fmt.Sprintf("%q: is hidden, so it is left out", name))
	}
	for _, a := range artifacts {
		if !a.Index {
			warnings = append(warnings, fmt.Sprintf("%q: %s", a.From, a.Ignored()))
		}
	}
	p.WarnAll(warnings)
	output := safefile.NewOutput(outputDir)
	defer output.Close()
	return output.Fill(func() error {
		return write(p, output, encoded, metadataDir, metadata, source, artifacts)
	})
}

// write writes the output. connection.json comes last, so that it is there only if everything
// is.
func write(
	p *program.Program, output *safefile.Output, connection []byte,
	metadataDir *os.Root, metadata []string,
	source *os.Root, artifacts []chaincode.Artifact,
) error {
	metadataFiles, sourceFiles := safefile.NewFolder(metadataDir), safefile.NewFolder(source)
	defer metadataFiles.Close()
	defer sourceFiles.Close()
	for _, name := range metadata {
		if err := p.Stopped(); err != nil {
			return err
		}
		if err := output.Copy(name, metadataFiles, name); err != nil {
			return err
		}
	}
	for _, a := range artifacts {
		if err := p.Stopped(); err != nil {
			return err
		}
		if err := output.Copy(a.To, sourceFiles, a.From); err != nil {
			return err
		}
	}
	if err := p.Stopped(); err != nil {
		return err
	}
	return output.Write(chaincode.ConnectionFile, connection)
}

// renderConnection returns the content of connection.json for this peer.
func renderConnection(p *program.Program, source, metadataDir *os.Root) ([]byte, error) {
	metadata, err := chaincode.ReadMetadata(metadataDir)
	if err != nil {
		return nil, err
	}
	if metadata.Label != "" {
		if err := chaincode.CheckLabel(metadata.Label); err != nil {
			return nil, fmt.Errorf("%s: %w", chaincode.MetadataFile, err)
		}
	}
	parsed, templateErr := template.ParseDir(source)
	env, envErr := environ.Load(p.Env, metadata.Label)
	if err := errors.Join(templateErr, parsed.Placed(envErr)); err != nil {
		return nil, err
	}
	rendered, err := parsed.Render(env, metadata, p.Now())
	if err != nil {
		return nil, err
	}
	explain(p, metadata.Label, rendered)
	return rendered.Connection.Encode(), nil
}

// explain logs where the values of a connection came from, without the values.
func explain(p *program.Program, label string, rendered template.Rendered) {
	for _, warning := range rendered.Warnings {
		p.Warn("%v", warning)
	}
	for _, key := range connection.Keys() {
		if from, ok := rendered.Sources[key]; ok {
			p.Debug("%s: from %s", key, strings.Join(append(from, "the template"), ", "))
		}
	}
	c := rendered.Connection
	if p.Debugs() { // do not parse the certificates for nothing
		for key, certificates := range c.Certificates() {
			for _, cert := range certificates {
				p.Debug("%s: certificate %s until %s", key, connection.Fingerprint(cert), cert.NotAfter.UTC().Format(time.RFC3339))
			}
		}
	}
	p.Info("connection.json rendered for %q: TLS %t, client certificate %t", label, c.TLSRequired, c.ClientAuthRequired)
}

// metadataFiles lists the files of the metadata folder. A file with a name that the output
// needs for itself is an error.
func metadataFiles(dir *os.Root) ([]string, error) {
	files, err := safefile.Files(dir, ".")
	for _, name := range files {
		if name == chaincode.ConnectionFile || strings.HasPrefix(name+"/", chaincode.MetaInf+"/") {
			err = errors.Join(err, fmt.Errorf("%q: does not belong in a metadata folder", name))
		}
	}
	return files, err
}

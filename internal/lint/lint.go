// Package lint finds everything wrong with a chaincode package that can be known without the
// values of a peer.
package lint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/pemtext"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
)

// Source is a package, or the folder that a package is made from.
type Source struct {
	Dir      chaincode.Dir    // the code
	Package  *archive.Package // nil for a folder
	Metadata chaincode.Metadata
}

// Peers says what is known about the peers that are to install the package.
type Peers struct {
	// Fabric is the major version of the peers, or 0 if unknown.
	Fabric int
	// CoreYAML is the path of their core.yaml, or empty if unknown. Data is its content, and
	// Builder is the name of our builder in it.
	CoreYAML string
	Data     []byte
	Builder  string
	// EnvDir is the folder of values that the peers have, or empty if there is none.
	EnvDir string
}

// Check returns what is wrong with a package as of the time now. It is incomplete if ctx ends.
func Check(ctx context.Context, source Source, peers Peers, now time.Time) []finding.Finding {
	all := metadata(source)
	found, parsed := ofTemplate(source.Dir, peers.Fabric, now)
	all = append(all, found...)
	all = append(all, artifacts(source.Dir)...)
	all = append(all, privateKeys(ctx, source)...)
	if peers.CoreYAML != "" {
		all = append(all, coreYAML(peers, parsed, source.Metadata.Label)...)
	}
	return all
}

// Unreadable returns the finding about a package file that could not be read or unpacked.
func Unreadable(err error) finding.Finding {
	code := finding.BadPackage
	if label := (*chaincode.LabelError)(nil); errors.As(err, &label) {
		code = finding.BadLabel
	}
	return ofFile(code, err).WithHint("%s", strings.Join(message.Hints(err), "; "))
}

// metadata checks the metadata.json of the package.
func metadata(source Source) []finding.Finding {
	var all []finding.Finding
	switch ccType := source.Metadata.Type; {
	case ccType == "":
		all = append(all, finding.New(finding.BadPackage, chaincode.MetadataFile,
			"has no type, so no builder takes the package").WithOtherwise(""))
	case !chaincode.Accepts("", ccType):
		all = append(all, OtherType(ccType))
	}
	return append(all, unread(source)...)
}

// OtherType returns the finding about a type that no builder of ours accepts by default.
func OtherType(ccType string) finding.Finding {
	return finding.New(finding.UnknownType, chaincode.MetadataFile,
		"the type is %q, which detect accepts only if %s lists it", chaincode.ShownType(ccType), chaincode.TypesVariable).
		WithHint("package it with --type %s, or set %s for the peer process and propagate it",
			chaincode.DefaultType, chaincode.TypesVariable)
}

// unread reports the files of a package that neither the peer nor the builder reads. In a
// folder, files that are not packaged do not matter, unless they were probably meant to be.
func unread(source Source) []finding.Finding {
	var all []finding.Finding
	others, _ := chaincode.LeftOut(source.Dir)
	if source.Package == nil {
		for _, name := range others {
			if meant := chaincode.FolderMeant(name); meant != "" {
				all = append(all, finding.New(finding.UnusedFile, name, "is left out of the package, did you mean %q", meant))
			}
		}
		return all
	}
	for _, name := range source.Package.Unknown {
		all = append(all, finding.New(finding.IgnoredEntry, name,
			"the peer ignores this entry of the package, but it counts towards the package ID"))
	}
	for _, name := range others {
		text := fmt.Sprintf("is in %s, but nothing reads it", chaincode.CodeFile)
		if meant := chaincode.FolderMeant(name); meant != "" {
			text += fmt.Sprintf(", did you mean %q", meant)
		}
		all = append(all, finding.New(finding.UnusedFile, name, "%s", text))
	}
	return all
}

// artifacts checks the folders META-INF and metadata.
func artifacts(dir chaincode.Dir) []finding.Finding {
	var all []finding.Finding
	found, hidden, err := chaincode.Artifacts(dir)
	for _, err := range message.Errors(err) {
		all = append(all, ofFile(finding.BadIndex, err))
	}
	for _, name := range hidden {
		all = append(all, finding.New(finding.IgnoredInMeta, name, "is hidden, so it is left out"))
	}
	for _, a := range found {
		if !a.Index {
			all = append(all, finding.New(finding.IgnoredInMeta, a.From, "%s", a.Ignored()))
		}
	}
	return all
}

// ofFile returns a finding about the file that err is about, if it is a safefile.FileError.
func ofFile(code finding.Code, err error) finding.Finding {
	if file := (*safefile.FileError)(nil); errors.As(err, &file) {
		return finding.New(code, file.Name, "%s", file.Err)
	}
	return finding.New(code, "", "%s", err)
}

// Limits in bytes: maxSearched for a file that is searched for a key, maxAllSearched for all
// files together. Each file counts as perFile more than its size.
const (
	maxSearched    = 64 << 10
	maxAllSearched = 1 << 20
	perFile        = 1 << 10
)

// privateKeys looks for private keys in the files of a package. It leaves out the template,
// whose fields are searched one by one.
func privateKeys(ctx context.Context, source Source) []finding.Finding {
	var all []finding.Finding
	left := maxAllSearched
	search := func(name string, data []byte) {
		if left -= len(data); left > 0 && pemtext.TextHoldsKey(string(data)) {
			all = append(all, keyFound(name, "holds a private key"))
		}
	}
	folders := []string{chaincode.MetaInf, chaincode.SampleMetadata}
	if source.Package != nil {
		folders = []string{"."}
		search(chaincode.MetadataFile, source.Package.RawMetadata)
		err := source.Package.EachUnknown(ctx, func(name string, size int64, r io.Reader) error {
			if left -= perFile; left < 0 || size > maxSearched {
				return nil
			}
			data, err := io.ReadAll(r)
			search(name, data)
			return err
		})
		if err != nil {
			all = append(all, ofFile(finding.BadPackage, err))
		}
	}
	template, _ := chaincode.TemplateFile(source.Dir)
	for _, folder := range folders {
		files, _ := safefile.Files(source.Dir, folder) // errors are reported elsewhere
		for _, name := range files {
			if left -= perFile; left < 0 {
				break
			}
			if data, err := safefile.Read(source.Dir, name, maxSearched); err == nil && name != template {
				search(name, data)
			}
		}
	}
	return all
}

func keyFound(place, what string) finding.Finding {
	return finding.New(finding.KeyInPackage, place, "%s: everyone who has the package has it", what).
		WithHint("remove it, use another key from now on, and let each peer supply its own " +
			"with CORE_CHAINCODE_TLS_CLIENT_KEY_FILE")
}

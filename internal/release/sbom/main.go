// Command sbom writes the SPDX document of a release. For each archive in its arguments, it
// lists the modules that are linked into the programs in the archive. Everything comes from
// the archives, so the same archives always give the same document.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
)

const project = "ccaas-template-builder"

func main() {
	doc, err := document(os.Args[1:])
	if err == nil {
		err = spdxjson.Write(doc, os.Stdout, spdxjson.Indent("  "))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func document(archives []string) (*v2_3.Document, error) {
	doc := &v2_3.Document{
		SPDXVersion:    v2_3.Version,
		DataLicense:    v2_3.DataLicense,
		SPDXIdentifier: "DOCUMENT",
		CreationInfo:   &v2_3.CreationInfo{},
	}
	all := sha256.New()
	modules := map[common.ElementID]*v2_3.Package{}
	for _, file := range archives {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all.Write(content)
		programs, err := programs(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if len(programs) == 0 {
			return nil, fmt.Errorf("%s: contains no program", file)
		}
		main := programs[0].Main
		version := main.Version
		name := filepath.Base(file)
		sum := fmt.Sprintf("%x", sha256.Sum256(content))
		archive := &v2_3.Package{
			PackageName:             project,
			PackageSPDXIdentifier:   id("Archive", name),
			PackageVersion:          version,
			PackageFileName:         name,
			PackageDownloadLocation: "NOASSERTION",
			PackageChecksums:        []common.Checksum{{Algorithm: common.SHA256, Value: sum}},
			PackageLicenseDeclared:  "Apache-2.0",
			PrimaryPackagePurpose:   "ARCHIVE",
		}
		doc.Packages = append(doc.Packages, archive)
		relate(doc, doc.SPDXIdentifier, "DESCRIBES", archive.PackageSPDXIdentifier)
		linked := map[common.ElementID]bool{}
		for _, program := range programs {
			for _, module := range append(program.Deps, standardLibrary(program)) {
				pkg := modulePackage(module)
				modules[pkg.PackageSPDXIdentifier] = pkg
				linked[pkg.PackageSPDXIdentifier] = true
			}
		}
		for _, module := range sorted(linked) {
			relate(doc, archive.PackageSPDXIdentifier, "DEPENDS_ON", module)
		}
		doc.DocumentName = project + "_" + version
		doc.CreationInfo.Creators = []common.Creator{{CreatorType: "Tool", Creator: main.Path + "/internal/release/sbom"}}
		doc.CreationInfo.Created = setting(programs[0], "vcs.time")
	}
	for _, module := range sorted(modules) {
		doc.Packages = append(doc.Packages, modules[module])
	}
	// SPDX requires a namespace that no other document has.
	doc.DocumentNamespace = fmt.Sprintf("https://spdx.org/spdxdocs/%s-%x", doc.DocumentName, all.Sum(nil))
	return doc, nil
}

// programs returns what Go records in the programs in an archive.
func programs(archive []byte) ([]*debug.BuildInfo, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	var programs []*debug.BuildInfo
	for entries := tar.NewReader(unzipped); ; {
		entry, err := entries.Next()
		if err == io.EOF {
			return programs, nil
		}
		if err != nil {
			return nil, err
		}
		if entry.Typeflag != tar.TypeReg || path.Base(path.Dir(entry.Name)) != "bin" {
			continue
		}
		content, err := io.ReadAll(entries)
		if err != nil {
			return nil, err
		}
		info, err := buildinfo.Read(bytes.NewReader(content))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name, err)
		}
		programs = append(programs, info)
	}
}

func setting(program *debug.BuildInfo, key string) string {
	for _, setting := range program.Settings {
		if setting.Key == key {
			return setting.Value
		}
	}
	return ""
}

// standardLibrary returns Go's standard library, under the name that vulnerability databases
// use.
func standardLibrary(program *debug.BuildInfo) *debug.Module {
	return &debug.Module{Path: "stdlib", Version: strings.TrimPrefix(program.GoVersion, "go")}
}

func modulePackage(module *debug.Module) *v2_3.Package {
	return &v2_3.Package{
		PackageName:             module.Path,
		PackageSPDXIdentifier:   id("Module", module.Path+"-"+module.Version),
		PackageVersion:          module.Version,
		PackageDownloadLocation: "NOASSERTION",
		PackageExternalReferences: []*v2_3.PackageExternalReference{{
			Category: common.CategoryPackageManager,
			RefType:  "purl",
			Locator:  "pkg:golang/" + module.Path + "@" + module.Version,
		}},
	}
}

func relate(doc *v2_3.Document, a common.ElementID, how string, b common.ElementID) {
	doc.Relationships = append(doc.Relationships, &v2_3.Relationship{
		RefA:         common.DocElementID{ElementRefID: a},
		RefB:         common.DocElementID{ElementRefID: b},
		Relationship: how,
	})
}

// id returns an identifier that has only characters that SPDX allows.
func id(kind, name string) common.ElementID {
	return common.ElementID(kind + "-" + regexp.MustCompile(`[^A-Za-z0-9.-]`).ReplaceAllString(name, "-"))
}

func sorted[V any](set map[common.ElementID]V) []common.ElementID {
	return slices.Sorted(maps.Keys(set))
}

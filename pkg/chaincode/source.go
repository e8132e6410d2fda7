package chaincode

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"ccaas-template-builder/internal/nearest"
	"ccaas-template-builder/internal/safefile"
)

// Dir is a folder of code: an *os.Root, or the code of a package file in memory.
type Dir interface {
	FS() fs.FS
	Lstat(name string) (fs.FileInfo, error)
}

// templateFiles holds the allowed names of a connection.json template.
var templateFiles = [...]string{ConnectionFile, ConnectionFile + ".tmpl"}

// IsTemplateFile reports whether a template may have the name.
func IsTemplateFile(name string) bool { return slices.Contains(templateFiles[:], name) }

// TemplateFiles returns the names of the templates in a folder of code.
func TemplateFiles(dir Dir) (found []string, err error) {
	for _, name := range templateFiles {
		switch _, err := dir.Lstat(name); {
		case err == nil:
			found = append(found, name)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, safefile.At(name, err)
		}
	}
	return found, nil
}

// TemplateFile returns the name of the only template in a folder of code.
func TemplateFile(dir Dir) (string, error) {
	found, err := TemplateFiles(dir)
	if err != nil {
		return "", err
	}
	name, err := OneTemplate(found)
	if len(found) == 0 {
		err = fmt.Errorf("%w%s", err, insteadOfTemplate(dir))
	}
	return name, err
}

// insteadOfTemplate returns the end of the error about a missing template: it names a file
// in dir that may be meant as the template. If there is no such file, it returns "".
func insteadOfTemplate(dir Dir) string {
	if _, err := dir.Lstat(CodeFile); err == nil {
		return fmt.Sprintf(", but %s, which is part of a package and not of its code", CodeFile)
	}
	found, left := "", safefile.MaxEntries
	fs.WalkDir(dir.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		const deepest = 3
		depth := strings.Count(name, "/")
		switch left--; {
		case left < 0:
			return fs.SkipAll
		case err != nil || entry.IsDir():
			if depth >= deepest {
				return fs.SkipDir
			}
		case likeTemplate(entry.Name()) && (found == "" || depth < strings.Count(found, "/")):
			found = name
		}
		return nil
	})
	switch {
	case found == "":
		return ""
	case !strings.Contains(found, "/"):
		return fmt.Sprintf(", but there is %q: rename it", found)
	case !IsTemplateFile(path.Base(found)):
		return fmt.Sprintf(", but there is %.200q: move it to the top, and rename it", found)
	}
	return fmt.Sprintf(", but there is %.200q: move it to the top", found)
}

// likeTemplate reports whether a file name is probably meant as a template name. Names of
// collection configurations and connection profiles are often similar, but do not count.
func likeTemplate(name string) bool {
	stem, rest, _ := strings.Cut(strings.ToLower(name), ".")
	const ours = "connection"
	isJSON := strings.Contains(rest, "json") || strings.Contains(rest, "tmpl")
	return isJSON && !strings.HasPrefix(stem, "collection") && nearest.Name(ours, []string{stem}) != ""
}

// OneTemplate returns the only template in found, or an error if there are none or several.
func OneTemplate(found []string) (string, error) {
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no %s in the package's code", strings.Join(templateFiles[:], " or "))
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%s both exist: remove one", strings.Join(found, " and "))
}

// LeftOut names the entries of a folder of code that nothing reads: all except templates,
// MetaInf and SampleMetadata.
func LeftOut(dir Dir) ([]string, error) {
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return nil, safefile.Reason(err)
	}
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		if name != MetaInf && name != SampleMetadata && !IsTemplateFile(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// FolderMeant returns the package folder that is probably meant by a name that nothing reads, or
// "" if there is no such folder.
func FolderMeant(name string) string {
	const indexes = MetaInf + "/" + StateDB + "/couchdb"
	switch strings.ToLower(name) {
	case StateDB:
		return MetaInf + "/" + StateDB
	case "couchdb":
		return indexes
	case "indexes", "collections":
		return indexes + "/" + strings.ToLower(name)
	}
	if strings.Contains(name, ".") { // a file
		return ""
	}
	return nearest.Name(name, []string{MetaInf, SampleMetadata})
}

// Artifact is a file of a package other than its template.
type Artifact struct {
	From  string // its path in the package
	To    string // its path in a build, below MetaInf
	Index bool   // whether it is a state database index; the peer reads no other artifacts
}

// Ignored returns the message that the peer does not read a, which is not an index. If a
// seems to be meant as an index, the message also names the path where the peer would read it.
func (a Artifact) Ignored() string {
	text := "the peer reads only " + StateDB + " there"
	layout, place, _ := strings.Cut(a.From, "/")
	if meant := indexMeant(place); meant != "" {
		text += fmt.Sprintf(", did you mean %.300q", layout+"/"+meant)
	}
	return text
}

// Artifacts lists the files in META-INF and metadata of a folder of code, the two possible
// layouts. Only valid indexes may be under statedb. Hidden files, such as .gitkeep, are
// listed separately, because Fabric's packager ignores them.
func Artifacts(dir Dir) (artifacts []Artifact, hidden []string, err error) {
	artifacts, hidden, err = list(dir)
	return artifacts, hidden, errors.Join(err, checkClashes(artifacts), checkIndexes(dir, artifacts))
}

// Contents names the files in a folder of code whose content is read: the templates and the
// indexes.
func Contents(dir Dir) []string {
	names, _ := TemplateFiles(dir)
	artifacts, _, _ := list(dir) // errors are reported by Artifacts
	for _, a := range artifacts {
		if a.Index {
			names = append(names, a.From)
		}
	}
	return names
}

// list returns what Artifacts returns, without checking for clashes or invalid indexes.
func list(dir Dir) (artifacts []Artifact, hidden []string, err error) {
	var errs []error
	for _, layout := range []string{MetaInf, SampleMetadata} {
		files, err := safefile.Files(dir, layout)
		errs = append(errs, err)
		for _, from := range files {
			if strings.Contains(from, "/.") {
				hidden = append(hidden, from)
				continue
			}
			place := strings.TrimPrefix(from, layout+"/")
			isIndex := strings.HasPrefix(place+"/", StateDB+"/")
			artifacts = append(artifacts, Artifact{From: from, To: MetaInf + "/" + place, Index: isIndex})
		}
	}
	return artifacts, hidden, errors.Join(errs...)
}

// checkClashes rejects files of the two layouts that would have the same path in a build, and
// a file that would have the path of another file's folder.
func checkClashes(artifacts []Artifact) error {
	var errs []error
	taken := map[string]string{}
	for _, a := range artifacts {
		if first := taken[a.To]; first != "" {
			errs = append(errs, safefile.At(a.From, fmt.Errorf("also exists as %q: remove one", first)))
			continue
		}
		taken[a.To] = a.From
	}
	for _, a := range artifacts {
		for folder := path.Dir(a.To); folder != "."; folder = path.Dir(folder) {
			if file := taken[folder]; file != "" {
				err := fmt.Errorf("would be in the folder %q, which is a file: remove one", file)
				errs = append(errs, safefile.At(a.From, err))
			}
		}
	}
	return errors.Join(errs...)
}

// checkIndexes checks the indexes among the artifacts. It stops with an error when their
// total size exceeds the limit.
func checkIndexes(dir Dir, artifacts []Artifact) error {
	var errs []error
	left := maxIndexes
	files := safefile.NewFolder(dir)
	defer files.Close()
	for _, a := range artifacts {
		if !a.Index {
			continue
		}
		size, err := checkIndexFile(files, a)
		errs = append(errs, err)
		if left -= size; left < 0 {
			errs = append(errs, fmt.Errorf("the indexes of the package exceed %d bytes", maxIndexes))
			break
		}
	}
	return errors.Join(errs...)
}

// checkIndexFile checks the path and the content of an index, and returns its size.
func checkIndexFile(files *safefile.Folder, a Artifact) (size int, err error) {
	if err := CheckIndexPath(strings.TrimPrefix(a.To, MetaInf+"/")); err != nil {
		return 0, safefile.At(a.From, err)
	}
	data, err := files.Read(a.From, maxIndex)
	if err != nil {
		return 0, err
	}
	if err := CheckIndex(data); err != nil {
		return len(data), safefile.At(a.From, err)
	}
	return len(data), nil
}

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

// Dir is a folder of code: an *os.Root, or what a package file holds in memory.
type Dir interface {
	FS() fs.FS
	Lstat(name string) (fs.FileInfo, error)
}

// templateFiles are the allowed names of the template of connection.json.
var templateFiles = [...]string{ConnectionFile, ConnectionFile + ".tmpl"}

// IsTemplateFile reports whether a template may have this name.
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

// TemplateFile returns the name of the one template in a folder of code.
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

// insteadOfTemplate says what may be meant as the template in a folder of code that
// has none, or nothing.
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

// likeTemplate reports whether a file's name is likely to be meant for a template's. Those of
// collections and of connection profiles, which are often near, are not.
func likeTemplate(name string) bool {
	stem, rest, _ := strings.Cut(strings.ToLower(name), ".")
	const ours = "connection"
	isJSON := strings.Contains(rest, "json") || strings.Contains(rest, "tmpl")
	return isJSON && !strings.HasPrefix(stem, "collection") && nearest.Name(ours, []string{stem}) != ""
}

// OneTemplate returns the only template found in a package, or an error.
func OneTemplate(found []string) (string, error) {
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no %s in the package's code", strings.Join(templateFiles[:], " or "))
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%s both exist: remove one", strings.Join(found, " and "))
}

// LeftOut names everything in a folder of code except the template, MetaInf and
// SampleMetadata: nothing reads it.
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

// FolderMeant returns the folder of a package that is likely to be meant by a name that
// nothing reads, or "".
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

// Artifact is a file that a package has in addition to its template.
type Artifact struct {
	From  string // its path in the package
	To    string // its path in a build, below MetaInf
	Index bool   // whether it is an index of the state database; the peer reads nothing else
}

// Ignored says, of a file that is not an index, that the peer does not read it and,
// if it seems to be one all the same, where it would.
func (a Artifact) Ignored() string {
	text := "the peer reads only " + StateDB + " there"
	layout, place, _ := strings.Cut(a.From, "/")
	if meant := indexMeant(place); meant != "" {
		text += fmt.Sprintf(", did you mean %.300q", layout+"/"+meant)
	}
	return text
}

// Artifacts lists the files in META-INF and metadata of a folder of code, the
// two possible layouts. Only valid indexes may be under statedb. Hidden files,
// such as .gitkeep, are listed separately: Fabric's packager ignores them.
func Artifacts(dir Dir) (artifacts []Artifact, hidden []string, err error) {
	artifacts, hidden, err = list(dir)
	return artifacts, hidden, errors.Join(err, checkClashes(artifacts), checkIndexes(dir, artifacts))
}

// Contents names the files in a folder of code whose content matters: the templates
// and the indexes.
func Contents(dir Dir) []string {
	names, _ := TemplateFiles(dir)
	artifacts, _, _ := list(dir) // what is wrong with them, Artifacts says
	for _, a := range artifacts {
		if a.Index {
			names = append(names, a.From)
		}
	}
	return names
}

// list is Artifacts without a look at what the files hold.
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

// checkClashes rejects files of the two layouts that would have the same path in
// a build, or one the path of a folder that another needs.
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

// checkIndexes checks the indexes among the artifacts, until their total size
// exceeds the limit.
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

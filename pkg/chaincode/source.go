package chaincode

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"ccaas-template-builder/internal/safefile"
)

// templateFiles are the names that the template of connection.json may have.
var templateFiles = [...]string{ConnectionFile, ConnectionFile + ".tmpl"}

// TemplateFiles returns the names of the templates in a folder of code.
func TemplateFiles(dir *os.Root) (found []string, err error) {
	for _, name := range templateFiles {
		switch _, err := dir.Lstat(name); {
		case err == nil:
			found = append(found, name)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("%q: %w", name, safefile.Reason(err))
		}
	}
	return found, nil
}

// TemplateFile returns the name of the one template in a folder of code.
func TemplateFile(dir *os.Root) (string, error) {
	found, err := TemplateFiles(dir)
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no %s beside the code", strings.Join(templateFiles[:], " or "))
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("there are both %s: remove one", strings.Join(found, " and "))
}

// Artifact is a file that a package has beside its template.
type Artifact struct {
	From  string // its path in the package
	To    string // its path in a build, below MetaInf
	Index bool   // it is an index of the state database; the peer reads nothing else
}

// Artifacts lists what lies in META-INF and metadata of a folder of code, the
// two layouts there are. Below statedb only sound indexes may lie. Hidden files,
// such as .gitkeep, are listed apart: Fabric's packager passes over them.
func Artifacts(dir *os.Root) (artifacts []Artifact, hidden []string, err error) {
	var errs []error
	taken := map[string]string{}
	left := int64(maxIndexes)
	for _, layout := range []string{MetaInf, SampleMetadata} {
		files, err := safefile.Files(dir, layout)
		errs = append(errs, err)
		for _, from := range files {
			if strings.Contains(from, "/.") {
				hidden = append(hidden, from)
				continue
			}
			place := strings.TrimPrefix(from, layout+"/")
			a := Artifact{From: from, To: MetaInf + "/" + place, Index: strings.HasPrefix(place+"/", StateDB+"/")}
			if first := taken[a.To]; first != "" {
				errs = append(errs, fmt.Errorf("%q: stands there as %q too: remove one", from, first))
				continue
			}
			taken[a.To] = from
			artifacts = append(artifacts, a)
			if a.Index && left >= 0 {
				size, err := checkIndexFile(dir, from, place)
				if left -= size; left < 0 {
					err = fmt.Errorf("the indexes of the package are larger than %d bytes", maxIndexes)
				}
				errs = append(errs, err)
			}
		}
	}
	for _, a := range artifacts {
		for folder := path.Dir(a.To); folder != "."; folder = path.Dir(folder) {
			if file := taken[folder]; file != "" {
				errs = append(errs, fmt.Errorf("%q: would lie in the folder %q, which is a file: remove one", a.From, file))
			}
		}
	}
	return artifacts, hidden, errors.Join(errs...)
}

// checkIndexFile checks the file from, whose place below META-INF is place, and
// returns its size.
func checkIndexFile(dir *os.Root, from, place string) (size int64, err error) {
	if err := CheckIndexPath(place); err != nil {
		return 0, fmt.Errorf("%q: %w", from, err)
	}
	data, err := safefile.Read(dir, from, maxIndex)
	if err != nil {
		return 0, err
	}
	if err = CheckIndex(data); err != nil {
		err = fmt.Errorf("%q: %w", from, err)
	}
	return int64(len(data)), err
}

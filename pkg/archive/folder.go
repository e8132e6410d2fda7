package archive

import (
	"errors"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
)

// Folder returns the files of a package folder that belong in the package: the template,
// META-INF and metadata. leftOut names everything else in the folder, such as an env file
// or a key. Anything that the peer or the builder would reject at install is an error.
func Folder(root chaincode.Dir) (files []File, leftOut []string, err error) {
	template, templateErr := chaincode.TemplateFile(root)
	artifacts, hidden, artifactsErr := chaincode.Artifacts(root)
	others, err := chaincode.LeftOut(root)
	if err := errors.Join(templateErr, artifactsErr, err); err != nil {
		return nil, nil, err
	}
	names := []string{template}
	for _, a := range artifacts {
		names = append(names, a.From)
	}
	for _, name := range names {
		content, err := safefile.Read(root, name, MaxFile)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, File{name, content})
	}
	return files, append(hidden, others...), nil
}

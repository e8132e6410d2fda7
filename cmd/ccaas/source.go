package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
)

// source is the code of a package. It was given as a package file or as the folder that the
// package is made from.
type source struct {
	dir      chaincode.Dir
	metadata chaincode.Metadata
	pkg      *archive.Package // nil for a folder
	ctx      context.Context  // the context of the verb
}

// openSource opens a package file or a package folder. For a folder, label is the label of its
// package.
func openSource(ctx context.Context, name, label string) (*source, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("%q: cannot be read: %w", name, safefile.Reason(err))
	}
	if info.IsDir() {
		if label != "" {
			if err := chaincode.CheckLabel(label); err != nil {
				return nil, program.Exit(program.Misused, err)
			}
		}
		dir, err := safefile.Open(name, "package folder")
		if err != nil {
			return nil, err
		}
		metadata := chaincode.Metadata{Type: chaincode.DefaultType, Label: label}
		return &source{dir: dir, metadata: metadata, ctx: ctx}, nil
	}
	pkg, err := openPackage(ctx, name, fmt.Sprintf("give its folder, %q", filepath.Dir(name)))
	if err != nil {
		return nil, err
	}
	if label != "" && label != pkg.Metadata.Label {
		return nil, fmt.Errorf("%q: the package has the label %q, not %q", name, pkg.Metadata.Label, label)
	}
	code, err := pkg.Code(ctx)
	if ctx.Err() != nil {
		return nil, errInterrupted
	} else if err != nil {
		return nil, safefile.At(name, err)
	}
	return &source{dir: code, metadata: pkg.Metadata, pkg: pkg, ctx: ctx}, nil
}

// packageFile opens a package for a verb that does not accept folders.
func packageFile(ctx context.Context, name string) (*archive.Package, error) {
	return openPackage(ctx, name, madeOf(filepath.Dir(name)))
}

func madeOf(dir string) string {
	return fmt.Sprintf("make a package of the folder: ccaas package PACKAGE --path %s --label LABEL", message.OneLine(dir))
}

// openPackage opens a package file. It adds a hint to the error if the file seems to be meant
// for another argument. ofTemplate is the hint for a template.
func openPackage(ctx context.Context, name, ofTemplate string) (*archive.Package, error) {
	pkg, err := archive.Open(ctx, name)
	file := (*safefile.FileError)(nil)
	if !errors.As(err, &file) || errors.Is(err, fs.ErrNotExist) {
		return pkg, err
	}
	hint := ""
	switch base, extension := filepath.Base(name), filepath.Ext(name); {
	case errors.Is(err, safefile.ErrIsDir):
		file.Err, hint = errors.New("is a folder, not a package"), madeOf(name)
	case chaincode.IsTemplateFile(base):
		hint = ofTemplate
	case extension == ".yaml" || extension == ".yml":
		hint = "the arguments are packages: a core.yaml is given with --core-yaml or, to ccaas coreyaml, --patch"
	case extension == ".env":
		hint = "the arguments are packages: an env file is given with --env-file or, to ccaas simulate, --peer NAME=ENVFILE"
	}
	return nil, safefile.At(name, message.WithHint(file.Err, hint))
}

// Close closes the folder, if the source is a folder on disk. It returns an error also if the
// verb was interrupted.
func (s *source) Close() (err error) {
	if dir, ok := s.dir.(*os.Root); ok {
		err = dir.Close()
	}
	if s.ctx.Err() != nil {
		err = errInterrupted
	}
	return err
}

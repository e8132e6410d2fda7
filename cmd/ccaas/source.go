package main

import (
	"errors"
	"fmt"
	"os"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
)

// source is the code of a package, given as a package file or as the folder it is
// made from.
type source struct {
	dir      *os.Root
	metadata chaincode.Metadata
	pkg      *archive.Package // nil for a folder
	scratch  string
}

// openSource opens a package file, or a package folder whose package is to have
// this label.
func openSource(name, label string) (*source, error) {
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
		return &source{dir: dir, metadata: chaincode.Metadata{Type: chaincode.DefaultType, Label: label}}, err
	}
	pkg, err := archive.Open(name)
	if err != nil {
		return nil, err
	}
	if label != "" && label != pkg.Metadata.Label {
		return nil, fmt.Errorf("%q: the package has the label %q, not %q", name, pkg.Metadata.Label, label)
	}
	scratch, err := os.MkdirTemp("", "ccaas-")
	if err != nil {
		return nil, err
	}
	s := &source{metadata: pkg.Metadata, pkg: pkg, scratch: scratch}
	if s.dir, err = os.OpenRoot(scratch); err == nil {
		err = pkg.Unpack(s.dir)
	}
	if err != nil {
		return nil, errors.Join(safefile.At(name, err), s.Close())
	}
	return s, nil
}

// Close removes what was unpacked.
func (s *source) Close() error {
	var err error
	if s.dir != nil {
		err = s.dir.Close()
	}
	if s.scratch != "" {
		err = errors.Join(err, os.RemoveAll(s.scratch))
	}
	return err
}

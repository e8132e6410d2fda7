package programs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"ccaas-template-builder/internal/safefile"
)

// Installed is the result of Install for one program.
type Installed struct {
	Path    string `json:"path"`
	Changed bool   `json:"changed"` // false if the same file was already there
}

// Install copies the programs in the folder from, which Check has accepted, to the folder bin below
// dir, with mode 0755. It renames them to their places only after it has written all
// of them, so that a peer never runs half a program. It leaves a program alone if it is
// already the same.
func Install(from, dir string) ([]Installed, error) {
	bin := filepath.Join(dir, "bin")
	if err := mkdir(bin); err != nil {
		return nil, err
	}
	var installed []Installed
	var pending []*renameio.PendingFile
	defer func() {
		for _, file := range pending {
			_ = file.Cleanup() // does nothing for programs already in their places
		}
	}()
	for _, name := range Names() {
		to := filepath.Join(bin, name)
		file, err := prepare(filepath.Join(from, name), to)
		if err != nil {
			return nil, safefile.At(to, err)
		}
		if file != nil {
			pending = append(pending, file)
		}
		installed = append(installed, Installed{to, file != nil})
	}
	for _, file := range pending {
		if err := file.CloseAtomicallyReplace(); err != nil {
			return nil, fmt.Errorf("a program cannot be put in place: %w", safefile.Reason(err))
		}
	}
	return installed, nil
}

// Check returns an error if a program in the folder from is missing, is not ours, or is not for
// platform.
func Check(from, platform string) error {
	var errs []error
	for _, name := range Names() {
		file := filepath.Join(from, name)
		program, err := Read(file, name)
		if err == nil && program.Platform != platform {
			err = fmt.Errorf("is for another platform: %s, not %s", program.Platform, platform)
		}
		if err != nil {
			errs = append(errs, safefile.At(file, err))
		}
	}
	return errors.Join(errs...)
}

// mkdir makes a folder and its missing parents. Everyone can read them, whatever the umask is.
func mkdir(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if parent := filepath.Dir(dir); errors.Is(err, os.ErrNotExist) && parent != dir {
		if err := mkdir(parent); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o755)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	} else if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return safefile.At(dir, err)
	}
	return nil
}

// prepare writes a copy of a program next to its destination. It returns nil if the
// destination already has the same content and mode.
func prepare(from, to string) (*renameio.PendingFile, error) {
	const mode = 0o755
	data, err := os.ReadFile(from)
	if err != nil {
		return nil, err
	}
	switch info, err := os.Lstat(to); {
	case err == nil && info.IsDir():
		return nil, safefile.ErrIsDir
	case err == nil && info.Mode() == mode:
		if old, err := os.ReadFile(to); err == nil && bytes.Equal(old, data) {
			return nil, nil
		}
	}
	file, err := renameio.NewPendingFile(to, renameio.WithStaticPermissions(mode))
	if err != nil {
		return nil, err
	}
	if _, err := file.Write(data); err != nil {
		return nil, errors.Join(err, file.Cleanup())
	}
	return file, nil
}

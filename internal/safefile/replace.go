package safefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"
)

// ErrNotSynced says that a file was replaced, but its folder could not be synced to disk.
var ErrNotSynced = errors.New("has been replaced, but a crash of the machine may bring the old one back")

// Replace writes data to the file name below root, with the given mode and the owner and group of
// like. The file appears whole, and both the file and its folder are on disk when Replace returns. The
// data is first written to a file in root itself, not in the folder of the file, which the peer may be
// reading. The error does not contain the name.
func Replace(root *os.Root, name string, data []byte, mode fs.FileMode, like fs.FileInfo) error {
	return ReplaceIf(root, name, data, mode, like, nil)
}

// ReplaceIf is like Replace, but calls still at the last moment. If still returns an error, the file
// is not replaced.
func ReplaceIf(
	root *os.Root, name string, data []byte, mode fs.FileMode, like fs.FileInfo, still func() error,
) error {
	pending, err := renameio.NewPendingFile(name, renameio.WithRoot(root), renameio.WithStaticPermissions(mode))
	if err != nil {
		return Reason(err)
	}
	defer pending.Cleanup()
	if owner, ok := like.Sys().(*syscall.Stat_t); ok {
		if err := pending.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
			return Reason(err)
		}
	}
	if _, err := pending.Write(data); err != nil {
		return Reason(err)
	}
	if still != nil {
		if err := pending.Sync(); err != nil { // may take long
			return Reason(err)
		}
		if err := still(); err != nil {
			return err
		}
	}
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return Reason(err)
	}
	if err := sync(root, path.Dir(name)); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSynced, Reason(err))
	}
	return nil
}

// sync syncs a folder to disk.
func sync(root *os.Root, name string) error {
	dir, err := root.Open(name + "/.") // never waits, like OpenRoot
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// RemoveUnfinished removes the files that a killed Replace of a file called base has left in root. A
// file that is already gone is not an error.
func RemoveUnfinished(root *os.Root, base string) error {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return Reason(err)
	}
	var errs []error
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), "."+base)
		if ok && number != "" && strings.Trim(number, "0123456789") == "" {
			if err := root.Remove(entry.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, At(entry.Name(), err))
			}
		}
	}
	return errors.Join(errs...)
}

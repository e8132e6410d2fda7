package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"
)

// Replace puts data at name below root, with mode and with the owner of like. The
// file appears whole, and it and its folder are on disk when Replace returns. It is
// written in root itself, not in its own folder, which the peer may be reading. The
// error does not hold the name.
func Replace(root *os.Root, name string, data []byte, mode fs.FileMode, like fs.FileInfo) error {
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
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return Reason(err)
	}
	dir, err := root.Open(path.Dir(name))
	if err != nil {
		return Reason(err)
	}
	defer dir.Close()
	return Reason(dir.Sync())
}

// RemoveUnfinished removes what a Replace of a file called base, killed before its
// end, has left in root.
func RemoveUnfinished(root *os.Root, base string) error {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return Reason(err)
	}
	var errs []error
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), "."+base)
		if ok && number != "" && strings.Trim(number, "0123456789") == "" {
			errs = append(errs, root.Remove(entry.Name()))
		}
	}
	return errors.Join(errs...)
}

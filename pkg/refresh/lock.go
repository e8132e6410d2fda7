package refresh

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/store"
)

// lockName is the file, next to the builds folder, that a run keeps locked. It is never removed:
// otherwise two runs could hold two files with that name.
const lockName = "ccaas-refresh.lock"

// lock waits until no other run holds the lock, and takes it. The kernel releases the lock of a run
// that was killed.
func lock(ctx context.Context, s store.Store) (unlock func(), err error) {
	name := filepath.Join(string(s), store.Builders, lockName)
	failed := func(err error) error {
		return hinted(safefile.At(name, fmt.Errorf("cannot be locked: %w", safefile.Reason(err))))
	}
	dir, err := s.Open(store.Builders)
	if err != nil {
		return nil, failed(err)
	}
	defer dir.Close()
	file, err := openLock(dir)
	if err != nil {
		return nil, failed(err)
	}
	if err := safefile.Lock(ctx, file, lockTimeout); err != nil {
		file.Close()
		if errors.Is(err, safefile.ErrHeld) {
			err = errors.New("another run of ccaas refresh holds it")
		}
		return nil, safefile.At(name, fmt.Errorf("cannot be locked: %w", err))
	}
	return func() { file.Close() }, nil
}

// openLock opens the lock file. Anyone who may write to its folder can put any file in its place,
// so its owner is changed only when it is created.
func openLock(dir *os.Root) (*os.File, error) {
	file, err := openExisting(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	if err := createLock(dir); err != nil {
		return nil, err
	}
	return openExisting(dir)
}

func openExisting(dir *os.Root) (*os.File, error) {
	file, _, err := safefile.OpenRegular(dir, lockName, os.O_RDWR)
	switch {
	case errors.Is(err, safefile.ErrNotRegular) && isLink(dir):
		return nil, syscall.ELOOP
	case err != nil:
		return nil, err
	}
	// The lock file exists, so the unfinished ones of other runs are no longer needed.
	err = safefile.RemoveUnfinished(dir, lockName)
	if err == nil && os.Getuid() == 0 {
		err = checkLinks(file)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// checkLinks rejects a file that has another name, under which it may be in use.
func checkLinks(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if own, ok := info.Sys().(*syscall.Stat_t); ok && own.Nlink > 1 {
		return errors.New("it is a hard link: remove it")
	}
	return nil
}

func isLink(dir *os.Root) bool {
	info, err := dir.Lstat(lockName)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

// createLock creates the lock file, unless another run has just created it. The file belongs to the
// owner of the folder as soon as it has its name: otherwise, a run by root that is killed could
// leave a file that the peer's user cannot open.
func createLock(dir *os.Root) error {
	if os.Getuid() != 0 {
		file, err := dir.OpenFile(lockName, os.O_RDWR|os.O_CREATE|os.O_EXCL, safefile.FileMode)
		if errors.Is(err, fs.ErrExist) {
			return nil
		} else if err != nil {
			return err
		}
		return file.Close()
	}
	unfinished := fmt.Sprintf(".%s%d", lockName, rand.Uint64())
	file, err := dir.OpenFile(unfinished, os.O_RDWR|os.O_CREATE|os.O_EXCL, safefile.FileMode)
	if err != nil {
		return err
	}
	if err = errors.Join(giveAway(file, dir), file.Close()); err == nil {
		err = dir.Link(unfinished, lockName)
	}
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) { // another run was faster
		err = nil
	}
	if removed := dir.Remove(unfinished); !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}

// giveAway gives a new file to the owner of the folder.
func giveAway(file *os.File, dir *os.Root) error {
	info, err := dir.Stat(".")
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.ErrUnsupported
	}
	return file.Chown(int(owner.Uid), int(owner.Gid))
}

package refresh

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"ccaas-template-builder/internal/safefile"
)

// lockName is the file, next to the builds folder, that a run keeps locked. It is
// never removed: otherwise two runs could hold two files of that name.
const lockName = "ccaas-refresh.lock"

// lock waits until no other run holds the lock. The kernel releases the lock of a
// run that was killed.
func lock(ctx context.Context, buildsDir string) (unlock func(), err error) {
	dir := filepath.Dir(buildsDir)
	name := filepath.Join(dir, lockName)
	file, err := openLock(dir, name)
	if err != nil {
		return nil, hinted(safefile.At(name, fmt.Errorf("cannot be locked: %w", safefile.Reason(err))))
	}
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			select {
			case <-time.After(50 * time.Millisecond):
				continue
			case <-ctx.Done():
				err = errors.New("another run of ccaas refresh holds it")
			}
		}
		file.Close()
		return nil, safefile.At(name, fmt.Errorf("cannot be locked: %w", err))
	}
}

// openLock opens the file, which belongs to the owner of the folder, so that the
// peer's user can lock what root has created.
func openLock(dir, name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, safefile.FileMode)
	if err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		err = giveAway(file, dir)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// giveAway gives file to the owner of the folder, unless it has another name too,
// under which it may be somebody else's.
func giveAway(file *os.File, dir string) error {
	var folder, own syscall.Stat_t
	if err := errors.Join(syscall.Stat(dir, &folder), syscall.Fstat(int(file.Fd()), &own)); err != nil {
		return err
	}
	if own.Nlink > 1 {
		return errors.New("it is a hard link: remove it")
	}
	return file.Chown(int(folder.Uid), int(folder.Gid))
}

package safefile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// ErrHeld is the error if another process holds a lock for too long.
var ErrHeld = errors.New("another process holds it")

// Lock locks file, and waits while another process holds the lock. It gives up with ErrHeld after
// timeout or at the deadline of ctx, and with context.Canceled when ctx is canceled. The kernel
// releases the lock when file is closed: at the latest when the process ends, even if it is killed.
func Lock(ctx context.Context, file *os.File, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-time.After(time.Second / 20):
		case <-ctx.Done():
			if err := ctx.Err(); errors.Is(err, context.Canceled) {
				return err
			}
			return ErrHeld
		}
	}
}

// LockOperators opens a file that the operator named by its path, and locks it as Lock does. If the
// process that held the lock before has replaced the file, LockOperators locks the new one. The error
// does not contain the path.
func LockOperators(ctx context.Context, file string, timeout time.Duration) (*os.File, fs.FileInfo, error) {
	for {
		f, info, err := openToLock(file)
		if err != nil {
			return nil, nil, err
		}
		if err = Lock(ctx, f, timeout); err == nil {
			var named fs.FileInfo
			if named, err = os.Stat(file); err == nil && os.SameFile(info, named) {
				return f, info, nil
			}
		}
		f.Close()
		if err != nil {
			return nil, nil, Reason(err)
		}
	}
}

// openToLock is like OpenOperators, but opens the file for writing if possible: NFS locks only files
// that are open for writing.
func openToLock(file string) (*os.File, fs.FileInfo, error) {
	f, info, err := openOperators(file, os.O_RDWR)
	if err != nil {
		return OpenOperators(file)
	}
	return f, info, nil
}

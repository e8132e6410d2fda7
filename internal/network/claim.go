package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockName is the file in a network's folder that is locked as long as the process lives that
// runs the network; the number of that process is in it.
const lockName = "lock"

// downTimeout is how long a network has to end when it is told to.
const downTimeout = 30 * time.Second

// Claim takes a folder for a network that this process runs, until release is called. What an
// earlier network has left in it is ended and removed.
func Claim(dir string) (release func() error, err error) {
	if err := ours(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, lockName)
	lock, err := tryLock(path)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("a network is already running in %s, as process %d: stop it with make network-down", dir, noted(path))
	}
	if err != nil {
		return nil, err
	}
	err = note(lock, os.Getpid())
	if err == nil {
		err = endGroup(dir)
	}
	if err == nil {
		err = empty(dir)
	}
	if err != nil {
		lock.Close()
	}
	return lock.Close, err
}

// empty removes all but the lock.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() != lockName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
		}
	}
	return err
}

// Remove ends the network in a folder, whoever runs it, and removes the folder.
func Remove(dir string) error {
	if err := ours(dir); err != nil {
		return err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	path := filepath.Join(dir, lockName)
	if !free(path, 0) {
		if pid := noted(path); pid > 1 {
			syscall.Kill(pid, syscall.SIGTERM)
		}
		if !free(path, downTimeout) {
			return fmt.Errorf("process %d, which runs the network in %s, does not exit: kill it and try again", noted(path), dir)
		}
	}
	if err := endGroup(dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// ours is an error where a folder has something in it and no network has been there.
func ours(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, lockName)); err != nil {
		return fmt.Errorf("%s is not the folder of a network: move it away", dir)
	}
	return nil
}

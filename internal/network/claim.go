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

// lockName is the file in a network's folder that is locked while the process that runs the
// network lives; it holds the ID of that process.
const lockName = "lock"

// downTimeout is how long a network may take to stop when told to.
const downTimeout = 30 * time.Second

// Claim reserves a folder for a network that this process runs, until release is called. It
// stops and removes what an earlier network has left in it.
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
		return nil, fmt.Errorf("a network is already running in %s, as process %d: stop it with make network-down",
			dir, noted(path))
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

// empty removes everything except the lock.
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

// Remove stops the network in a folder, whoever runs it, and removes the folder.
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

// ours returns an error if a folder is not empty and no network has used it.
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

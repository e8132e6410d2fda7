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

// lockName is a file in a network's folder. It is locked as long as the process that runs the
// network lives, and holds its ID.
const lockName = "lock"

// downTimeout is how long a network may take to stop after it was told to.
const downTimeout = 30 * time.Second

// Claim reserves the folder dir for a network that this process runs, until release is called.
// It stops an earlier network in that folder and removes its files.
func Claim(dir string) (release func() error, err error) {
	if err := checkOurs(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, lockName)
	lock, err := tryLock(path)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("a network is already running in %s, as process %d: stop it with make network-down",
			dir, readID(path))
	}
	if err != nil {
		return nil, err
	}
	err = writeID(lock, os.Getpid())
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

// Remove stops the network in the folder dir, whichever process runs it, and removes the
// folder.
func Remove(dir string) error {
	if err := checkOurs(dir); err != nil {
		return err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	path := filepath.Join(dir, lockName)
	if !unlocked(path, 0) {
		if pid := readID(path); pid > 1 {
			syscall.Kill(pid, syscall.SIGTERM)
		}
		if !unlocked(path, downTimeout) {
			return fmt.Errorf("process %d, which runs the network in %s, does not exit: kill it and try again",
				readID(path), dir)
		}
	}
	if err := endGroup(dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// checkOurs returns an error if the folder is not empty and was never used by a network.
func checkOurs(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, lockName)); err != nil {
		return fmt.Errorf("%s is not the folder of a network: use another folder, or move it away", dir)
	}
	return nil
}

package network

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// group is the process group of everything that a network runs. Its leader waits until this
// process has ended, for whatever reason, and then kills the group.
//
// The file group in the network's folder holds the ID of the group. The processes of the group
// inherit the open file, so it stays locked as long as any of them lives.
type group struct {
	leader   *exec.Cmd
	lifeline io.Closer // the leader waits until this end is closed
	lock     *os.File
}

func startGroup(dir string) (*group, error) {
	lock, err := tryLock(filepath.Join(dir, "group"))
	if err != nil {
		return nil, err
	}
	g := &group{lock: lock, leader: exec.Command("sh", "-c", `trap "" HUP INT TERM; cat >/dev/null; kill -s KILL 0`)}
	g.leader.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	g.leader.ExtraFiles = []*os.File{lock}
	if g.lifeline, err = g.leader.StdinPipe(); err != nil {
		return nil, err
	}
	if err := g.leader.Start(); err != nil {
		return nil, err
	}
	return g, writeID(lock, g.leader.Process.Pid)
}

// add puts a command that has not been started into the group.
func (g *group) add(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: g.leader.Process.Pid}
	cmd.ExtraFiles = []*os.File{g.lock}
}

// terminate asks all processes of the group to exit. The leader ignores it.
func (g *group) terminate() { syscall.Kill(-g.leader.Process.Pid, syscall.SIGTERM) }

// kill kills what is left of the group.
func (g *group) kill() {
	g.lifeline.Close()
	g.leader.Wait()
	g.lock.Close()
}

// endGroup makes sure that no process of an earlier network in dir is left. If the process
// that ran it has ended, this takes milliseconds, unless the group's leader was killed too.
func endGroup(dir string) error {
	path := filepath.Join(dir, "group")
	if unlocked(path, time.Second) {
		return nil
	}
	if pid := readID(path); pid > 1 {
		syscall.Kill(-pid, syscall.SIGKILL)
	}
	if !unlocked(path, endTimeout) {
		return fmt.Errorf("processes of an earlier network in %s do not exit: find them by their open file %s", dir, path)
	}
	return nil
}

// unlocked reports whether nobody holds the lock of a file. It waits for that up to wait.
func unlocked(path string, wait time.Duration) bool {
	for deadline := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		file, err := tryLock(path)
		if err == nil {
			file.Close()
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// tryLock opens and locks a file. It fails with EWOULDBLOCK if somebody holds the lock.
func tryLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// writeID writes the ID of a process or a group to the locked file.
func writeID(file *os.File, pid int) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(pid)), 0)
	return err
}

// readID returns the ID in such a file, or 0 if there is none.
func readID(path string) int {
	content, _ := os.ReadFile(path)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(content)))
	return pid
}

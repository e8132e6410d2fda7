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
// The file group in the network's folder holds its ID. It is locked while any of its
// processes lives: they inherit the open file.
type group struct {
	leader   *exec.Cmd
	lifeline io.Closer // the leader reads the other end
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
	return g, note(lock, g.leader.Process.Pid)
}

// add adds a command that has not been started to the group.
func (g *group) add(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: g.leader.Process.Pid}
	cmd.ExtraFiles = []*os.File{g.lock}
}

// terminate asks all processes of the group to exit; the leader stays.
func (g *group) terminate() { syscall.Kill(-g.leader.Process.Pid, syscall.SIGTERM) }

// kill ends what is left of the group.
func (g *group) kill() {
	g.lifeline.Close()
	g.leader.Wait()
	g.lock.Close()
}

// endGroup makes sure that nothing is left of an earlier network in dir. Once the process that
// ran it has ended, that takes milliseconds, unless the group's leader was killed too.
func endGroup(dir string) error {
	path := filepath.Join(dir, "group")
	if free(path, time.Second) {
		return nil
	}
	if pid := noted(path); pid > 1 {
		syscall.Kill(-pid, syscall.SIGKILL)
	}
	if !free(path, endTimeout) {
		return fmt.Errorf("processes of an earlier network in %s do not exit: find them by their open file %s", dir, path)
	}
	return nil
}

// free reports whether nobody holds the lock of a file, or it is released within a while.
func free(path string, while time.Duration) bool {
	for deadline := time.Now().Add(while); ; time.Sleep(20 * time.Millisecond) {
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

// tryLock opens and locks a file, or fails with EWOULDBLOCK if somebody holds the lock.
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

// note writes the ID of a process, or of a group, to the file that it has locked.
func note(file *os.File, pid int) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(pid)), 0)
	return err
}

// noted is the ID in such a file, 0 if there is none.
func noted(path string) int {
	content, _ := os.ReadFile(path)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(content)))
	return pid
}

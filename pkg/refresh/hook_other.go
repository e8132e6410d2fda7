//go:build !linux

package refresh

import (
	"context"
	"os"
	"os/exec"
	"syscall"
)

// processGroup makes a command the leader of a process group.
func processGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// end waits until a command has ended. It kills the command's process group when ctx is done, or
// what is left of the group when the command has ended. If end returns errNotKilled, it closes the
// lock when the command has ended.
func end(ctx context.Context, cmd *exec.Cmd, lock *os.File) error {
	kill := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		_ = kill()
		return err
	case <-ctx.Done():
		if kill() == syscall.EPERM {
			go func() { <-ended; lock.Close() }()
			return errNotKilled
		}
		return <-ended
	}
}

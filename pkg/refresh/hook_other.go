//go:build !linux

package refresh

import (
	"context"
	"os/exec"
	"syscall"
)

// processGroup makes a command the leader of a process group.
func processGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// end waits until a command has ended. It kills the command's process group when ctx is done, and
// what is left of the group when the command has ended.
func end(ctx context.Context, cmd *exec.Cmd) error {
	kill := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	stop := context.AfterFunc(ctx, kill)
	err := cmd.Wait()
	stop()
	kill()
	return err
}

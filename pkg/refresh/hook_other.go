//go:build !linux

package refresh

import (
	"context"
	"os/exec"
	"syscall"
)

// processGroup makes a command the leader of a process group.
func processGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// end waits for the end of a command, which ends with ctx, and kills what is left of its process
// group.
func end(ctx context.Context, cmd *exec.Cmd) error {
	kill := func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	stop := context.AfterFunc(ctx, kill)
	err := cmd.Wait()
	stop()
	kill()
	return err
}

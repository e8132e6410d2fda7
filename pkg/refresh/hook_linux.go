package refresh

import (
	"context"
	"os"
	"os/exec"
	"syscall"
)

// processGroup makes a command the leader of a process group, and makes the kernel kill it if this
// process is killed.
func processGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// end waits until a command has ended or ctx is done, and then kills what is left of its process
// group. It does so before Wait: until then, no other group can have the same number. If end
// returns errNotKilled, it closes the lock when the command has ended.
func end(ctx context.Context, cmd *exec.Cmd, lock *os.File) error {
	kill := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	ended := make(chan struct{})
	go func() {
		awaitEnd(cmd.Process.Pid)
		close(ended)
	}()
	select {
	case <-ended:
		_ = kill()
	case <-ctx.Done():
		if kill() == syscall.EPERM {
			go func() { _ = cmd.Wait(); lock.Close() }()
			return errNotKilled
		}
	}
	return cmd.Wait()
}

// awaitEnd returns when a child process has ended. Wait can still be called for it afterwards.
func awaitEnd(pid int) {
	const byPID = 1 // P_PID in waitid(2)
	for {
		_, _, err := syscall.Syscall6(syscall.SYS_WAITID, byPID, uintptr(pid), 0, syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		if err != syscall.EINTR {
			return
		}
	}
}

package refresh

import "syscall"

// processGroup makes a command the leader of a process group, and has the kernel kill it
// if this process is killed.
func processGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

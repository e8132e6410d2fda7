//go:build !linux

package refresh

import "syscall"

// processGroup makes a command the leader of a process group.
func processGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

package refresh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/store"
)

// Hook is a command that is run for each chaincode whose connection has changed for the peer, for
// example to restart its server. Refresher.Mark must be set.
type Hook struct {
	// Command is the program, as exec.Command takes it, and its arguments.
	Command []string
	// Env is the command's environment, without the variables that Run adds.
	Env []string
	// Timeout limits a run, and the wait for a run by another process.
	Timeout time.Duration
	// Output gets the command's stdout and stderr.
	Output io.Writer
}

// HookRun is the result of the hook for one build.
type HookRun struct {
	// Changed lists the keys of the connection that have changed.
	Changed []string `json:"changed"`
	// Errors say why the hook failed.
	Errors Errors `json:"errors"`
}

// errHookHeld is the error if an earlier run, or a process that it started, has not ended.
var errHookHeld = message.WithHint(errors.New("another run of the command for this chaincode has not ended"),
	"the command must not leave programs running: have a service manager start them")

// errNotKilled is the error if a command goes on because it must not be killed.
var errNotKilled = errors.New("could not be killed: it runs as another user")

// Run runs the command for a build if a hook is due for it, with CCAAS_PACKAGE_ID, CCAAS_LABEL,
// CCAAS_ADDRESS and CCAAS_CHANGED in its environment. It returns the keys of the connection that
// have changed, or none if no hook was due. The hook stays due until the command succeeds. Only one
// command per build runs at a time, across all processes: Run waits for the others to end. The
// command's process group is killed when ctx is done, when Timeout has passed, or when the command
// has ended. A command that runs as another user cannot be killed: Run does not wait for it longer,
// but no other starts until it has ended.
func (h Hook) Run(ctx context.Context, s store.Store, packageID string) (changed []string, err error) {
	dir, err := s.Build(packageID).Open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, hinted(safefile.At(s.Build(packageID).Name(), err))
	}
	defer dir.Close()
	if !marked(dir) {
		return nil, nil
	}
	lock, err := h.lock(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if !errors.Is(err, errNotKilled) { // otherwise, end closes it later
			lock.Close()
		}
	}()
	due, err := readMarks(dir)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	changed = due.keys()
	address := ""
	if file, err := readOnDisk(dir, released); err == nil { // at least as new as the marks
		address = shown(file.connection.Address)
	}
	env := append(slices.Clone(h.Env),
		"CCAAS_PACKAGE_ID="+packageID,
		"CCAAS_LABEL="+chaincode.LabelOf(packageID),
		"CCAAS_ADDRESS="+address,
		"CCAAS_CHANGED="+strings.Join(changed, ","))
	if err := h.command(ctx, env, lock); err != nil {
		due.thin(dir)
		return changed, err
	}
	return changed, due.remove(dir)
}

// lock locks a file that every build has and that nothing else locks. The command inherits the
// lock, so it is held until the command has ended, even if this process is killed.
func (h Hook) lock(ctx context.Context, dir *os.Root) (*os.File, error) {
	file, _, err := safefile.OpenRegular(dir, store.InfoFile, os.O_RDWR) // NFS locks only files opened for writing
	if err != nil {
		return nil, hinted(safefile.At(store.InfoFile, err))
	}
	err = safefile.Lock(ctx, file, h.Timeout)
	if err == nil {
		return file, nil
	}
	file.Close()
	if errors.Is(err, safefile.ErrHeld) {
		err = errHookHeld
	} else if ctx.Err() == nil {
		err = safefile.At(store.InfoFile, fmt.Errorf("cannot be locked: %w", err))
	}
	return nil, err
}

// command runs the command and waits until it has ended. If the error is errNotKilled, it goes on,
// and the lock is closed when it has ended.
func (h Hook) command(ctx context.Context, env []string, lock *os.File) error {
	limited, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, h.Command[0], h.Command[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, h.Output, h.Output
	cmd.ExtraFiles = []*os.File{lock}
	cmd.SysProcAttr = processGroup()
	cmd.WaitDelay = time.Second // for processes that it left running to close its output
	runtime.LockOSThread()      // Linux would kill the command if this thread ended
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	if err == nil {
		err = end(limited, cmd, lock)
	}
	switch name := filepath.Base(h.Command[0]); {
	case errors.Is(err, errNotKilled):
		return message.WithHint(fmt.Errorf("the command %q %w", name, err),
			"give a command that does not change its user, as sudo does")
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil && err != nil:
		return fmt.Errorf("the command %q was killed: it had not ended after %s", name, h.Timeout)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("the command %q failed: %w", name, safefile.Reason(err))
	}
	return nil
}

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

// Hook is a command that is run for each chaincode whose connection has come to differ,
// to restart its server, for example. Refresher.Mark has to be set.
type Hook struct {
	// Command is the program, as exec.Command takes it, and its arguments.
	Command []string
	// Env is the command's environment but for the variables that Run adds.
	Env []string
	// Timeout limits a run, and the wait for one of another process.
	Timeout time.Duration
	// Output gets the command's stdout and stderr.
	Output io.Writer
}

// HookRun is how the hook went for one build.
type HookRun struct {
	// Changed are the keys of the connection that have changed.
	Changed []string `json:"changed"`
	// Errors say why it failed.
	Errors Errors `json:"errors"`
}

// errHookHeld is the error while what an earlier run has started is still there.
var errHookHeld = message.WithHint(errors.New("another run of the command for this chaincode has not ended"),
	"the command must not leave programs running: have a service manager start them")

// Run runs the command for a build if a hook is due there, with CCAAS_PACKAGE_ID,
// CCAAS_LABEL, CCAAS_ADDRESS and CCAAS_CHANGED in its environment. It returns the keys of
// the connection that have changed, none if no hook was due. Until the command succeeds,
// the hook stays due. At no time do two run for one build, in any process: it waits for
// the other's end. The command ends with ctx or with Timeout, and so does everything in
// its process group, at the latest when the command ends.
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
	defer lock.Close()
	due, err := readMarks(dir)
	if err != nil || len(due) == 0 {
		return nil, err
	}
	changed = due.keys()
	address := ""
	if file, err := readOnDisk(dir, released); err == nil { // as new as the marks, or newer
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

// lock locks a file that each build has, and that nobody else locks. The command inherits
// the lock: it is held until the command has ended, even if this process is killed.
func (h Hook) lock(ctx context.Context, dir *os.Root) (*os.File, error) {
	file, _, err := safefile.OpenRegular(dir, store.InfoFile, os.O_RDWR) // NFS locks no other file
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

// command runs the command to its end.
func (h Hook) command(ctx context.Context, env []string, lock *os.File) error {
	limited, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	cmd := exec.CommandContext(limited, h.Command[0], h.Command[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, h.Output, h.Output
	cmd.ExtraFiles = []*os.File{lock}
	cmd.SysProcAttr = processGroup()
	cmd.WaitDelay = time.Second // for what it has left running to close its output
	runtime.LockOSThread()      // with whose end Linux would kill the command
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	if err == nil {
		err = end(limited, cmd)
	}
	switch name := filepath.Base(h.Command[0]); {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil && err != nil:
		return fmt.Errorf("the command %q was killed: it had not ended after %s", name, h.Timeout)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("the command %q failed: %w", name, safefile.Reason(err))
	}
	return nil
}

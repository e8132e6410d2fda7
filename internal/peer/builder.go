package peer

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/coreyaml"
)

// killGroup makes the end of the context kill the program and everything that it has started.
// A program started by a shell script could otherwise keep stderr open, and the reader would
// wait for it.
func killGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// program returns the path of one of the builder's programs.
func program(b coreyaml.Builder, name string) string { return filepath.Join(b.Path, "bin", name) }

// Process returns the environment of a peer's process that was given env: env and the
// variables that every process has, with the values in a container whose image sets none. PATH
// is one of them and peers pass it on, so the builder of such a peer never inherits the whole
// environment.
func Process(env map[string]string) map[string]string {
	process := map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME": "/root",
	}
	maps.Copy(process, env)
	return process
}

// run runs one of the builder's programs and passes the lines on its stderr to Log. As in the
// peer, the reader stops at a line that is too long. The program may then hang on a full pipe.
func (p *Peer) run(ctx context.Context, b coreyaml.Builder, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, program(b, name), args...)
	env, _ := b.Environment(p.Env)
	cmd.Env = []string{} // nil would mean the environment of this process
	for _, name := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, name+"="+env[name])
	}
	killGroup(cmd)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: cannot be run: %w", name, safefile.Reason(err))
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if p.Log != nil {
			p.Log(lines.Text())
		}
	}
	scanErr := lines.Err()
	err = cmd.Wait()
	switch {
	case scanErr != nil:
		return fmt.Errorf("%s: wrote a line that the peer cannot read: %w", name, scanErr)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: stopped: %w", name, ctx.Err())
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

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

// killGroup makes the end of the context also kill what the program has started: a
// shell script's programs would hold stderr open and block its reader.
func killGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// program returns the path of a program of a builder.
func program(b coreyaml.Builder, name string) string { return filepath.Join(b.Path, "bin", name) }

// Process returns the environment of a peer's process to which env was given: env, and the
// variables that any process has, with the values of a container whose image sets none. The
// peer passes PATH on, so a builder inherits the peer's whole environment on no such peer.
func Process(env map[string]string) map[string]string {
	process := map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME": "/root",
	}
	maps.Copy(process, env)
	return process
}

// run runs one program of a builder and passes on the lines it writes to stderr.
// Like the peer's, its reader stops for good at a line that is too long, and then
// the program may hang on a full pipe.
func (p *Peer) run(ctx context.Context, b coreyaml.Builder, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, program(b, name), args...)
	env, _ := b.Environment(p.Env)
	cmd.Env = []string{} // nil would be this process's own
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

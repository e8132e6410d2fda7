package peer

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"

	"ccaas-template-builder/internal/safefile"
)

// alwaysPropagated are the variables that the peer hands to its builders in any case.
var alwaysPropagated = []string{"LD_LIBRARY_PATH", "LIBPATH", "PATH", "TMPDIR"}

// environment is the environment of a builder's program: the propagated
// variables that are set. If none is, the program inherits the peer's own.
func (p *Peer) environment() []string {
	env := []string{}
	for name, value := range p.Env {
		if p.Propagate == nil || slices.Contains(p.Propagate, name) || slices.Contains(alwaysPropagated, name) {
			env = append(env, name+"="+value)
		}
	}
	if len(env) == 0 {
		for name, value := range p.Env {
			env = append(env, name+"="+value)
		}
	}
	slices.Sort(env)
	return env
}

// program is the path of a program of the builder.
func (p *Peer) program(name string) string { return filepath.Join(p.Builder, "bin", name) }

// run runs one program of the builder and passes the lines it writes to
// stderr on. Like the peer's, its reader stops for good at a line that is too
// long, and then the program may hang on a full pipe.
func (p *Peer) run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, p.program(program), args...)
	cmd.Env = p.environment()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: cannot be run: %w", program, safefile.Reason(err))
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
		return fmt.Errorf("%s: wrote a line that the peer cannot read: %w", program, scanErr)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: stopped: %w", program, ctx.Err())
	case err != nil:
		return fmt.Errorf("%s: %w", program, err)
	}
	return nil
}

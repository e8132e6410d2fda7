package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ccaas-template-builder/internal/network"
)

// The timeouts of a test and of a single command.
const (
	testTimeout    = 9 * time.Minute
	commandTimeout = 40 * time.Second
)

// bench is the folder and the current step of a test. Error messages name the step.
type bench struct {
	t      *testing.T
	ctx    context.Context
	dir    string
	now    string         // the current step
	before map[string]int // the size of each log when the step began
}

// newBench returns a bench whose context ends after testTimeout, on SIGINT or on SIGTERM.
func newBench(t *testing.T) *bench {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	t.Cleanup(func() { stop(); cancel() })
	return &bench{t: t, ctx: ctx, dir: t.TempDir()}
}

// step begins the next step.
func (b *bench) step(format string, args ...any) {
	b.t.Helper()
	b.now = fmt.Sprintf(format, args...)
	b.t.Log(b.now)
	b.before = map[string]int{}
	for _, log := range b.logs() {
		b.before[log] = len(b.read(log))
	}
}

// logs returns the paths of the processes' logs.
func (b *bench) logs() []string {
	all, _ := filepath.Glob(b.dir + "/log")
	each, _ := filepath.Glob(b.dir + "/*/log")
	return append(all, each...)
}

// since returns what has been logged since the step began.
func (b *bench) since(log string) string { return b.read(log)[b.before[log]:] }

// fatal ends the test. It prints the step, and the last lines of each log that has grown since
// the step began.
func (b *bench) fatal(format string, args ...any) {
	b.t.Helper()
	message := fmt.Sprintf("step: %s\n%s", b.now, fmt.Sprintf(format, args...))
	for _, log := range b.logs() {
		if text := b.since(log); text != "" {
			message += fmt.Sprintf("\n--- %s, last lines:\n%s", log, network.Tail(text, 30))
		}
	}
	b.t.Fatal(message)
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.fatal("%v", err)
	}
}

// run runs a program that must succeed, and returns its stdout.
func (b *bench) run(env map[string]string, program string, args ...string) string {
	b.t.Helper()
	stdout, all, err := b.try(env, program, args...)
	if err != nil {
		b.fatal("%s\n%v\n%s", shown(program, args), err, all)
	}
	return stdout
}

// refused runs a program that must exit with a status other than 0, and returns its output. A
// program that is killed does not count.
func (b *bench) refused(env map[string]string, program string, args ...string) string {
	b.t.Helper()
	_, all, err := b.try(env, program, args...)
	if exit := new(exec.ExitError); !errors.As(err, &exit) || !exit.Exited() {
		b.fatal("%s\nhas to end with an exit status that is not 0, and its error is %v\n%s", shown(program, args), err, all)
	}
	return all
}

// try runs a program with only this environment, PATH and HOME: the tester's other variables
// could change the result.
func (b *bench) try(env map[string]string, program string, args ...string) (stdout, all string, err error) {
	ctx, cancel := context.WithTimeout(b.ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var out, errs bytes.Buffer
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = b.dir, &out, &errs, time.Second
	err = cmd.Run()
	if ctx.Err() != nil { // killed by the timeout of the command or of the test
		err = context.Cause(ctx)
	}
	return out.String(), out.String() + errs.String(), err
}

// poll waits until condition returns nil.
func (b *bench) poll(what string, condition func() error) {
	b.t.Helper()
	deadline := time.After(commandTimeout)
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-deadline:
			b.fatal("waited %v until %s: %v", commandTimeout, what, err)
		case <-b.ctx.Done():
			b.fatal("waited until %s: %v: %v", what, context.Cause(b.ctx), err)
		}
	}
}

// write writes a file below the bench's folder, and returns its path.
func (b *bench) write(name, content string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	b.must(os.MkdirAll(filepath.Dir(path), 0o755))
	b.must(os.WriteFile(path, []byte(content), 0o600))
	return path
}

func (b *bench) read(path string) string {
	b.t.Helper()
	content, err := os.ReadFile(path)
	b.must(err)
	return string(content)
}

func shown(program string, args []string) string {
	return "$ " + filepath.Base(program) + " " + strings.Join(args, " ")
}

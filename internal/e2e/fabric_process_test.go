package e2e_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The time that everything has, and that one command has.
const (
	testTimeout    = 2 * time.Minute
	commandTimeout = 40 * time.Second
)

// bench is a folder, the processes that run in it, and the step that the test
// has come to, for its messages.
type bench struct {
	t       *testing.T
	ctx     context.Context
	dir     string
	now     string // the step
	daemons []*daemon
	port    int
}

// daemon is a process that runs until the test ends.
type daemon struct {
	name, log string
	before    int // the size of the log when the step began
	cmd       *exec.Cmd
	done      chan struct{}
}

// newBench ends with its time, and at an interrupt: the processes are in groups
// of their own, so a terminal's ^C does not reach them.
func newBench(t *testing.T) *bench {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	b := &bench{t: t, ctx: ctx, dir: t.TempDir(), port: 20000 + rand.IntN(8000)}
	t.Cleanup(func() { stop(); cancel() })
	return b
}

// step names what comes next.
func (b *bench) step(format string, args ...any) {
	b.t.Helper()
	b.now = fmt.Sprintf(format, args...)
	b.t.Log(b.now)
	for _, d := range b.daemons {
		d.before = len(d.read())
	}
}

// stack is a frame of the stacks that peers log, a function and its place.
var stack = regexp.MustCompile(`(?m)^\S+\n\t\S+:\d+.*\n`)

// fatal ends the test with the step, and with the last lines of each log that
// has grown in it.
func (b *bench) fatal(format string, args ...any) {
	b.t.Helper()
	message := fmt.Sprintf("step: %s\n%s", b.now, fmt.Sprintf(format, args...))
	for _, d := range b.daemons {
		if text := d.since(); text != "" {
			message += fmt.Sprintf("\n--- %s, last lines:\n%s", d.name, tail(stack.ReplaceAllString(text, ""), 30))
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

// run runs a program that has to succeed, and returns its stdout.
func (b *bench) run(env []string, program string, args ...string) string {
	b.t.Helper()
	stdout, all, err := b.try(env, program, args...)
	if err != nil {
		b.fatal("%s\n%v\n%s", shown(program, args), err, all)
	}
	return stdout
}

// refused runs a program that has to fail by itself, and returns all it has said.
func (b *bench) refused(env []string, program string, args ...string) string {
	b.t.Helper()
	_, all, err := b.try(env, program, args...)
	if exit := new(exec.ExitError); !errors.As(err, &exit) || !exit.Exited() {
		b.fatal("%s\nhas to end with an exit status that is not 0, and its error is %v\n%s", shown(program, args), err, all)
	}
	return all
}

// try runs a program with this environment and no other.
func (b *bench) try(env []string, program string, args ...string) (stdout, all string, err error) {
	ctx, cancel := context.WithTimeout(b.ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	inGroup(cmd)
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var out, errs bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = append(basics(b.dir), env...), b.dir, &out, &errs
	err = cmd.Run()
	if ctx.Err() != nil { // killed, at the end of its time or of the test's
		err = context.Cause(ctx)
	}
	return out.String(), out.String() + errs.String(), err
}

// start starts a process that lasts until the end of the test, and waits until
// it listens at the address; with TLS, until it has shaken hands.
func (b *bench) start(name, dir, address string, withTLS bool, env []string, program string, args ...string) *daemon {
	b.t.Helper()
	cmd := exec.Command(program, args...)
	d := &daemon{name: name, log: filepath.Join(b.dir, name+".log"), cmd: cmd, done: make(chan struct{})}
	file, err := os.Create(d.log)
	b.must(err)
	inGroup(cmd)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = append(basics(b.dir), env...), dir, file, file
	err = cmd.Start()
	file.Close()
	b.must(err)
	go func() { cmd.Wait(); close(d.done) }()
	b.t.Cleanup(func() { d.end(syscall.SIGKILL) })
	b.daemons = append(b.daemons, d)
	b.poll(name+" listens at "+address, func() error {
		if d.ended() {
			b.fatal("%s has ended: %v", shown(program, args), cmd.ProcessState)
		}
		return answers(b.ctx, address, withTLS)
	})
	return d
}

// answers tells whether something listens, by shaking hands and hanging up.
func answers(ctx context.Context, address string, withTLS bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	dial := new(net.Dialer).DialContext
	if withTLS {
		dial = (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext
	}
	conn, err := dial(ctx, "tcp", address)
	if err == nil {
		conn.Close()
	}
	return err
}

// poll waits for a condition.
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

// freePort is a port at which nothing listens. It is below those that the
// kernel gives to outgoing connections: one of these could be taken between now
// and the time it is used.
func (b *bench) freePort() string {
	for {
		b.port++
		address := fmt.Sprintf("127.0.0.1:%d", b.port)
		if listener, err := net.Listen("tcp", address); err == nil {
			listener.Close()
			return fmt.Sprint(b.port)
		} else if b.port > 32000 {
			b.fatal("no free port: %v", err)
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

// ended tells whether the process has ended; nothing starts it again.
func (d *daemon) ended() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// end sends a signal to the process, and waits until it has ended. What has not
// ended by itself in time is killed with all that it has started.
func (d *daemon) end(signal syscall.Signal) {
	if d.ended() {
		return
	}
	syscall.Kill(-d.cmd.Process.Pid, signal)
	select {
	case <-d.done:
	case <-time.After(10 * time.Second):
		syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
		<-d.done
	}
}

// read is the whole log so far; there is none before there is a file.
func (d *daemon) read() string {
	content, _ := os.ReadFile(d.log)
	return string(content)
}

// since is what it has logged since the step began.
func (d *daemon) since() string { return d.read()[d.before:] }

// inGroup puts a command and all it starts into a process group, so that all of
// it can be killed.
func inGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
}

// basics is what each process has in its environment. The tester's own would
// make the result another on each machine.
func basics(home string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
}

func shown(program string, args []string) string {
	return "$ " + filepath.Base(program) + " " + strings.Join(args, " ")
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

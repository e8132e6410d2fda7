// Package program runs a step of a program. What the operating system supplies is passed in.
// The program's messages go to stderr as lines, and its error becomes its exit status.
package program

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"ccaas-template-builder/internal/message"
)

// Exit statuses other than 0.
const (
	Failed  = 1 // the step failed, and an error line says why
	Misused = 2 // the program was called with wrong arguments
)

// LevelVariable is the variable that sets the lowest level of lines to print.
const LevelVariable = "CORE_PEER_CC_BUILDER_LOG_LEVEL"

// Program is one run of a program: its arguments, environment, clock and streams.
type Program struct {
	Name   string
	Args   []string          // without the program's name
	Env    map[string]string // the process's environment
	Stdout io.Writer
	Stderr io.Writer
	Now    func() time.Time
	// Deadline limits the run. 0 means no limit. The peer sets no limit of its own.
	Deadline time.Duration
	// Signals stop the run as Deadline does. Signals that are not listed do what the operating
	// system decides.
	Signals []os.Signal

	stopped atomic.Bool
}

// ErrStopped is the error that a step returns when it is told to stop. Run reports the reason.
var ErrStopped = errors.New("stopped")

// grace is how long a step that is told to stop may take to remove what it has written.
const grace = 5 * time.Second

// Stopped returns ErrStopped if the step has been told to stop. A step that writes several
// files calls it before each.
func (p *Program) Stopped() error {
	if p.stopped.Load() {
		return ErrStopped
	}
	return nil
}

// TerminationSignals returns the signals that ask a program to end, without those that the
// parent process has told it to ignore, as nohup does.
func TerminationSignals() []os.Signal {
	return slices.DeleteFunc([]os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}, signal.Ignored)
}

// New returns a program with the arguments, environment, clock and streams of this process.
func New(name string) *Program {
	return &Program{
		Name:   name,
		Args:   os.Args[1:],
		Env:    Environment(os.Environ()),
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Now:    time.Now,
	}
}

// Environment converts NAME=VALUE pairs to a map.
func Environment(pairs []string) map[string]string {
	env := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		if name, value, ok := strings.Cut(pair, "="); ok {
			env[name] = value
		}
	}
	return env
}

// Run runs step, reports its error, and returns the exit status: 0, Failed, or the status that
// step gave to Exit. A panic is reported as one line, without the value of the panic, which
// might be a secret.
func (p *Program) Run(step func(*Program) error) int {
	signals := make(chan os.Signal, 1)
	if len(p.Signals) > 0 {
		signal.Notify(signals, p.Signals...) // for good, so that a second signal does not interrupt the cleanup
	}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				done <- Panicked(v)
			}
		}()
		done <- step(p)
	}()

	var expired <-chan time.Time
	if p.Deadline > 0 {
		timer := time.NewTimer(p.Deadline)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case err := <-done:
		return p.finish(err)
	case s := <-signals:
		return p.stop(done, fmt.Errorf("stopped by a signal: %s", s))
	case <-expired:
		return p.stop(done, fmt.Errorf("not done after %s: "+
			"a file it reads may be a pipe, or on a file system that does not respond", p.Deadline))
	}
}

// stop tells the step to stop and waits for that. It reports why, unless the step has finished
// nevertheless.
func (p *Program) stop(done <-chan error, why error) int {
	p.stopped.Store(true)
	select {
	case err := <-done:
		if !errors.Is(err, ErrStopped) {
			return p.finish(err)
		}
	case <-time.After(grace):
	}
	return p.finish(why)
}

func (p *Program) finish(err error) int {
	if err == nil {
		return 0
	}
	p.Report(err)
	if exit := (*exitError)(nil); errors.As(err, &exit) {
		return exit.status
	}
	return Failed
}

// Panicked returns the error for a value recovered from a panic, with the place where the
// program failed. It must be called by the function that recovers. It quotes only errors of
// the Go runtime, which contain numbers and types. Any other value might be a secret.
func Panicked(v any) error {
	what := "panic"
	if err, ok := v.(runtime.Error); ok {
		what = err.Error()
	}
	ours := path.Dir(path.Dir(reflect.TypeFor[Program]().PkgPath())) + "/" // the path of the module
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	for frame, more := frames.Next(); more; frame, more = frames.Next() {
		if strings.HasPrefix(frame.Function, ours) {
			return fmt.Errorf("internal error in %s, line %d: %s; please report it", frame.Function, frame.Line, what)
		}
	}
	return fmt.Errorf("internal error: %s; please report it", what)
}

type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// Exit returns an error that makes Run report err, if it is not nil, and return status. This
// also works if the error is joined with others.
func Exit(status int, err error) error {
	if err == nil {
		return &exitError{status: status}
	}
	return message.Each(err, func(err error) error { return &exitError{status, err} })
}

// Usage returns the error for a wrong number of arguments. want lists the right ones.
func (p *Program) Usage(want string) error {
	return Exit(Misused, fmt.Errorf("wrong number of arguments (%d); usage: %s %s", len(p.Args), p.Name, want))
}

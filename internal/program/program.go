// Package program is one run of a program: what the operating system supplies
// is passed in, what the program has to say goes out as lines on stderr, and
// how it ended becomes its exit status.
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

// Exit statuses that are not 0.
const (
	Failed  = 1 // it did not work, and an error line says why
	Misused = 2 // it was called wrongly
)

// LevelVariable sets the lowest level of the lines that a program prints.
const LevelVariable = "CORE_PEER_CC_BUILDER_LOG_LEVEL"

// Program is one run: its arguments, environment, clock and streams.
type Program struct {
	Name   string
	Args   []string          // without the program's own name
	Env    map[string]string // the process's environment
	Stdout io.Writer
	Stderr io.Writer
	Now    func() time.Time
	// Deadline limits the run; 0 is no limit. The peer sets none of its own.
	Deadline time.Duration
	// Signals end the run, as Deadline does; without any, the operating system decides.
	Signals []os.Signal

	stopped atomic.Bool
}

// ErrStopped is what a step returns when it is to stop. Run reports the reason.
var ErrStopped = errors.New("stopped")

// grace is how long a step that is to stop may take to remove what it has written.
const grace = 5 * time.Second

// Stopped returns ErrStopped when the step is to stop. One that writes several files
// asks before each.
func (p *Program) Stopped() error {
	if p.stopped.Load() {
		return ErrStopped
	}
	return nil
}

// TerminationSignals are those that ask a program to end, except those that its parent
// had it ignore, as nohup does.
func TerminationSignals() []os.Signal {
	return slices.DeleteFunc([]os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}, signal.Ignored)
}

// New returns the program called name with what the operating system gave this process.
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

// Environment turns NAME=VALUE pairs into a map.
func Environment(pairs []string) map[string]string {
	env := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		if name, value, ok := strings.Cut(pair, "="); ok {
			env[name] = value
		}
	}
	return env
}

// Run runs step to its end, reports its error, and returns the exit status: 0,
// or the one that step asked for with Exit, or Failed. A panic becomes one line,
// without its value, which might be a secret.
func (p *Program) Run(step func(*Program) error) int {
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
	signals := make(chan os.Signal, 1)
	if len(p.Signals) > 0 {
		signal.Notify(signals, p.Signals...) // to the end of the process, or a second one would break off the cleanup
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

// stop lets the step clean up, and reports why it was stopped, unless it has come to
// its end all the same.
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

// Panicked returns the error for a value recovered from a panic; the function that
// recovers has to call it. It says where the program broke. Only errors of the Go
// runtime are quoted: they hold numbers and types, any other value might be a secret.
func Panicked(v any) error {
	what := "panic"
	if err, ok := v.(runtime.Error); ok {
		what = err.Error()
	}
	ours := path.Dir(path.Dir(reflect.TypeFor[Program]().PkgPath())) + "/" // the module
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

// Exit makes Run report err, if there is one, and return status, even if it is
// joined with other errors.
func Exit(status int, err error) error {
	if err == nil {
		return &exitError{status: status}
	}
	return message.Each(err, func(err error) error { return &exitError{status, err} })
}

// Usage returns the error of a program that was called wrongly: want is how to call it.
func (p *Program) Usage(want string) error {
	return Exit(Misused, fmt.Errorf("wrong number of arguments (%d); usage: %s %s", len(p.Args), p.Name, want))
}

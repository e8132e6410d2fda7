package network

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// endTimeout is how long a process may take to exit after a signal, startTimeout how long
// until it listens.
const (
	endTimeout   = 10 * time.Second
	startTimeout = 40 * time.Second
)

// Process is a process of the network.
type Process struct {
	Name   string
	Log    string        // the path of the file with its output
	Ended  chan struct{} // closed when it has ended
	before int64         // the size of the log when it started
	cmd    *exec.Cmd
}

// start starts a process in the group.
func (g *group) start(name, log, dir string, env map[string]string, command []string) (*Process, error) {
	file, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	p := &Process{Name: name, Log: log, Ended: make(chan struct{}), before: info.Size()}
	p.cmd = exec.Command(command[0], command[1:]...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, file, file
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for name, value := range env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	g.add(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() { p.cmd.Wait(); close(p.Ended) }()
	return p, nil
}

// Await waits until the process listens on address. With TLS, it waits until a handshake
// succeeds.
func (p *Process) Await(ctx context.Context, address string, withTLS bool) error {
	late := fmt.Errorf("is not listening on %s after %v", address, startTimeout)
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, late)
	defer cancel()
	for answers(ctx, address, withTLS) != nil {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-p.Ended:
			return p.failed(errors.New(p.cmd.ProcessState.String()))
		case <-ctx.Done():
			return p.failed(context.Cause(ctx))
		}
	}
	return nil
}

// answers returns nil if something listens on address. It closes the connection at once.
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

// Wait waits until the process has ended. It returns an error if the process failed.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.Ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if !p.cmd.ProcessState.Success() {
		return p.failed(errors.New(p.cmd.ProcessState.String()))
	}
	return nil
}

// End sends a signal to the process and waits until it has ended. After endTimeout, it kills
// the process.
func (p *Process) End(signal syscall.Signal) {
	p.cmd.Process.Signal(signal)
	select {
	case <-p.Ended:
	case <-time.After(endTimeout):
		p.cmd.Process.Kill()
		<-p.Ended
	}
}

// Signal sends a signal to the process.
func (p *Process) Signal(signal syscall.Signal) error { return p.cmd.Process.Signal(signal) }

// State says how the process ended.
func (p *Process) State() string { return p.cmd.ProcessState.String() }

// Said returns the output of the process since it started.
func (p *Process) Said() string {
	content, _ := os.ReadFile(p.Log)
	return string(content[min(p.before, int64(len(content))):])
}

// stack matches a frame in the stack traces that peers log: a function and its place.
var stack = regexp.MustCompile(`(?m)^\S+\n\t\S+:\d+.*\n`)

// failed adds the last lines of the log to err.
func (p *Process) failed(err error) error {
	return fmt.Errorf("%s: %w; the end of %s:\n%s", p.Name, err, filepath.Base(p.Log), Tail(p.Said(), 20))
}

// Tail returns the last n lines of a log, without stack traces.
func Tail(log string, n int) string {
	lines := strings.Split(strings.TrimRight(stack.ReplaceAllString(log, ""), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// reason returns the innermost cause of an error, without what the caller already says.
func reason(err error) error {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}

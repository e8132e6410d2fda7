// Package probe dials a chaincode server as the peer does, stage by stage, up to the message
// with which the chaincode registers: [Run]. It never answers that message, so the server goes
// on serving and no peer notices.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/pkg/connection"
)

// RegisterTimeout is the default limit for waiting for the server's first message. The peer
// waits for its startuptimeout, 300 s by default.
const RegisterTimeout = 10 * time.Second

// Stage is one step of a probe, and its result.
type Stage struct {
	Name    string  `json:"stage"`
	State   State   `json:"state"`
	Seconds float64 `json:"seconds"`           // how long the stage took
	Finding string  `json:"finding,omitempty"` // what was found, or what is wrong
	Hint    string  `json:"hint,omitempty"`    // what to do about it
}

// State says how a stage ended.
type State string

const (
	OK      State = "ok"
	Failed  State = "failed"
	Skipped State = "skipped"
)

// Target says what to dial, and what to expect there.
type Target struct {
	// Connection must be valid.
	Connection connection.Connection
	// PackageID is the ID of the package on the peer. If it is empty, the server's ID is not
	// compared with it.
	PackageID string
	// Timeout limits the stages up to gRPC together, and then the wait for the first message.
	// 0 means dial_timeout for the former and RegisterTimeout for the latter. No server can
	// extend either.
	Timeout time.Duration
}

// Result is the result of a probe.
type Result struct {
	Address string  `json:"address"`
	Stages  []Stage `json:"stages"`
	// CertificateNotAfter is when the server's certificate expires, whether or not it is
	// valid. It is zero if the server has shown none.
	CertificateNotAfter time.Time `json:"certificateNotAfter,omitzero"`
}

// Err returns the reason why a stage failed, or nil if none did.
func (r Result) Err() error {
	for _, s := range r.Stages {
		if s.State == Failed {
			return message.WithHint(fmt.Errorf("%s: %s", s.Name, s.Finding), s.Hint)
		}
	}
	return nil
}

// Run runs the stages. If one fails, it skips those after it.
func Run(ctx context.Context, target Target) Result {
	d := &dial{Target: target}
	dialTimeout, registerTimeout := target.Timeout, target.Timeout
	if target.Timeout == 0 {
		dialTimeout, _ = time.ParseDuration(target.Connection.DialTimeout)
		registerTimeout = RegisterTimeout
	}
	dialContext, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()

	d.stage("resolve", func() (string, error) { return d.resolve(dialContext) })
	d.stage("connect", func() (string, error) { return d.connect(dialContext) })
	if target.Connection.TLSRequired {
		d.stage("tls", func() (string, error) { return d.handshake(dialContext) })
	}
	d.stage("grpc", func() (string, error) { return d.open(dialContext) })
	registerContext, cancelRegister := context.WithTimeout(ctx, registerTimeout)
	defer cancelRegister()
	defer d.close() // must run before the contexts end
	d.stage("register", func() (string, error) { return d.register(registerContext) })
	if target.PackageID != "" {
		d.stage("package ID", d.compare)
	}
	return Result{target.Connection.Address, d.stages, d.notAfter}
}

// failure is an error with a hint.
type failure struct {
	reason string
	hint   string
}

func (f *failure) Error() string { return f.reason }

func fail(hint, format string, args ...any) error {
	return &failure{fmt.Sprintf(format, args...), hint}
}

// stage runs one stage, or skips it if an earlier one has failed.
func (d *dial) stage(name string, run func() (string, error)) {
	if d.failed {
		d.stages = append(d.stages, Stage{Name: name, State: Skipped})
		return
	}
	start := time.Now()
	found, err := run()
	s := Stage{Name: name, State: OK, Seconds: time.Since(start).Seconds(), Finding: found}
	if err != nil {
		d.failed = true
		s.State, s.Finding = Failed, err.Error()
		if f := (*failure)(nil); errors.As(err, &f) {
			s.Hint = f.hint
		}
	}
	d.stages = append(d.stages, s)
}

// resolve looks up the host name of the address.
func (d *dial) resolve(ctx context.Context) (string, error) {
	var err error
	if d.host, d.port, err = net.SplitHostPort(d.Connection.Address); err != nil {
		return "", fail("", "the address is not HOST:PORT")
	}
	addresses, err := net.DefaultResolver.LookupHost(ctx, d.host)
	if err != nil {
		return "", fail("the address's host name must resolve where the peer runs",
			"%q does not resolve here: %s", d.host, cause(err))
	}
	return fmt.Sprintf("%s is %s", d.host, addresses[0]), nil
}

// connect opens a TCP connection.
func (d *dial) connect(ctx context.Context) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(d.host, d.port))
	if err != nil {
		hint := "is the chaincode server running, and is it listening on this port?"
		if ctx.Err() != nil {
			hint = "is a firewall or a network policy in the way, or does the address belong to another machine?"
		}
		return "", fail(hint, "%s", cause(err))
	}
	d.tcp, d.conn = conn, &watched{Conn: conn}
	return "to " + conn.RemoteAddr().String(), nil
}

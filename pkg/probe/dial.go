package probe

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
)

// dial is one attempt to reach a chaincode server.
type dial struct {
	Target
	stages     []Stage
	failed     bool
	host, port string
	tcp        net.Conn
	hold       func() bool // keeps tcp from ending with the context of until
	conn       *watched    // over tcp, with TLS or without
	notAfter   time.Time   // of the server's certificate
	client     *grpc.ClientConn
	cancel     context.CancelFunc // of the stream
	asked      bool               // the server has asked for a client certificate
	sent       bool               // one was sent to it
	accepted   bool               // it has accepted that one
	chaincode  string             // the ID it has registered with
}

// until closes the connection when ctx ends, instead of when the context of an
// earlier call does. Whatever gRPC and TLS are waiting for ends with it: a write to
// a server that does not read, too, for which they would take seconds more.
func (d *dial) until(ctx context.Context) {
	if d.hold != nil {
		d.hold()
	}
	d.hold = context.AfterFunc(ctx, func() { d.tcp.Close() })
}

// close takes leave of the server, which can delay that only until the context of
// until ends.
func (d *dial) close() {
	if d.cancel != nil {
		d.cancel()
	}
	if d.client != nil {
		d.client.Close()
	}
	if d.tcp != nil {
		d.tcp.Close()
	}
}

// watched is a connection that records how the server's answer began, and what
// went wrong while reading it: gRPC reports neither.
type watched struct {
	net.Conn
	ahead []byte // what has already been read from it
	mutex sync.Mutex
	begun []byte
	err   error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.read(p)
	w.mutex.Lock()
	defer w.mutex.Unlock()
	const kept = 16
	if len(w.begun) < kept {
		w.begun = append(w.begun, p[:min(n, kept-len(w.begun))]...)
	}
	if w.err == nil && !errors.Is(err, net.ErrClosed) {
		w.err = err
	}
	return n, err
}

func (w *watched) read(p []byte) (int, error) {
	if len(w.ahead) == 0 {
		return w.Conn.Read(p)
	}
	n := copy(p, w.ahead)
	w.ahead = w.ahead[n:]
	return n, nil
}

// seen returns what the connection has recorded.
func (w *watched) seen() (begun string, err error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return string(w.begun), w.err
}

// short shortens a text from the server, which may be of any length, for display.
func short(text string) string {
	const longest = 200
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}

// cause is the innermost error, without the addresses around it.
func cause(err error) error {
	var dns *net.DNSError
	var system *os.SyscallError
	switch {
	case errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err):
		return errors.New("no answer in time")
	case errors.As(err, &dns):
		return errors.New(dns.Err)
	case errors.As(err, &system):
		return system.Err
	}
	return err
}

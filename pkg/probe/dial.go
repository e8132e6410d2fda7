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

// dial is one attempt to dial a chaincode server.
type dial struct {
	Target
	stages     []Stage
	failed     bool
	host, port string
	tcp        net.Conn
	hold       func() bool // stops the context of the last until from closing tcp
	conn       *watched    // over tcp, with or without TLS
	notAfter   time.Time   // when the server's certificate expires
	client     *grpc.ClientConn
	cancel     context.CancelFunc // ends the stream
	asked      bool               // whether the server has asked for a client certificate
	sent       bool               // whether one was sent
	accepted   bool               // whether the server has accepted it
	chaincode  string             // the ID that the server has registered with
}

// until closes the connection when ctx ends, and no longer when the context of an earlier call
// ends. This also ends whatever gRPC and TLS are waiting for, such as a write to a server that
// does not read, which would take them seconds more.
func (d *dial) until(ctx context.Context) {
	if d.hold != nil {
		d.hold()
	}
	d.hold = context.AfterFunc(ctx, func() { d.tcp.Close() })
}

// close ends the stream and closes the connection. A server can delay this only until the
// context of the last until ends.
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

// watched is a connection that records how the server's answer begins and which error reading
// it gives, since gRPC reports neither.
type watched struct {
	net.Conn
	ahead []byte // what has already been read from the connection
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

// short shortens a text from the server for display. The text may be of any length.
func short(text string) string {
	const longest = 200
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}

// cause returns the innermost error, without the addresses around it.
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

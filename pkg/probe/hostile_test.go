package probe_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/testserver"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/probe"
)

// Types and flags of HTTP/2 frames.
const (
	data, headers, rstStream, settings, ping, goAway, windowUpdate, continuation = 0, 1, 3, 4, 6, 7, 8, 9

	endHeaders = 4
)

func frame(kind, flags byte, stream uint32, payload string) string {
	size := len(payload)
	head := []byte{byte(size >> 16), byte(size >> 8), byte(size), kind, flags}
	return string(binary.BigEndian.AppendUint32(head, stream)) + payload
}

// message returns a gRPC message.
func message(text []byte) string {
	return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text)))) + string(text)
}

// What a chaincode server sends.
var (
	hello    = frame(settings, 0, 0, "")
	accepted = frame(headers, endHeaders, 1, "\x88\x00\x0ccontent-type\x10application/grpc") // :status 200
)

// heard reads from a client until it has opened a stream.
func heard(conn net.Conn) {
	var all []byte
	part := make([]byte, 4096)
	for !strings.Contains(string(all), "\x01\x04\x00\x00\x00\x01") { // the header of its HEADERS frame
		n, err := conn.Read(part)
		if err != nil {
			return
		}
		all = append(all, part[:n]...)
	}
}

// flood sends first, and then again for ever, without ever reading.
func flood(first, again string) func(net.Conn) {
	return func(conn net.Conn) {
		again := []byte(strings.Repeat(again, 1+16<<10/max(1, len(again))))
		_, err := io.WriteString(conn, first)
		for err == nil {
			_, err = conn.Write(again)
		}
	}
}

// drip sends first, and then again every few milliseconds.
func drip(first, again string) func(net.Conn) {
	return func(conn net.Conn) {
		_, err := io.WriteString(conn, first)
		for err == nil {
			time.Sleep(5 * time.Millisecond)
			_, err = io.WriteString(conn, again)
		}
	}
}

// after waits until the client has opened its stream.
func after(then func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		io.WriteString(conn, hello)
		heard(conn)
		then(conn)
	}
}

// A probe ends within its timeout and leaves nothing open, whatever the server does.
func TestHostileServers(t *testing.T) {
	p := newPKI(t)
	over := func(config *tls.Config, then func(net.Conn)) func(net.Conn) {
		return func(conn net.Conn) { then(tls.Server(conn, config)) }
	}
	encrypted, mutual := tlsConfig(t, p.server, ""), tlsConfig(t, p.server, p.clients.Cert)
	old := tlsConfig(t, p.server, p.clients.Cert)
	old.MaxVersion = tls.VersionTLS12
	ack := strings.Repeat("\x00", 8)
	servers := map[string]struct {
		talk func(net.Conn)
		tls  bool
		ok   bool // whether the server registers
	}{
		"says nothing":              {talk: func(conn net.Conn) { io.Copy(io.Discard, conn) }},
		"says hello":                {talk: func(conn net.Conn) { io.WriteString(conn, hello) }},
		"SETTINGS":                  {talk: flood(hello, hello)},
		"SETTINGS, slowly":          {talk: drip(hello, strings.Repeat(hello, 100))},
		"PING":                      {talk: flood(hello, frame(ping, 0, 0, ack))},
		"PING, once there":          {talk: after(flood("", frame(ping, 0, 0, ack)))},
		"WINDOW_UPDATE":             {talk: flood(hello, frame(windowUpdate, 0, 0, "\x00\x00\x00\x01"))},
		"RST_STREAM":                {talk: after(flood("", frame(rstStream, 0, 1, "\x00\x00\x00\x07")))},
		"GOAWAY":                    {talk: flood(hello, frame(goAway, 0, 0, "\x7f\xff\xff\xff"+"\x00\x00\x00\x00"))},
		"GOAWAY, refused":           {talk: after(flood("", frame(goAway, 0, 0, ack)))},
		"no streams":                {talk: drip(frame(settings, 0, 0, "\x00\x03\x00\x00\x00\x00"), frame(ping, 0, 0, ack))},
		"HEADERS":                   {talk: after(flood("", accepted))},
		"CONTINUATION":              {talk: after(flood(frame(headers, 0, 1, "\x88"), frame(continuation, 0, 1, strings.Repeat("\x00\x01a\x01b", 1000))))},
		"CONTINUATION, empty":       {talk: after(flood(frame(headers, 0, 1, "\x88"), frame(continuation, 0, 1, "")))},
		"CONTINUATION, slowly":      {talk: after(drip(frame(headers, 0, 1, "\x88"), frame(continuation, 0, 1, "\x00\x01a\x01b")))},
		"unknown frames":            {talk: flood(hello, frame(99, 0, 0, strings.Repeat("a", 16<<10)))},
		"a frame that never ends":   {talk: drip(hello+"\x00\x40\x00\x00\x00\x00\x00\x00\x01", "a")},
		"DATA":                      {talk: after(flood(accepted, frame(data, 0, 1, message(nil))))},
		"empty DATA":                {talk: after(flood(accepted, frame(data, 0, 1, "")))},
		"a message that never ends": {talk: after(drip(accepted+frame(data, 0, 1, "\x00\x00\x00\x40\x00"), frame(data, 0, 1, "a")))},
		"registers, then PING":      {talk: after(flood(accepted+frame(data, 0, 1, message(testserver.Register("basic:1"))), frame(ping, 0, 0, ack))), ok: true},
		"registers, then DATA":      {talk: after(flood(accepted+frame(data, 0, 1, message(testserver.Register("basic:1"))), frame(data, 0, 1, "a"))), ok: true},

		"no handshake":              {talk: func(conn net.Conn) { io.Copy(io.Discard, conn) }, tls: true},
		"a handshake, slowly":       {talk: drip("\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", "\x03"), tls: true},
		"empty records":             {talk: flood("", "\x16\x03\x03\x00\x00"), tls: true},
		"ChangeCipherSpec":          {talk: flood("", "\x14\x03\x03\x00\x01\x01"), tls: true},
		"ChangeCipherSpec, slowly":  {talk: drip("", "\x14\x03\x03\x00\x01\x01"), tls: true},
		"warnings":                  {talk: flood("", "\x15\x03\x03\x00\x02\x01\x5a"), tls: true},
		"SETTINGS in TLS":           {talk: over(encrypted, flood(hello, hello)), tls: true},
		"PING in mutual TLS":        {talk: over(mutual, flood(hello, frame(ping, 0, 0, ack))), tls: true},
		"PING in TLS 1.2":           {talk: over(old, flood(hello, frame(ping, 0, 0, ack))), tls: true},
		"mutual TLS, and then none": {talk: over(mutual, func(conn net.Conn) { conn.(*tls.Conn).Handshake() }), tls: true},
	}
	t.Run("servers", func(t *testing.T) {
		for name, server := range servers {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				address, gone := meet(t, server.talk)
				c := connection.Connection{Address: address, DialTimeout: "3s"}
				if server.tls {
					c.TLSRequired, c.ClientAuthRequired = true, true
					c.RootCert, c.ClientCert, c.ClientKey = p.servers.Cert, p.client.Cert, p.client.Key
				}
				const timeout = time.Second // once for dialling, and again for registering
				limit, cancel := context.WithTimeout(t.Context(), 5*timeout)
				defer cancel()
				result := probe.Run(t.Context(), probe.Target{Connection: c, Timeout: timeout})
				if limit.Err() != nil {
					t.Errorf("took more than five times its timeout: %+v", result)
				}
				if (result.Err() == nil) != server.ok {
					t.Errorf("got %+v", result)
				}
				<-gone
			})
		}
	})
	nothingLeft(t)
}

// meet starts a server for one client. The channel is closed when the client is gone.
func meet(t *testing.T, talk func(net.Conn)) (address string, gone <-chan struct{}) {
	l := listen(t)
	left := make(chan struct{})
	go func() {
		defer close(left)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		talk(conn)
		io.Copy(io.Discard, conn)
	}()
	return fmt.Sprint("localhost:", l.Addr().(*net.TCPAddr).Port), left
}

// nothingLeft waits until every goroutine that gRPC and TLS have started has ended.
func nothingLeft(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for range 1000 {
		text := string(stacks[:runtime.Stack(stacks, true)])
		if !strings.Contains(text, "google.golang.org/grpc") && !strings.Contains(text, "crypto/tls") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("goroutines are left:\n%s", stacks[:runtime.Stack(stacks, true)])
}

// A server that closes the connection gives the same finding in each probe. gRPC's message would
// have the probe's port, which is another each time.
func TestClosedConnection(t *testing.T) {
	for name, linger := range map[string]int{"closed": -1, "reset": 0} {
		address, gone := meet(t, after(func(conn net.Conn) {
			conn.(*net.TCPConn).SetLinger(linger)
			conn.Close()
		}))
		result := probe.Run(t.Context(), probe.Target{Connection: connection.Connection{Address: address, DialTimeout: "3s"}})
		if want := "register: the server closed the connection without registering"; result.Err() == nil || result.Err().Error() != want {
			t.Errorf("%s: got %v, want %s", name, result.Err(), want)
		}
		<-gone
	}
}

package probe_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"ccaas-template-builder/internal/testpki"
	"ccaas-template-builder/internal/testserver"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/probe"
)

// pki has the certificates of the servers and clients in a test.
type pki struct {
	servers, clients  testpki.Identity
	server, expired   testpki.Identity
	client, oldClient testpki.Identity
	renewed, noClient testpki.Identity // a server's next certificate; a client's that is only for servers
	sameName          testpki.Identity // a CA with the same name as the CA of clients
	clientCA          testpki.Identity // a CA that may not issue server certificates
	ofClients         testpki.Identity // a server's certificate from clientCA
	onlyClient        testpki.Identity // a server's certificate that is only for clients
}

func newPKI(t *testing.T) (p pki) {
	t.Helper()
	now := time.Now()
	make := func(id testpki.Identity, err error) testpki.Identity {
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	p.servers, p.clients = make(testpki.CA("servers", now)), make(testpki.CA("clients", now))
	p.server = make(p.servers.Issue("localhost", now, now.AddDate(0, 1, 0)))
	p.expired = make(p.servers.Issue("localhost", now, now.Add(-time.Second)))
	p.client = make(p.clients.Issue("peer0", now, now.AddDate(0, 1, 0)))
	p.oldClient = make(p.clients.Issue("peer0", now, now.Add(-time.Second)))
	p.renewed = make(p.servers.Issue("localhost", now, now.AddDate(0, 2, 0)))
	p.noClient = make(p.clients.IssueWith(func(cert *x509.Certificate) {
		cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}, "peer0", now, now.AddDate(0, 1, 0)))
	toClients := func(cert *x509.Certificate) { cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	p.onlyClient = make(p.servers.IssueWith(toClients, "localhost", now, now.AddDate(0, 1, 0)))
	p.clientCA = make(testpki.Identity{}.IssueWith(func(cert *x509.Certificate) {
		toClients(cert)
		cert.IsCA, cert.BasicConstraintsValid, cert.KeyUsage = true, true, x509.KeyUsageCertSign
	}, "ca of clients", now, now.AddDate(0, 1, 0)))
	p.ofClients = make(p.clientCA.Issue("localhost", now, now.AddDate(0, 1, 0)))
	p.sameName = make(testpki.CA("clients", now))
	return p
}

// tlsConfig returns the TLS configuration of a server. If clients is not empty, the server
// requires certificates of clients from that CA.
func tlsConfig(t *testing.T, id testpki.Identity, clients string) *tls.Config {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(id.Cert), []byte(id.Key))
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}}
	if clients != "" {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.ClientCAs.AppendCertsFromPEM([]byte(clients))
	}
	return config
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serve starts a chaincode server that sends first as soon as a peer has opened the stream, or
// nothing if first is nil.
func serve(t *testing.T, config *tls.Config, first []byte) string {
	t.Helper()
	l := listen(t)
	t.Cleanup(testserver.Serve(l, config, first))
	return l.Addr().String()
}

// answer starts a server that sends text to whoever connects, and then waits.
func answer(t *testing.T, text string) string {
	t.Helper()
	l := listen(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.WriteString(conn, text)
				io.Copy(io.Discard, conn)
			}()
		}
	}()
	return l.Addr().String()
}

func closed(t *testing.T) string {
	l := listen(t)
	l.Close()
	return l.Addr().String()
}

func TestProbe(t *testing.T) {
	p := newPKI(t)
	const id = "basic_1.0:abc"
	local := func(address string) string { return "localhost" + address[strings.LastIndexByte(address, ':'):] }
	plain := func(address string) connection.Connection {
		return connection.Connection{Address: address, DialTimeout: "3s"}
	}
	encrypted := func(address string) connection.Connection {
		c := plain(local(address))
		c.TLSRequired, c.RootCert = true, p.servers.Cert
		return c
	}
	mutual := func(address string) connection.Connection {
		c := encrypted(address)
		c.ClientAuthRequired, c.ClientCert, c.ClientKey = true, p.client.Cert, p.client.Key
		return c
	}
	with := func(c connection.Connection, change func(*connection.Connection)) connection.Connection {
		change(&c)
		return c
	}
	https := listen(t)
	web := &http.Server{ErrorLog: log.New(io.Discard, "", 0)}
	go web.Serve(tls.NewListener(https, &tls.Config{Certificates: tlsConfig(t, p.server, "").Certificates, NextProtos: []string{"http/1.1"}}))
	old := listen(t) // speaks TLS, but not HTTP/2
	go web.Serve(tls.NewListener(old, &tls.Config{Certificates: tlsConfig(t, p.server, "").Certificates}))
	empty := listen(t)
	nothing := grpc.NewServer()
	go nothing.Serve(empty)
	t.Cleanup(nothing.Stop)

	for name, test := range map[string]struct {
		connection connection.Connection
		id         string
		stage      string // the stage that fails
		want       string // a part of its finding
		hint       string
	}{
		"plain":           {plain(serve(t, nil, testserver.Register(id))), id, "", "", ""},
		"tls":             {encrypted(serve(t, tlsConfig(t, p.server, ""), testserver.Register(id))), id, "", "", ""},
		"mutual":          {mutual(serve(t, tlsConfig(t, p.server, p.clients.Cert), testserver.Register(id))), id, "", "", ""},
		"ID not asked":    {plain(serve(t, nil, testserver.Register("other:1"))), "", "", "", ""},
		"cert not wanted": {mutual(serve(t, tlsConfig(t, p.server, ""), testserver.Register(id))), id, "", "", ""},
		"domain": {with(mutual(serve(t, tlsConfig(t, p.server, p.clients.Cert), testserver.Register(id))), func(c *connection.Connection) {
			c.Address, c.Domain = strings.Replace(c.Address, "localhost", "127.0.0.1", 1), "localhost"
		}), id, "", "", ""},

		"no such host": {plain("no-such-host.invalid:1"), "", "resolve", `"no-such-host.invalid" does not resolve here: `, "where the peer runs"},
		"nobody":       {plain(closed(t)), "", "connect", "connection refused", "running"},
		"other name":   {with(encrypted(serve(t, tlsConfig(t, p.server, ""), testserver.Register(id))), func(c *connection.Connection) { c.Address = strings.Replace(c.Address, "localhost", "127.0.0.1", 1) }), "", "tls", `is for ["localhost"], not for "127.0.0.1"`, "domain"},
		"domain unread": {with(encrypted(serve(t, tlsConfig(t, p.server, ""), testserver.Register(id))), func(c *connection.Connection) {
			c.Domain = "x"
			c.Address = strings.Replace(c.Address, "localhost", "127.0.0.1", 1)
		}), "", "tls", `not for "127.0.0.1"`, "with client_auth_required"},
		"other CA":      {with(encrypted(serve(t, tlsConfig(t, p.server, ""), testserver.Register(id))), func(c *connection.Connection) { c.RootCert = p.clients.Cert }), "", "tls", `lacks "servers"`, "not of the peer"},
		"expired":       {encrypted(serve(t, tlsConfig(t, p.expired, ""), testserver.Register(id))), "", "tls", "is valid only from 20", "clocks"},
		"no TLS":        {encrypted(serve(t, nil, testserver.Register(id))), "", "tls", "the server does not speak TLS", "TLS"},
		"TLS not meant": {plain(serve(t, tlsConfig(t, p.server, ""), testserver.Register(id))), "", "grpc", "the server ", "tls_required"},
		"cert asked":    {encrypted(serve(t, tlsConfig(t, p.server, p.clients.Cert), testserver.Register(id))), "", "tls", "asks for a client certificate, but none is configured", "client_auth_required"},
		"cert refused":  {mutual(serve(t, tlsConfig(t, p.server, p.servers.Cert), testserver.Register(id))), "", "tls", "rejects the client certificate: it asks for one from other CAs, so the peer sends none (tls: ", "CACERT_FILE"},
		"cert expired": {with(mutual(serve(t, tlsConfig(t, p.server, p.clients.Cert), testserver.Register(id))), func(c *connection.Connection) {
			c.ClientCert, c.ClientKey = p.oldClient.Cert, p.oldClient.Key
		}), "", "tls", "rejects the client certificate: it has expired (tls: ", "a new client certificate"},
		"cert for servers": {with(mutual(serve(t, tlsConfig(t, p.server, p.clients.Cert), testserver.Register(id))), func(c *connection.Connection) {
			c.ClientCert, c.ClientKey = p.noClient.Cert, p.noClient.Key
		}), "", "tls", "rejects the client certificate: its extended key usage lacks client authentication (tls: ", "another client certificate"},
		"cert for servers, of another CA": {with(mutual(serve(t, tlsConfig(t, p.server, p.sameName.Cert), testserver.Register(id))), func(c *connection.Connection) {
			c.ClientCert, c.ClientKey = p.noClient.Cert, p.noClient.Key
		}), "", "tls", "rejects the client certificate (tls: unknown certificate authority)", "CACERT_FILE"},
		"server for clients": {encrypted(serve(t, tlsConfig(t, p.onlyClient, ""), testserver.Register(id))), "", "tls", "the server's certificate is not for servers", "certificate for server"},
		"CA for clients": {with(encrypted(serve(t, tlsConfig(t, p.ofClients, ""), testserver.Register(id))), func(c *connection.Connection) {
			c.RootCert += p.clientCA.Cert
		}), "", "tls", "the CA of the server's certificate is not for servers", "root_cert must hold a CA"},
		"server pinned": {with(mutual(serve(t, tlsConfig(t, p.server, p.clients.Cert), testserver.Register(id))), func(c *connection.Connection) {
			c.RootCert = p.server.Cert
		}), "", "", "", ""},
		"server renewed": {with(mutual(serve(t, tlsConfig(t, p.server, p.clients.Cert), testserver.Register(id))), func(c *connection.Connection) {
			c.RootCert = p.renewed.Cert
		}), "", "tls", `root_cert lacks "servers", the CA that issued`, "CA of the chaincode server"},
		"https":         {encrypted(https.Addr().String()), "", "tls", "no application protocol", "chaincode server"},
		"old https":     {encrypted(old.Addr().String()), "", "tls", "not HTTP/2 over it", "chaincode server"},
		"http":          {plain(answer(t, "HTTP/1.1 400 Bad Request\r\n\r\n")), "", "grpc", `begins with "HTTP/1.1 400 Bad`, "this port"},
		"ssh":           {plain(answer(t, "SSH-2.0-OpenSSH\r\n")), "", "grpc", `begins with "SSH-2.0-OpenSSH`, "this port"},
		"ssh for tls":   {encrypted(answer(t, "SSH-2.0-OpenSSH\r\n")), "", "tls", "the server does not speak TLS", "start the chaincode server with TLS"},
		"silent":        {plain(answer(t, "")), "", "grpc", "says nothing", "this port"},
		"silent tls":    {encrypted(answer(t, "")), "", "tls", "says nothing", "TLS"},
		"not gRPC":      {plain(answer(t, "\x00\x00\x00\x00\x08mysql")), "", "grpc", "something other than gRPC", "this port"},
		"ends":          {plain(serve(t, nil, []byte{})), "", "register", "not a REGISTER", "this port"},
		"long ID":       {plain(serve(t, nil, testserver.Register(strings.Repeat("c", 3000)))), id, "package ID", "ccc…", "CORE_CHAINCODE_ID"},
		"too long":      {plain(serve(t, nil, testserver.Register(strings.Repeat("c", 20_000)))), id, "register", "ResourceExhausted", "log"},
		"other grpc":    {plain(empty.Addr().String()), "", "register", "has no /protos.Chaincode/Connect", "this port"},
		"never":         {plain(serve(t, nil, nil)), "", "register", "never registered", "log"},
		"nonsense":      {plain(serve(t, nil, []byte("hello"))), "", "register", "not a REGISTER", "this port"},
		"other message": {plain(serve(t, nil, []byte{1 << 3, 2})), "", "register", "its type is 2", "this port"},
		"no name":       {plain(serve(t, nil, testserver.Register(""))), "", "register", "names no chaincode", "this port"},
		"other ID":      {plain(serve(t, nil, testserver.Register("other:1"))), id, "package ID", `the server registered as "other:1", but the package ID is "basic_1.0:abc"`, "CORE_CHAINCODE_ID"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := probe.Run(t.Context(), probe.Target{Connection: test.connection, PackageID: test.id, Timeout: 2 * time.Second})
			failed := ""
			for _, s := range result.Stages {
				switch {
				case failed != "" && s.State != probe.Skipped:
					t.Errorf("%s is %s after %s", s.Name, s.State, failed)
				case s.State == probe.Failed:
					failed = s.Name
					if !strings.Contains(s.Finding, test.want) || !strings.Contains(s.Hint, test.hint) {
						t.Errorf("%s: found %q, hint %q; want %q, %q", s.Name, s.Finding, s.Hint, test.want, test.hint)
					}
					if strings.Contains(s.Finding, "PRIVATE KEY") {
						t.Errorf("%s shows a key", s.Name)
					}
				}
			}
			if failed != test.stage {
				t.Errorf("%q fails, want %q: %+v", failed, test.stage, result)
			}
		})
	}
}

// A certificate that is valid only for domain does not do for a peer before Fabric 3.
func TestBeforeFabric3(t *testing.T) {
	p := newPKI(t)
	address := serve(t, tlsConfig(t, p.server, p.clients.Cert), testserver.Register("basic:1"))
	port := address[strings.LastIndexByte(address, ':'):]
	for host, want := range map[string]bool{"localhost": false, "127.0.0.1": true} {
		c := connection.Connection{
			Address: host + port, Domain: "localhost", DialTimeout: "3s", TLSRequired: true, RootCert: p.servers.Cert,
			ClientAuthRequired: true, ClientCert: p.client.Cert, ClientKey: p.client.Key,
		}
		found := ""
		for _, s := range probe.Run(t.Context(), probe.Target{Connection: c, Timeout: 2 * time.Second}).Stages {
			if s.State != probe.OK {
				t.Errorf("%s: %s: %s", host, s.Name, s.Finding)
			}
			found += s.Finding
		}
		if got := strings.Contains(found, `a peer before Fabric 3 rejects its certificate, which is not for "127.0.0.1"`); got != want {
			t.Errorf("%s: it says %s", host, found)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	result := probe.Run(ctx, probe.Target{Connection: connection.Connection{Address: answer(t, ""), DialTimeout: "3s"}})
	if result.Stages[len(result.Stages)-1].State != probe.Skipped {
		t.Errorf("got %+v", result)
	}
}

// For anything that a server may send first, there is either an ID or an error.
func FuzzRegistered(f *testing.F) {
	f.Add(testserver.Register("basic:1"))
	f.Add([]byte{1 << 3, 1, 3<<3 | 2, 200})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, message []byte) {
		if id, err := probe.Registered(message); (id == "") == (err == nil) {
			t.Errorf("got %q, %v", id, err)
		}
	})
}

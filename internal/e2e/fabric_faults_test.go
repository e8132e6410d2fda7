package e2e_test

import (
	"cmp"
	"regexp"
	"strings"
	"syscall"
	"time"

	"ccaas-template-builder/internal/testpki"
)

// The answer to a call of a chaincode, and what the peer's log says, if the peer cannot connect
// to the server within dial_timeout.
const (
	dialTimedOut = `connection to ID failed: .*error creating grpc connection to ADDRESS: .*context deadline exceeded`
	dialFailed   = `failed to connect to \{Addr: "ADDRESS".*`
)

// unlaunched calls a chaincode that the peer cannot launch. It checks the answer, and the line
// that the peer logs in addition.
func (n *fabric) unlaunched(p *peer, id, address, answer, log string, call []string) {
	n.t.Helper()
	expected := strings.NewReplacer("ID", regexp.QuoteMeta(id), "ADDRESS", regexp.QuoteMeta(address))
	out := n.refused(p.client, n.cli(), call...)
	if pattern := expected.Replace(answer); !regexp.MustCompile(pattern).MatchString(out) {
		n.fatal("the answer is not %s, but:\n%s", pattern, out)
	}
	n.logged(p.Process, expected.Replace(log))
}

// misconnect gives the first peer a series of servers, each wrong in a different way.
func (n *fabric) misconnect() {
	p := n.peers[0]
	packed := n.packageNode("wrong_1.0")
	address := n.setAddress(p, "wrong_1.0")
	n.step("install a chaincode with servers that are wrong")
	n.install(p, packed.file)
	n.deploy(first("wrong", packed.id, ofOrg1...))
	n.logged(p.Process, `could not launch chaincode '`+regexp.QuoteMeta(packed.id)+`': .*connect: connection refused`)
	others, err := testpki.CA("others", time.Now())
	n.must(err)
	namesake, _ := n.newClient(p)
	good := n.certificate(n.servers, "localhost")
	for _, wrong := range []struct {
		name        string
		server      *server
		answer, log string
	}{
		{"absent", nil,
			`connection to ID failed: .*connect: connection refused`,
			`Failed to invoke chaincode .*could not launch chaincode ID: .*connect: connection refused`},
		{"stranger", &server{cert: n.certificate(others, "localhost"), clients: p.clients},
			dialTimedOut, dialFailed + `tls: failed to verify certificate: x509: certificate signed by unknown authority`},
		{"elsewhere", &server{cert: n.certificate(n.servers, "elsewhere"), clients: p.clients},
			dialTimedOut, dialFailed + `tls: failed to verify certificate: x509: certificate is valid for elsewhere, not localhost`},
		{"plain", &server{},
			dialTimedOut, dialFailed + `tls: first record does not look like a TLS handshake`},
		{"choosy", &server{cert: good, clients: others},
			dialTimedOut, dialFailed + `remote error: tls: certificate required`},
		// The server on Node trusts a CA with the same name, so it closes the connection without a
		// reason.
		{"outdated", &server{cert: good, clients: namesake},
			dialTimedOut, dialFailed + `(error reading server preface|write: broken pipe|connection reset by peer)`},
		{"misnamed", &server{cert: good, clients: p.clients, id: "other_1.0:0123"},
			`timeout expired while starting chaincode ID`,
			`peer will not accept external chaincode connection other_1\.0:0123 `},
	} {
		n.step("a chaincode server that is wrong: %s", wrong.name)
		end := func() {}
		if s := wrong.server; s != nil {
			s.name, s.address, s.id = wrong.name, address, cmp.Or(s.id, packed.id)
			process := n.startServer(*s)
			end = func() { process.End(syscall.SIGTERM) }
		}
		n.unlaunched(p, packed.id, address, wrong.answer, wrong.log, querying("wrong", "server"))
		end()
	}
}

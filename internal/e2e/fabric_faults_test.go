package e2e_test

import (
	"cmp"
	"regexp"
	"strings"
	"time"

	"ccaas-template-builder/internal/testpki"
)

// What a call of a chaincode says, and the peer's log, if there is no connection to
// the server in dial_timeout.
const (
	untimely = `connection to ID failed: .*error creating grpc connection to ADDRESS: .*context deadline exceeded`
	unable   = `failed to connect to \{Addr: "ADDRESS".*`
)

// unlaunched has a call of a chaincode fail, because the peer cannot launch it: what
// the one who calls reads, and what the log adds to that.
func (n *fabric) unlaunched(p *peer, id, address, answer, log string, call []string) {
	n.t.Helper()
	expected := strings.NewReplacer("ID", regexp.QuoteMeta(id), "ADDRESS", regexp.QuoteMeta(address))
	out := n.refused(p.client, n.cli(), call...)
	if pattern := expected.Replace(answer); !regexp.MustCompile(pattern).MatchString(out) {
		n.fatal("the answer is not %s, but:\n%s", pattern, out)
	}
	n.logged(p, expected.Replace(log))
}

// misconnect gives the first peer servers that are wrong, each in its way.
func (n *fabric) misconnect() {
	p := n.peers[0]
	others, err := testpki.CA("others", time.Now())
	n.must(err)
	good := n.certificate(n.servers, "localhost")
	for _, wrong := range []struct {
		name        string
		server      *server
		answer, log string
	}{
		{"absent", nil,
			`connection to ID failed: .*connect: connection refused`,
			`could not launch chaincode 'ID': .*connect: connection refused`},
		{"stranger", &server{cert: n.certificate(others, "localhost"), clients: p.clients},
			untimely, unable + `tls: failed to verify certificate: x509: certificate signed by unknown authority`},
		{"elsewhere", &server{cert: n.certificate(n.servers, "elsewhere"), clients: p.clients},
			untimely, unable + `tls: failed to verify certificate: x509: certificate is valid for elsewhere, not localhost`},
		{"plain", &server{},
			untimely, unable + `tls: first record does not look like a TLS handshake`},
		{"choosy", &server{cert: good, clients: others},
			untimely, unable + `remote error: tls: certificate required`},
		{"misnamed", &server{cert: good, clients: p.clients, id: "other_1.0:0123"},
			`timeout expired while starting chaincode ID`,
			`peer will not accept external chaincode connection other_1\.0:0123 `},
	} {
		packed := n.packageNode(wrong.name + "_1.0")
		address := n.setAddress(p, wrong.name+"_1.0")
		n.step("a chaincode server that is wrong: %s", wrong.name)
		if s := wrong.server; s != nil {
			s.name, s.address, s.id = wrong.name, address, cmp.Or(s.id, packed.id)
			n.startServer(*s)
		}
		n.install(p, packed.file)
		n.deploy(first(wrong.name, packed.id, ofOrg1...))
		n.unlaunched(p, packed.id, address, wrong.answer, wrong.log, querying(wrong.name, "server"))
	}
}

package e2e_test

import (
	"encoding/json"
	"slices"
	"syscall"
)

// rotate gives a peer a certificate of a new CA, and its server that
// CA alone: until refresh, the peer sends its old certificate. The server on
// Node closes the connection without a word, since the CA has the old name.
func (n *fabric) rotate(packed pack) {
	p := n.peers[0]
	n.step("restart the server of %s with another CA of its clients", p.Name)
	address := n.address(p, "node_1.0")
	n.identify(p)
	p.server.End(syscall.SIGTERM)
	p.server = n.startServer(server{"node-rotated", address, packed.id, n.certificate(n.servers, "localhost"), p.clients})
	n.unlaunched(p, packed.id, address, untimely, unable+`(error reading server preface|write: broken pipe|connection reset by peer)`, n.putting("node", "refused", n.org1()...))
	n.step("ccaas refresh for %s with its new certificate", p.Name)
	n.refresh(p, packed.id, "--core-yaml", p.CoreYAML())
	n.put("node", "rotated", n.org1()...)
	n.answered(p, "node", "node-rotated")
}

// move moves a peer's server to another address: the peer keeps the stream to the
// old one as long as that runs.
func (n *fabric) move(packed pack) {
	p := n.peers[1]
	n.step("ccaas refresh for %s with a new server beside the old one", p.Name)
	address := n.setAddress(p, "node_1.0")
	old := p.server
	p.server = n.startServer(server{"node-moved", address, packed.id, n.certificate(n.servers, "localhost"), p.clients})
	n.refresh(p, packed.id, "--probe")
	n.released(p, packed.id, address)
	n.put("node", "refreshed", n.org1()...)
	n.answered(p, "node", "node."+p.Name)
	n.step("stop the old server of %s", p.Name)
	old.End(syscall.SIGTERM)
	n.awaitAnswer(p, "node-moved", querying("node", "server"))
	n.put("node", "moved", n.org1()...)
}

// refresh has ccaas refresh render the builds of a peer with the environment of its
// process: the connection of one package changes, and no other. With --probe it also fails, since
// there are chaincodes without a server.
func (n *fabric) refresh(p *peer, id string, flags ...string) {
	n.t.Helper()
	args := append([]string{"refresh", "--peer-dir", p.Production(), "-o", "json"}, flags...)
	out, all, err := n.try(p.Env, n.ccaas(), args...)
	if probed := slices.Contains(flags, "--probe"); probed != (err != nil) {
		n.fatal("refresh: %v\n%s", err, all)
	}
	var results struct {
		Chaincodes []struct{ PackageID, State string }
	}
	n.must(json.Unmarshal([]byte(out), &results))
	var changed []string
	for _, c := range results.Chaincodes {
		if c.State != "unchanged" && (err == nil || c.State != "failed") {
			changed = append(changed, c.State+" "+c.PackageID)
		}
	}
	if !slices.Equal(changed, []string{"refreshed " + id}) {
		n.fatal("refresh has not changed the connection of %s and no other:\n%s", id, out)
	}
}

// useLate installs a chaincode of which nothing was known when the peer started:
// its address, and a certificate of an CA of its own, come with its label.
func (n *fabric) useLate() {
	const label = "late_1.0"
	p := n.peers[0]
	late := n.packageNode(label)
	n.step("give %s values for a label that it has not had, and install", p.Name)
	clients, client := n.newClient(p)
	address := n.setAddress(p, label)
	n.setValue(p, label, "CORE_CHAINCODE_TLS_CLIENT_CERT", client.Cert)
	n.setValue(p, label, "CORE_CHAINCODE_TLS_CLIENT_KEY", client.Key)
	n.startServer(server{"late", address, late.id, n.certificate(n.servers, "localhost"), clients})
	n.install(p, late.file)
	n.deploy(first("late", late.id, ofOrg1...))
	n.put("late", "hello", p)
}

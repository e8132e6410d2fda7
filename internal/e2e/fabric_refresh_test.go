package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"ccaas-template-builder/internal/network"
	"ccaas-template-builder/internal/testpki"
)

// move moves a peer's server to another address. The peer keeps its stream to the old server
// until that server stops.
func (n *fabric) move(packed pack) {
	p := n.peers[1]
	n.step("ccaas refresh for %s with a new server beside the old one", p.Name)
	address := n.setAddress(p, "node_1.0")
	old := p.server
	p.server = n.startServer(server{"node-moved", address, packed.id, n.certificate(n.servers, "localhost"), p.clients})
	n.refresh(p, packed.id)
	n.released(p, packed.id, address)
	n.put("node", "refreshed", n.org1()...)
	n.answered(p, "node", "node."+p.Name)
	n.step("stop the old server of %s", p.Name)
	old.End(syscall.SIGTERM)
	n.awaitAnswer(p, "node-moved", querying("node", "server"))
	n.put("node", "moved", n.org1()...)
}

// refresh runs ccaas refresh with the environment of the peer's process, and checks that it
// changes only the connection of one package. The command must also fail, because some chaincodes
// have no server.
func (n *fabric) refresh(p *peer, id string) {
	n.t.Helper()
	out, all, err := n.try(p.Env, n.ccaas(), "refresh", "--peer-dir", p.Production(), "--probe", "-o", "json")
	if err == nil {
		n.fatal("refresh has found a server of each chaincode:\n%s", all)
	}
	var results struct {
		Chaincodes []struct{ PackageID, State string }
	}
	n.must(json.Unmarshal([]byte(out), &results))
	var changed []string
	for _, c := range results.Chaincodes {
		if c.State != "unchanged" && c.State != "failed" {
			changed = append(changed, c.State+" "+c.PackageID)
		}
	}
	if !slices.Equal(changed, []string{"refreshed " + id}) {
		n.fatal("refresh has not changed the connection of %s and no other:\n%s", id, out)
	}
}

// rotate replaces all certificates of a connection at once, at both ends, with certificates of
// new CAs, while calls continue. A watch updates the connection, and its command waits until the
// test has restarted the server. Only calls during the restart may fail.
func (n *fabric) rotate(packed pack) {
	p, other := n.peers[0], n.peers[1]
	n.step("watch %s, while its chaincode is called, and that of %s", p.Name, other.Name)
	watch := n.watch(p, "sh", "-c", `echo "$CCAAS_LABEL $CCAAS_CHANGED" >>asked; until test -e restarted; do sleep 0.05; done`)
	affected := n.startLoad(p, func(i int) []string {
		return n.invoking("node", calling("put", fmt.Sprintf("rotated %d", i), "text"), n.org1()...)
	})
	unaffected := n.startLoad(other, func(int) []string { return querying("node", "get", "greeting") })
	affected.works()
	unaffected.works()

	n.step("give %s and its server certificates of new CAs", p.Name)
	servers, err := testpki.CA("chaincode servers", time.Now())
	n.must(err)
	n.identify(p)
	n.setValue(p, "node_1.0", "CORE_CHAINCODE_ROOT_CERT", servers.Cert)
	n.poll("the watch has asked for a restart", func() error {
		_, err := os.Stat(filepath.Join(n.dir, "asked"))
		return err
	})
	began := time.Now()
	p.server.End(syscall.SIGTERM)
	p.server = n.startServer(server{"node-rotated", n.address(p, "node_1.0"), packed.id, n.certificate(servers, "localhost"), p.clients})
	ended := time.Now()
	n.write("restarted", "")
	n.logged(watch, `msg="the command succeeded"`)
	affected.end(func(f failure) bool { return f.ended.After(began) && f.began.Before(ended) })
	unaffected.end(nil)
	watch.End(syscall.SIGTERM)
	n.t.Logf("the restart took %v", ended.Sub(began))
	if got := n.read(filepath.Join(n.dir, "asked")); got != "node_1.0 root_cert,client_cert,client_key\n" {
		n.fatal("the watch has asked for %q", got)
	}
	if c := n.connection(p, packed.id); c["root_cert"] != servers.Cert || c["client_cert"] != n.read(p.Env["CORE_CHAINCODE_TLS_CLIENT_CERT_FILE"]) {
		n.fatal("the connection of %s has not the new certificates: %v", p.Name, c)
	}
	n.answered(p, "node", "node-rotated")
}

// watch starts ccaas refresh --watch with a command for a peer, and waits until it has checked
// the chaincode on Node.
func (n *fabric) watch(p *peer, command ...string) *network.Process {
	n.t.Helper()
	refresh := []string{n.ccaas(), "refresh", "--peer-dir", p.Production(), "--core-yaml", p.CoreYAML(), "--watch", "--"}
	watch, err := n.Run("watch", n.write("watch/log", ""), n.dir, p.Env, append(refresh, command...)...)
	n.must(err)
	n.logged(watch, `msg=unchanged package_id=node_1\.0:`)
	return watch
}

// useLate installs a chaincode whose values were unknown when the peer started: an address and a
// client certificate of another CA, set for its label. Unlike the other packages, it has the type
// external.
func (n *fabric) useLate() {
	const label = "late_1.0"
	p := n.peers[0]
	n.step("give %s values for a label that it has not had, and install", p.Name)
	dir := filepath.Join(n.dir, "packages", label)
	n.run(nil, n.ccaas(), "init", dir, "--template", "mtls")
	late := n.pack(dir, label, "--type", "external")
	clients, client := n.newClient(p)
	address := n.setAddress(p, label)
	n.setValue(p, label, "CORE_CHAINCODE_TLS_CLIENT_CERT", client.Cert)
	n.setValue(p, label, "CORE_CHAINCODE_TLS_CLIENT_KEY", client.Key)
	n.startServer(server{"late", address, late.id, n.certificate(n.servers, "localhost"), clients})
	if id := n.install(p, late.file); id != late.id {
		n.fatal("%s has installed %s, not %s", p.Name, id, late.id)
	}
	n.deploy(first("late", late.id, ofOrg1...))
	n.put("late", "hello", p)
	n.answered(p, "late", "late")
	n.answered(p, "notes", "notes of "+p.Name)
}

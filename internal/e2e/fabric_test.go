package e2e_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ccaas-template-builder/internal/network"
)

// TestFabric tests the builder in a network of Fabric's own programs: an orderer, and two peers
// in each of two organisations. The chaincode notes, on Go, has a server for each of the four
// peers. The chaincode on Node has a server for each peer of Org1, and each peer can connect only
// to its own.
func TestFabric(t *testing.T) {
	for _, name := range []string{"FABRIC_BIN", "FABRIC_CFG"} {
		if os.Getenv(name) == "" {
			t.Skipf("%s is not set: make e2e-fabric sets it", name)
		}
	}
	requireNode(t)
	n := newFabric(newBench(t))
	onNode := n.packageNode("node_1.0")
	fabrics := n.packageFabrics()
	needy := n.packageNeedy()
	for _, p := range n.org1() {
		n.must(n.AddBuilder(n.ctx, p.Node, onNode.file, fabrics, needy))
		n.setAddress(p, "node_1.0")
	}
	n.examine(onNode.file, fabrics, needy)
	n.startAll()
	n.useNode(onNode)
	n.installFabrics(fabrics)
	n.refuseNeedy(needy)
	n.move(onNode)
	n.rotate(onNode)
	n.useLate()
	n.upgrade()
	n.keepPrivate()
	n.restartLate()
	n.misconnect()
	n.share()
	n.lookBack()
	n.recover(onNode)
	n.misspell(needy)
}

// startAll starts the network and deploys the chaincode notes. It checks that all peers have the
// same package ID, and that each gets an answer from its own server.
func (n *fabric) startAll() {
	n.step("start the orderer and the peers")
	n.must(n.Start(n.ctx))
	n.step("make the channel and join the peers")
	n.must(n.Join(n.ctx))
	n.step("deploy notes")
	n.must(n.Deploy(n.ctx))
	id := strings.TrimSpace(n.run(nil, n.ccaas(), "calculatepackageid", filepath.Join(n.dir, "notes", "notes.tgz")))
	for _, p := range n.peers {
		n.answered(p, "notes", "notes of "+p.Name)
		if out := n.peer(p, "lifecycle", "chaincode", "queryinstalled"); !strings.Contains(out, "Package ID: "+id+",") {
			n.fatal("%s has not installed %s:\n%s", p.Name, id, out)
		}
	}
	n.put("notes", "hello", n.firsts()...)
	n.step("put a note, endorsed by one organisation")
	args := n.putting("notes", "alone", n.peers[0])
	if out := n.refused(n.peers[0].client, n.cli(), args...); !strings.Contains(out, "ENDORSEMENT_POLICY_FAILURE") {
		n.fatal("one endorsement is not refused as too few:\n%s", out)
	}
}

// examine runs doctor with the environment of each peer. It must find nothing wrong with the good
// package, and the known problem of each of the others.
func (n *fabric) examine(good, fabrics, needy string) {
	for _, p := range n.org1() {
		n.step("ccaas doctor for %s", p.Name)
		doctor := []string{"doctor", "--core-yaml", p.CoreYAML(), "--package"}
		out := n.run(p.Env, n.ccaas(), append(doctor, good)...)
		for line := range strings.Lines(out) {
			if !strings.HasPrefix(line, "ok ") {
				n.fatal("doctor has found something:\n%s", out)
			}
		}
		// The peer has certificates for the chaincode on Node, but this package does not use TLS.
		if out := n.run(p.Env, n.ccaas(), append(doctor, fabrics)...); !strings.Contains(out, "warning CCB083 ") {
			n.fatal("doctor does not warn that TLS is off:\n%s", out)
		}
		if out := n.refused(p.Env, n.ccaas(), append(doctor, needy)...); !strings.Contains(out, "error CCB080 NEEDED_ADDRESS") {
			n.fatal("doctor does not say that there is no NEEDED_ADDRESS:\n%s", out)
		}
	}
}

// useNode installs the chaincode on Node on the peers of Org1, starts a server for each, and
// makes both peers endorse a transaction.
func (n *fabric) useNode(packed pack) {
	for _, p := range n.org1() {
		n.step("install the chaincode on Node on %s and start its server", p.Name)
		if id := n.install(p, packed.file); id != packed.id {
			n.fatal("%s has installed %s, and ccaas package has said %s", p.Name, id, packed.id)
		}
		address := n.address(p, "node_1.0")
		n.released(p, packed.id, address)
		p.server = n.startServer(server{"node." + p.Name, address, packed.id, n.certificate(n.servers, "localhost"), p.clients})
	}
	n.step("approve and commit the chaincode on Node")
	// The same role twice, so that two peers have to sign.
	n.deploy(first("node", packed.id, "--signature-policy", "OutOf(2, 'Org1MSP.peer', 'Org1MSP.peer')"))
	n.step("put a note, endorsed by both peers")
	n.put("node", "hello", n.org1()...)
	for _, p := range n.org1() {
		n.answered(p, "node", "node."+p.Name)
	}
}

// released checks what the peer has kept of a build: the connection, which nobody else can read,
// and the index.
func (n *fabric) released(p *peer, id, address string) {
	n.t.Helper()
	if got := n.connection(p, id)["address"]; got != address {
		n.fatal("connection.json of %s has the address %v, not %s", p.Name, got, address)
	}
	server := filepath.Join(p.release(id), "chaincode", "server")
	for path, want := range map[string]os.FileMode{server: os.ModeDir | 0o700, filepath.Join(server, "connection.json"): 0o600} {
		info, err := os.Stat(path)
		n.must(err)
		if info.Mode() != want {
			n.fatal("%s has the mode %v, not %v", path, info.Mode(), want)
		}
	}
	released := n.read(filepath.Join(p.release(id), "statedb", "couchdb", "indexes", "byDocType.json"))
	if released != index {
		n.fatal("the index of %s has become:\n%s", p.Name, released)
	}
}

// connection returns the connection.json that a peer has for a package.
func (n *fabric) connection(p *peer, id string) map[string]any {
	n.t.Helper()
	text := n.read(filepath.Join(p.release(id), "chaincode", "server", "connection.json"))
	var connection map[string]any
	n.must(json.Unmarshal([]byte(text), &connection))
	return connection
}

// installFabrics installs the package made for Fabric's builder. Its package ID is the same on
// all peers, but each peer has its own connection.
func (n *fabric) installFabrics(file string) {
	ids := map[string]bool{}
	for _, p := range n.org1() {
		n.step("install a package for Fabric's ccaas_builder on %s", p.Name)
		id := n.install(p, file)
		ids[id] = true
		want := p.Name + ":9999"
		if got := n.connection(p, id); got["address"] != want || got["tls_required"] != false {
			n.fatal("%s has the connection %v, not one to %s without TLS", p.Name, got, want)
		}
	}
	if len(ids) != 1 {
		n.fatal("one package has several IDs: %v", ids)
	}
}

// refuseNeedy checks that an install fails, and that the peer's log has the reason.
func (n *fabric) refuseNeedy(file string) {
	n.step("install a package whose variable is not set")
	p := n.peers[0]
	out := n.refused(p.client, n.cli(), "lifecycle", "chaincode", "install", file)
	if !strings.Contains(out, "external builder 'ccaas-template-builder' failed: exit status 1") {
		n.fatal("the install has failed otherwise:\n%s", out)
	}
	n.logged(p.Process, `build: error: connection\.json:\d+:\d+: address: NEEDED_ADDRESS is not set`)
}

// logged waits until a process logs a line in this step. A peer copies the output of a builder
// program to its log in the background, so the line can be late.
func (n *fabric) logged(p *network.Process, line string) {
	n.t.Helper()
	pattern := regexp.MustCompile(line)
	n.poll(p.Name+" has logged "+line, func() error {
		if !pattern.MatchString(n.since(p.Log)) {
			return errors.New("not yet")
		}
		return nil
	})
}

// lookBack checks that doctor accepts all builds, that no log contains a private key of the
// peers, and that the peers of Org1 are still running.
func (n *fabric) lookBack() {
	for _, p := range n.org1() {
		n.step("ccaas doctor for what %s has built, and its keys in the logs", p.Name)
		select {
		case <-p.Process.Ended:
			n.fatal("%s has ended: %v", p.Name, p.Process.State())
		default:
		}
		out := n.run(p.Env, n.ccaas(), "doctor", "--core-yaml", p.CoreYAML(), "--peer-dir", p.Production())
		if !strings.Contains(out, "ok       earlier builds can be used\n") {
			n.fatal("doctor takes no earlier builds:\n%s", out)
		}
		if !slices.Contains(n.logs(), p.Process.Log) {
			n.fatal("the logs lack %s", p.Process.Log)
		}
		for _, key := range p.keys {
			line := strings.Split(key, "\n")[1]
			for _, log := range n.logs() {
				if strings.Contains(n.read(log), line) {
					n.fatal("a key of %s is in %s", p.Name, log)
				}
			}
		}
	}
}

// recover removes half of a build, and restores it as docs/operations.md describes: the peer
// builds missing packages when it starts.
func (n *fabric) recover(packed pack) {
	p := n.peers[1]
	n.step("lose half a build of %s, and start it again without the other half", p.Name)
	n.must(os.RemoveAll(p.release(packed.id)))
	if out := n.run(p.Env, n.ccaas(), "refresh", "--peer-dir", p.Production()); !strings.Contains(out, " is incomplete:") {
		n.fatal("refresh does not say that the build is incomplete:\n%s", out)
	}
	p.stop()
	n.must(os.RemoveAll(filepath.Dir(p.release(packed.id))))
	n.restart(p)
	n.poll("the peer has built the package again", func() error {
		_, err := os.Stat(filepath.Join(p.release(packed.id), "chaincode", "server", "connection.json"))
		return err
	})
	n.answered(p, "node", "node-moved")
}

// misspell makes a peer read a core.yaml in which propagateEnvironment is misspelt. The builder
// gets none of the peer's variables; simulate reports the same error and its cause.
func (n *fabric) misspell(file string) {
	p := n.peers[1]
	n.step("misspell propagateEnvironment for %s, and start it again", p.Name)
	p.stop()
	text := strings.ReplaceAll(n.read(p.CoreYAML()), "propagateEnvironment", "propagateEnviroment")
	n.must(os.WriteFile(p.CoreYAML(), []byte(text), 0o600))
	p.Env["NEEDED_ADDRESS"] = "needed:9999"
	n.restart(p)
	const missing = `build: error: connection\.json:\d+:\d+: address: NEEDED_ADDRESS is not set`
	n.refused(p.client, n.cli(), "lifecycle", "chaincode", "install", file)
	n.logged(p.Process, missing)
	env := n.write("misspelt.env", "NEEDED_ADDRESS=needed:9999\n")
	out := n.refused(nil, n.ccaas(), "simulate", file, "--peer", "p="+env, "--core-yaml", p.CoreYAML())
	if !regexp.MustCompile(missing).MatchString(out) || !strings.Contains(out, `did you mean "propagateEnvironment"`) {
		n.fatal("simulate does not say what the peer does, and why:\n%s", out)
	}
}

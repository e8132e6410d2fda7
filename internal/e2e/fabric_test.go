package e2e_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"ccaas-template-builder/internal/testpki"
)

// TestFabric is a network of Fabric's own programs: an orderer, two peers, and
// a chaincode server for each, of which every peer reaches only its own.
func TestFabric(t *testing.T) {
	n := &network{bin: os.Getenv("FABRIC_BIN"), node: nodeChaincode}
	needs(t, n)
	n.bench = newBench(t)
	n.config = filepath.Join(n.dir, "config")
	n.prepare()
	notes := n.packageNotes("notes_1.0")
	fabrics := n.packageFabrics()
	needy := n.packageNeedy()
	n.configure(notes.file, fabrics, needy)
	n.setAddress("notes_1.0")
	n.examine(notes.file, fabrics, needy)
	n.startOrderer()
	n.startPeers()
	n.useNotes(notes)
	n.installFabrics(fabrics)
	n.refuseNeedy(needy)
	n.misconnect()
	n.move(notes)
	n.lookBack()
}

// needs skips the test where something that it needs is not there.
func needs(t *testing.T, n *network) {
	if n.bin == "" || os.Getenv("FABRIC_CFG") == "" {
		t.Skip("FABRIC_BIN and FABRIC_CFG name no programs and no configuration of Fabric")
	}
	for _, name := range []string{"FABRIC_BIN", "FABRIC_CFG"} {
		if dir := os.Getenv(name); !filepath.IsAbs(dir) {
			t.Fatalf("%s=%s has to be absolute: go test runs in the folder of the package", name, dir)
		}
	}
	requireNode(t)
}

// pack is a package and its ID.
type pack struct{ file, id string }

// packageNotes makes the package of the chaincode, with an index.
func (n *network) packageNotes(label string) pack {
	n.t.Helper()
	n.step("package %s", label)
	dir := filepath.Join(n.dir, "packages", label)
	n.run(nil, n.ccaas(), "init", dir, "--template", "mtls")
	n.write("packages/"+label+"/META-INF/statedb/couchdb/indexes/byDocType.json", n.read(n.testdata("index.json")))
	file := dir + ".tgz"
	id := strings.TrimSpace(n.run(nil, n.ccaas(), "package", file, "--path", dir, "--label", label))
	return pack{file, id}
}

// packageNeedy makes a package with a variable that no peer has.
func (n *network) packageNeedy() string {
	n.write("packages/needy/connection.json", `{"address": "{{ .Env.NEEDED_ADDRESS }}"}`)
	file := filepath.Join(n.dir, "packages", "needy.tgz")
	n.run(nil, n.ccaas(), "package", file, "--path", filepath.Join(n.dir, "packages", "needy"), "--label", "needy_1.0")
	return file
}

// packageFabrics makes a package as people make it for Fabric's ccaas_builder,
// with no program of ours.
func (n *network) packageFabrics() string {
	code := archive(n, "connection.json", `{"address": "{{.peername}}:9999", "dial_timeout": "10s", "tls_required": false}`)
	return n.write("packages/fabrics.tgz", archive(n, "code.tar.gz", code, "metadata.json", `{"type": "ccaas", "label": "fabrics_1.0"}`))
}

// archive is a gzip tar of names and contents.
func archive(n *network, files ...string) string {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	to := tar.NewWriter(zip)
	for i := 0; i < len(files); i += 2 {
		n.must(to.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))}))
		_, err := to.Write([]byte(files[i+1]))
		n.must(err)
	}
	n.must(to.Close())
	n.must(zip.Close())
	return out.String()
}

// configure installs the builder, and puts it into the peers' core.yaml.
func (n *network) configure(packages ...string) {
	n.step("install the builder and patch core.yaml")
	builder := filepath.Join(n.dir, "builder")
	n.run(nil, n.ccaas(), "install", builder)
	for _, name := range []string{"core.yaml", "orderer.yaml"} {
		n.write("config/"+name, n.read(filepath.Join(os.Getenv("FABRIC_CFG"), name)))
	}
	args := append([]string{"coreyaml"}, packages...)
	n.run(nil, n.ccaas(), append(args, "--patch", n.coreYAML(), "--path", builder)...)
}

func (n *network) coreYAML() string { return filepath.Join(n.config, "core.yaml") }

// setAddress gives a chaincode an address at each peer, and returns them.
func (n *network) setAddress(label string) (addresses []string) {
	for _, p := range n.peers {
		address := "localhost:" + n.freePort()
		n.must(os.MkdirAll(filepath.Join(p.values, label), 0o700))
		n.must(os.WriteFile(filepath.Join(p.values, label, "CORE_CHAINCODE_ADDRESS"), []byte(address), 0o600))
		addresses = append(addresses, address)
	}
	return addresses
}

// examine has doctor find nothing wrong, and the one thing that is, with the
// environment of each peer.
func (n *network) examine(good, fabrics, needy string) {
	for _, p := range n.peers {
		n.step("ccaas doctor for %s", p.name)
		doctor := []string{"doctor", "--core-yaml", n.coreYAML(), "--package"}
		out := n.run(p.env, n.ccaas(), append(doctor, good)...)
		for line := range strings.Lines(out) {
			if !strings.HasPrefix(line, "ok ") {
				n.fatal("doctor has found something:\n%s", out)
			}
		}
		// The peer has certificates, for notes; this package has TLS off.
		if out := n.run(p.env, n.ccaas(), append(doctor, fabrics)...); !strings.Contains(out, "warning CCB083 ") {
			n.fatal("doctor does not warn that TLS is off:\n%s", out)
		}
		if out := n.refused(p.env, n.ccaas(), append(doctor, needy)...); !strings.Contains(out, "this process has no NEEDED_ADDRESS") {
			n.fatal("doctor does not say that there is no NEEDED_ADDRESS:\n%s", out)
		}
	}
}

// useNotes installs the chaincode on both peers, starts a server for each, and
// has both peers endorse a transaction.
func (n *network) useNotes(notes pack) {
	addresses := n.addresses("notes_1.0")
	for i, p := range n.peers {
		n.step("install notes on %s and start its server", p.name)
		if id := n.install(p, notes.file); id != notes.id {
			n.fatal("%s has installed %s, and ccaas package has said %s", p.name, id, notes.id)
		}
		n.released(p, notes.id, addresses[i])
		n.startServer(server{"notes-" + p.name, addresses[i], notes.id, n.certificate(n.servers, "localhost"), p.clients})
	}
	n.step("approve and commit notes")
	// Twice the same role: it takes the signatures of two peers.
	n.deploy("notes", notes.id, "OutOf(2, 'Org1MSP.peer', 'Org1MSP.peer')", n.peers...)
	n.step("put a note, endorsed by both peers")
	n.invoke(`{"Args":["put","greeting","hello"]}`, n.peers...)
	for _, p := range n.peers {
		n.step("query %s", p.name)
		if got := n.query(p, "notes", `{"Args":["get","greeting"]}`); got != "hello" {
			n.fatal("%s has the note %q, not hello", p.name, got)
		}
		if got := n.query(p, "notes", `{"Args":["server"]}`); got != "notes-"+p.name {
			n.fatal("%s is answered by the server %q, not by its own", p.name, got)
		}
	}
	n.step("put a note, endorsed by one peer")
	args := n.invocation(`{"Args":["put","greeting","alone"]}`, n.peers[0])
	if out := n.refused(n.peers[0].client, n.fabric("peer"), args...); !strings.Contains(out, "ENDORSEMENT_POLICY_FAILURE") {
		n.fatal("one endorsement is not refused as too few:\n%s", out)
	}
}

// addresses are those that setAddress has set.
func (n *network) addresses(label string) (addresses []string) {
	for _, p := range n.peers {
		addresses = append(addresses, n.read(filepath.Join(p.values, label, "CORE_CHAINCODE_ADDRESS")))
	}
	return addresses
}

// released looks at what the peer has kept of a build: the connection, readable
// by nobody else, and the index.
func (n *network) released(p *peer, id, address string) {
	n.t.Helper()
	if got := n.connection(p, id)["address"]; got != address {
		n.fatal("connection.json of %s has the address %v, not %s", p.name, got, address)
	}
	server := filepath.Join(p.release(id), "chaincode", "server")
	for path, want := range map[string]os.FileMode{server: os.ModeDir | 0o700, filepath.Join(server, "connection.json"): 0o600} {
		info, err := os.Stat(path)
		n.must(err)
		if info.Mode() != want {
			n.fatal("%s has the mode %v, not %v", path, info.Mode(), want)
		}
	}
	index := n.read(filepath.Join(p.release(id), "statedb", "couchdb", "indexes", "byDocType.json"))
	if index != n.read(n.testdata("index.json")) {
		n.fatal("the index of %s has become:\n%s", p.name, index)
	}
}

// connection is the connection.json that a peer has of a package.
func (n *network) connection(p *peer, id string) map[string]any {
	n.t.Helper()
	text := n.read(filepath.Join(p.release(id), "chaincode", "server", "connection.json"))
	var connection map[string]any
	n.must(json.Unmarshal([]byte(text), &connection))
	return connection
}

// invocation are the arguments that have these peers endorse a call of notes.
func (n *network) invocation(call string, peers ...*peer) []string {
	args := append([]string{"chaincode", "invoke", "-C", channel, "-n", "notes", "-c", call, "--waitForEvent"}, n.ordererFlags()...)
	return append(args, at(peers...)...)
}

func (n *network) invoke(call string, peers ...*peer) {
	n.t.Helper()
	n.peer(peers[0], n.invocation(call, peers...)...)
}

func (n *network) query(p *peer, chaincode, call string) string {
	n.t.Helper()
	return strings.TrimSpace(n.peer(p, "chaincode", "query", "-C", channel, "-n", chaincode, "-c", call))
}

// installFabrics installs the package made for Fabric's builder: one ID, and a
// connection for each peer.
func (n *network) installFabrics(file string) {
	ids := map[string]bool{}
	for _, p := range n.peers {
		n.step("install a package for Fabric's ccaas_builder on %s", p.name)
		id := n.install(p, file)
		ids[id] = true
		want := p.name + "." + domain + ":9999"
		if got := n.connection(p, id); got["address"] != want || got["tls_required"] != false {
			n.fatal("%s has the connection %v, not one to %s without TLS", p.name, got, want)
		}
	}
	if len(ids) != 1 {
		n.fatal("one package has several IDs: %v", ids)
	}
}

// refuseNeedy has an install fail, and looks into the log for the reason.
func (n *network) refuseNeedy(file string) {
	n.step("install a package whose variable is not set")
	p := n.peers[0]
	out := n.refused(p.client, n.fabric("peer"), "lifecycle", "chaincode", "install", file)
	if !strings.Contains(out, "external builder 'ccaas-template-builder' failed: exit status 1") {
		n.fatal("the install has failed otherwise:\n%s", out)
	}
	n.logged(p, `build: error: connection\.json:\d+:\d+: address: NEEDED_ADDRESS is not set`)
}

// logged waits for a line that a peer logs in this step: it copies what a
// program says beside all else that it does.
func (n *network) logged(p *peer, line string) {
	n.t.Helper()
	pattern := regexp.MustCompile(line)
	n.poll(p.name+" has logged "+line, func() error {
		if !pattern.MatchString(p.daemon.since()) {
			return errors.New("not yet")
		}
		return nil
	})
}

// misconnect gives the first peer servers that are wrong, each in its way: what
// the one who calls the chaincode reads, and what the peer's log adds to that.
func (n *network) misconnect() {
	p := n.peers[0]
	others, err := testpki.CA("others", time.Now())
	n.must(err)
	good := n.certificate(n.servers, "localhost")
	const untimely = `connection to ID failed: .*error creating grpc connection to ADDRESS: .*context deadline exceeded`
	const unable = `failed to connect to \{Addr: "ADDRESS".*`
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
		packed := n.packageNotes(wrong.name + "_1.0")
		address := n.setAddress(wrong.name + "_1.0")[0]
		n.step("a chaincode server that is wrong: %s", wrong.name)
		if s := wrong.server; s != nil {
			s.name, s.address, s.id = wrong.name, address, cmp.Or(s.id, packed.id)
			n.startServer(*s)
		}
		n.install(p, packed.file)
		n.deploy(wrong.name, packed.id, "", p)
		expected := strings.NewReplacer("ID", regexp.QuoteMeta(packed.id), "ADDRESS", regexp.QuoteMeta(address))
		out := n.refused(p.client, n.fabric("peer"), "chaincode", "query", "-C", channel, "-n", wrong.name, "-c", `{"Args":["server"]}`)
		if pattern := expected.Replace(wrong.answer); !regexp.MustCompile(pattern).MatchString(out) {
			n.fatal("the answer is not %s, but:\n%s", pattern, out)
		}
		n.logged(p, expected.Replace(wrong.log))
	}
}

// move moves a peer's server to another address, in the way that
// docs/troubleshooting.md has for it: the peer builds anew what it misses when
// it starts, with the values of that time.
func (n *network) move(notes pack) {
	p := n.peers[1]
	n.step("move the server of %s, and start the peer again without its build", p.name)
	address := n.setAddress("notes_1.0")[1]
	n.startServer(server{"notes-moved", address, notes.id, n.certificate(n.servers, "localhost"), p.clients})
	p.daemon.end(syscall.SIGTERM)
	n.must(os.RemoveAll(filepath.Dir(p.release(notes.id))))
	n.startPeer(p, "again")
	n.poll("the peer has built notes again", func() error {
		_, err := os.Stat(filepath.Join(p.release(notes.id), "chaincode", "server", "connection.json"))
		return err
	})
	if got := n.query(p, "notes", `{"Args":["server"]}`); got != "notes-moved" {
		n.fatal("%s is answered by the server %q, not by the one that has moved", p.name, got)
	}
	n.released(p, notes.id, address)
}

// lookBack has doctor look at all that was built, and looks for the peers' keys
// in every log.
func (n *network) lookBack() {
	for _, p := range n.peers {
		n.step("ccaas doctor for what %s has built, and its key in the logs", p.name)
		out := n.run(p.env, n.ccaas(), "doctor", "--core-yaml", n.coreYAML(), "--peer-dir", p.fileSystem)
		if !strings.Contains(out, "ok       earlier builds can be used\n") {
			n.fatal("doctor takes no earlier builds:\n%s", out)
		}
		line := strings.Split(p.key, "\n")[1]
		for _, d := range n.daemons {
			if strings.Contains(d.read(), line) {
				n.fatal("the key of %s is in the log of %s", p.name, d.name)
			}
		}
	}
}

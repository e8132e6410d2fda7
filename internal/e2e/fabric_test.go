package e2e_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	for _, p := range n.peers {
		n.setAddress(p, "notes_1.0")
	}
	n.examine(notes.file, fabrics, needy)
	n.startOrderer()
	n.startPeers()
	n.useNotes(notes)
	n.installFabrics(fabrics)
	n.refuseNeedy(needy)
	n.rotate(notes)
	n.move(notes)
	n.useLate()
	n.misconnect()
	n.lookBack()
	n.recover(notes)
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

// index is that of the chaincode's package.
const index = `{"index": {"fields": ["docType"]}, "ddoc": "byDocType", "name": "byDocType", "type": "json"}`

// packageNotes makes the package of the chaincode, with an index.
func (n *network) packageNotes(label string) pack {
	n.t.Helper()
	n.step("package %s", label)
	dir := filepath.Join(n.dir, "packages", label)
	n.run(nil, n.ccaas(), "init", dir, "--template", "mtls")
	n.write("packages/"+label+"/META-INF/statedb/couchdb/indexes/byDocType.json", index)
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

// setAddress gives a chaincode an address at a peer, and returns it.
func (n *network) setAddress(p *peer, label string) string {
	address := "localhost:" + n.freePort()
	n.setValue(p, label, "CORE_CHAINCODE_ADDRESS", address)
	return address
}

// setValue gives a peer a value for the chaincode with this label.
func (n *network) setValue(p *peer, label, name, value string) {
	n.must(os.MkdirAll(filepath.Join(p.values, label), 0o700))
	n.must(os.WriteFile(filepath.Join(p.values, label, name), []byte(value), 0o600))
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
	for _, p := range n.peers {
		n.step("install notes on %s and start its server", p.name)
		if id := n.install(p, notes.file); id != notes.id {
			n.fatal("%s has installed %s, and ccaas package has said %s", p.name, id, notes.id)
		}
		address := n.address(p, "notes_1.0")
		n.released(p, notes.id, address)
		p.notes = n.startServer(server{"notes-" + p.name, address, notes.id, n.certificate(n.servers, "localhost"), p.clients})
	}
	n.step("approve and commit notes")
	// Twice the same role: it takes the signatures of two peers.
	n.deploy("notes", notes.id, "OutOf(2, 'Org1MSP.peer', 'Org1MSP.peer')", n.peers...)
	n.step("put a note, endorsed by both peers")
	n.put("notes", "hello", n.peers...)
	for _, p := range n.peers {
		n.answered(p, "notes-"+p.name)
	}
	n.step("put a note, endorsed by one peer")
	args := n.putting("notes", "alone", n.peers[0])
	if out := n.refused(n.peers[0].client, n.fabric("peer"), args...); !strings.Contains(out, "ENDORSEMENT_POLICY_FAILURE") {
		n.fatal("one endorsement is not refused as too few:\n%s", out)
	}
}

// address is the one that setAddress has set.
func (n *network) address(p *peer, label string) string {
	return n.read(filepath.Join(p.values, label, "CORE_CHAINCODE_ADDRESS"))
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
	released := n.read(filepath.Join(p.release(id), "statedb", "couchdb", "indexes", "byDocType.json"))
	if released != index {
		n.fatal("the index of %s has become:\n%s", p.name, released)
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

// putting are the arguments that have these peers endorse a note of a chaincode.
func (n *network) putting(chaincode, text string, peers ...*peer) []string {
	call := fmt.Sprintf(`{"Args":["put","greeting",%q]}`, text)
	args := append([]string{"chaincode", "invoke", "-C", channel, "-n", chaincode, "-c", call, "--waitForEvent"}, n.ordererFlags()...)
	return append(args, at(peers...)...)
}

// put puts a note, which each of the peers that endorse it then has.
func (n *network) put(chaincode, text string, peers ...*peer) {
	n.t.Helper()
	n.peer(peers[0], n.putting(chaincode, text, peers...)...)
	for _, p := range peers {
		if got := n.peer(p, querying(chaincode, "get", "greeting")...); got != text+"\n" {
			n.fatal("%s has the note %q, not %q", p.name, got, text)
		}
	}
}

// querying are the arguments that query a chaincode.
func querying(chaincode string, args ...string) []string {
	call := `{"Args":["` + strings.Join(args, `","`) + `"]}`
	return []string{"chaincode", "query", "-C", channel, "-n", chaincode, "-c", call}
}

// answered looks at which server of notes answers a peer.
func (n *network) answered(p *peer, server string) {
	n.t.Helper()
	if got := n.peer(p, querying("notes", "server")...); got != server+"\n" {
		n.fatal("%s is answered by the server %q, not by %s", p.name, got, server)
	}
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

// What a call of a chaincode says, and the peer's log, if there is no connection to
// the server in dial_timeout.
const (
	untimely = `connection to ID failed: .*error creating grpc connection to ADDRESS: .*context deadline exceeded`
	unable   = `failed to connect to \{Addr: "ADDRESS".*`
)

// unlaunched has a call of a chaincode fail, because the peer cannot launch it: what
// the one who calls reads, and what the log adds to that.
func (n *network) unlaunched(p *peer, id, address, answer, log string, call []string) {
	n.t.Helper()
	expected := strings.NewReplacer("ID", regexp.QuoteMeta(id), "ADDRESS", regexp.QuoteMeta(address))
	out := n.refused(p.client, n.fabric("peer"), call...)
	if pattern := expected.Replace(answer); !regexp.MustCompile(pattern).MatchString(out) {
		n.fatal("the answer is not %s, but:\n%s", pattern, out)
	}
	n.logged(p, expected.Replace(log))
}

// misconnect gives the first peer servers that are wrong, each in its way.
func (n *network) misconnect() {
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
		packed := n.packageNotes(wrong.name + "_1.0")
		address := n.setAddress(p, wrong.name+"_1.0")
		n.step("a chaincode server that is wrong: %s", wrong.name)
		if s := wrong.server; s != nil {
			s.name, s.address, s.id = wrong.name, address, cmp.Or(s.id, packed.id)
			n.startServer(*s)
		}
		n.install(p, packed.file)
		n.deploy(wrong.name, packed.id, "", p)
		n.unlaunched(p, packed.id, address, wrong.answer, wrong.log, querying(wrong.name, "server"))
	}
}

// rotate gives a peer a certificate of a new authority, and its server that
// authority alone: until refresh, the peer sends its old certificate. The server on
// Node closes the connection without a word, since the authority has the old name.
func (n *network) rotate(notes pack) {
	p := n.peers[0]
	n.step("restart the server of %s with another authority of its clients", p.name)
	address := n.address(p, "notes_1.0")
	n.identify(p)
	p.notes.end(syscall.SIGTERM)
	p.notes = n.startServer(server{"notes-rotated", address, notes.id, n.certificate(n.servers, "localhost"), p.clients})
	n.unlaunched(p, notes.id, address, untimely, unable+`error reading server preface: `, n.putting("notes", "refused", n.peers...))
	n.step("ccaas refresh for %s with its new certificate", p.name)
	n.refresh(p, notes.id, "--core-yaml", n.coreYAML())
	n.put("notes", "rotated", n.peers...)
	n.answered(p, "notes-rotated")
}

// move moves a peer's server to another address: the peer keeps the stream to the
// old one as long as that runs.
func (n *network) move(notes pack) {
	p := n.peers[1]
	n.step("ccaas refresh for %s with a new server beside the old one", p.name)
	address := n.setAddress(p, "notes_1.0")
	old := p.notes
	p.notes = n.startServer(server{"notes-moved", address, notes.id, n.certificate(n.servers, "localhost"), p.clients})
	n.refresh(p, notes.id, "--probe")
	n.released(p, notes.id, address)
	n.put("notes", "refreshed", n.peers...)
	n.answered(p, "notes-"+p.name)
	n.step("stop the old server of %s", p.name)
	old.end(syscall.SIGTERM)
	n.poll(p.name+" is answered again", func() error {
		_, all, err := n.try(p.client, n.fabric("peer"), querying("notes", "server")...)
		if err != nil {
			return fmt.Errorf("%w: %s", err, tail(all, 1))
		}
		return nil
	})
	n.answered(p, "notes-moved")
	n.put("notes", "moved", n.peers...)
}

// refresh has ccaas refresh render the builds of a peer with the environment of its
// process: the connection of one package changes, and no other.
func (n *network) refresh(p *peer, id string, flags ...string) {
	n.t.Helper()
	out := n.run(p.env, n.ccaas(), append([]string{"refresh", "--peer-dir", p.fileSystem, "-o", "json"}, flags...)...)
	var results struct {
		Chaincodes []struct{ PackageID, State string }
	}
	n.must(json.Unmarshal([]byte(out), &results))
	var changed []string
	for _, c := range results.Chaincodes {
		if c.State != "unchanged" {
			changed = append(changed, c.State+" "+c.PackageID)
		}
	}
	if !slices.Equal(changed, []string{"refreshed " + id}) {
		n.fatal("refresh has not changed the connection of %s and no other:\n%s", id, out)
	}
}

// useLate installs a chaincode of which nothing was known when the peer started:
// its address, and a certificate of an authority of its own, come with its label.
func (n *network) useLate() {
	const label = "late_1.0"
	p := n.peers[0]
	late := n.packageNotes(label)
	n.step("give %s values for a label that it has not had, and install", p.name)
	clients, client := n.newClient(p)
	address := n.setAddress(p, label)
	n.setValue(p, label, "CORE_CHAINCODE_TLS_CLIENT_CERT", client.Cert)
	n.setValue(p, label, "CORE_CHAINCODE_TLS_CLIENT_KEY", client.Key)
	n.startServer(server{"late", address, late.id, n.certificate(n.servers, "localhost"), clients})
	n.install(p, late.file)
	n.deploy("late", late.id, "", p)
	n.put("late", "hello", p)
}

// lookBack has doctor look at all that was built, looks for the peers' keys in
// every log, and sees that the processes of the peers are those of the start.
func (n *network) lookBack() {
	for _, p := range n.peers {
		n.step("ccaas doctor for what %s has built, and its keys in the logs", p.name)
		if p.daemon.ended() {
			n.fatal("%s has ended: %v", p.name, p.daemon.cmd.ProcessState)
		}
		out := n.run(p.env, n.ccaas(), "doctor", "--core-yaml", n.coreYAML(), "--peer-dir", p.fileSystem)
		if !strings.Contains(out, "ok       earlier builds can be used\n") {
			n.fatal("doctor takes no earlier builds:\n%s", out)
		}
		for _, key := range p.keys {
			line := strings.Split(key, "\n")[1]
			for _, d := range n.daemons {
				if strings.Contains(d.read(), line) {
					n.fatal("a key of %s is in the log of %s", p.name, d.name)
				}
			}
		}
	}
}

// recover loses half of a build, and gets it back in the way that
// docs/operations.md has for it: the peer builds what it misses when it starts.
func (n *network) recover(notes pack) {
	p := n.peers[1]
	n.step("lose half a build of %s, and start it again without the other half", p.name)
	n.must(os.RemoveAll(p.release(notes.id)))
	if out := n.run(p.env, n.ccaas(), "refresh", "--peer-dir", p.fileSystem); !strings.Contains(out, " is half there:") {
		n.fatal("refresh does not say that the build is half there:\n%s", out)
	}
	p.daemon.end(syscall.SIGTERM)
	n.must(os.RemoveAll(filepath.Dir(p.release(notes.id))))
	n.startPeer(p, p.name+"-again")
	n.poll("the peer has built notes again", func() error {
		_, err := os.Stat(filepath.Join(p.release(notes.id), "chaincode", "server", "connection.json"))
		return err
	})
	n.answered(p, "notes-moved")
}

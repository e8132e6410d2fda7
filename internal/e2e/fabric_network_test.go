package e2e_test

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ccaas-template-builder/internal/network"
	"ccaas-template-builder/internal/testpki"
)

// startupTimeout is how long a peer of Org1 waits for a chaincode to register.
const startupTimeout = "8s"

// fabric is a Fabric network in which Org1 has other chaincodes in addition to notes.
type fabric struct {
	*bench
	*network.Network
	node    example          // the chaincode on Node
	servers testpki.Identity // the CA of Org1's chaincode servers, except the notes servers
	peers   []*peer          // of both organisations
	port    int              // the last port that newAddress has tried
}

// peer is a peer with its administrator and its chaincode servers.
type peer struct {
	*network.Node
	client  map[string]string // the environment of the administrator
	keys    []string          // its private keys for chaincode servers, including replaced ones
	clients testpki.Identity  // the CA of its client certificate for chaincode servers
	server  *network.Process  // its server of the chaincode on Node, or the wrong one that misserve starts
	notes   *network.Process  // its server of notes since the upgrade
}

// newFabric lays out the network, but starts nothing.
func newFabric(b *bench) *fabric {
	b.step("lay out the network")
	checkout, err := filepath.Abs("../..")
	b.must(err)
	port, err := network.FreePort()
	b.must(err)
	n := &fabric{bench: b, node: onNode, Network: network.New(network.Config{
		Checkout: checkout, Programs: buildPrograms(b.t), Fabric: os.Getenv("FABRIC_BIN"), FabricConfig: os.Getenv("FABRIC_CFG"),
		Dir: b.dir, Port: port, Organisations: 2,
	})}
	n.port = port + network.Ports
	b.t.Cleanup(n.End)
	b.must(n.Make(b.ctx))
	n.servers, err = testpki.CA("chaincode servers", time.Now())
	b.must(err)
	for _, o := range n.Organisations {
		for i, node := range o.Peers {
			n.peers = append(n.peers, &peer{Node: node, client: n.Administrator(o, i)})
		}
	}
	for _, p := range n.org1() {
		p.Env["CORE_CHAINCODE_STARTUPTIMEOUT"] = startupTimeout
		maps.Copy(p.Env, n.identify(p))
		both := n.read(p.Env["CORE_CHAINCODE_ROOT_CERT_FILE"]) + n.servers.Cert
		maps.Copy(p.Env, map[string]string{
			"CORE_CHAINCODE_TIMEOUT": "2s",
			// Fabric logs why a dial failed at WARN since 3.0, and at DEBUG before.
			"FABRIC_LOGGING_SPEC":                   "info:gossip=error:grpc=debug",
			"CORE_CHAINCODE_ROOT_CERT_FILE":         n.write(p.Name+"/all-servers.crt", both),
			"CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG": fmt.Sprintf(`{"peername":"%s"}`, p.Name),
		})
	}
	return n
}

// org1 returns the peers of Org1. Each has its own client certificate for chaincode servers.
func (n *fabric) org1() []*peer { return n.peers[:2] }

// firsts returns the first peer of each organisation.
func (n *fabric) firsts() []*peer { return []*peer{n.peers[0], n.peers[2]} }

func (n *fabric) ccaas() string { return filepath.Join(n.Programs, "ccaas") }

// newClient makes a client certificate of a peer for chaincode servers, and its CA. All CAs of a
// peer have the same name, because a CA keeps its name when its key is replaced.
func (n *fabric) newClient(p *peer) (ca, client testpki.Identity) {
	ca, err := testpki.CA("clients of "+p.Name, time.Now())
	n.must(err)
	client, err = ca.Issue(p.Name, time.Now(), time.Now().Add(time.Hour))
	n.must(err)
	p.keys = append(p.keys, client.Key)
	return ca, client
}

// identify gives a peer a certificate of a new CA, and returns the variables for the certificate
// and its key. The first peer has them in files, which can change while it runs. The other has
// them in the variables themselves, because a peer logs its settings, including its environment,
// when it starts: see lookBack.
func (n *fabric) identify(p *peer) map[string]string {
	var client testpki.Identity
	p.clients, client = n.newClient(p)
	if p == n.peers[0] {
		return map[string]string{
			"CORE_CHAINCODE_TLS_CLIENT_CERT_FILE": n.write(p.Name+"/client.crt", client.Cert),
			"CORE_CHAINCODE_TLS_CLIENT_KEY_FILE":  n.write(p.Name+"/client.key", client.Key),
		}
	}
	return map[string]string{"CORE_CHAINCODE_TLS_CLIENT_CERT": client.Cert, "CORE_CHAINCODE_TLS_CLIENT_KEY": client.Key}
}

// ordered returns the flags of a command that uses the orderer.
func (n *fabric) ordered() []string {
	ca := n.peers[0].client["ORDERER_CA"]
	return []string{"-o", n.Orderer.Address, "--tls", "--cafile", ca}
}

// at returns the flags that send a command to these peers instead of CORE_PEER_ADDRESS.
func at(peers ...*peer) (flags []string) {
	for _, p := range peers {
		flags = append(flags, "--peerAddresses", p.Address, "--tlsRootCertFiles", p.client["CORE_PEER_TLS_ROOTCERT_FILE"])
	}
	return flags
}

// peer runs the peer CLI as the administrator of p, and returns its stdout.
func (n *fabric) peer(p *peer, args ...string) string {
	n.t.Helper()
	return n.run(p.client, n.cli(), args...)
}

func (n *fabric) cli() string { return filepath.Join(n.Fabric, "peer") }

// install installs a package, and returns the package ID that the peer reports.
func (n *fabric) install(p *peer, file string) string {
	n.t.Helper()
	_, all, err := n.try(p.client, n.cli(), "lifecycle", "chaincode", "install", file)
	_, id, found := strings.Cut(all, "Chaincode code package identifier: ")
	if err != nil || !found {
		n.fatal("install of %s on %s: %v\n%s", filepath.Base(file), p.Name, err, all)
	}
	return strings.TrimSpace(id)
}

// definition is a chaincode definition that organisations approve and commit.
type definition struct {
	name, version, sequence, id string
	flags                       []string // such as a policy
}

// first returns the first definition of a chaincode.
func first(name, id string, flags ...string) definition {
	return definition{name, "1.0", "1", id, flags}
}

// deploy approves a definition for both organisations and commits it. It approves at all peers of
// an organisation, so that no peer has to wait for private data from another.
func (n *fabric) deploy(d definition) {
	n.t.Helper()
	flags := append([]string{"-C", network.Channel, "-n", d.name, "-v", d.version, "--sequence", d.sequence}, n.ordered()...)
	flags = append(flags, d.flags...)
	for i := 0; i < len(n.peers); i += 2 {
		args := append([]string{"lifecycle", "chaincode", "approveformyorg", "--package-id", d.id}, flags...)
		n.peer(n.peers[i], append(args, at(n.peers[i:i+2]...)...)...)
	}
	n.peer(n.peers[0], append(append([]string{"lifecycle", "chaincode", "commit"}, flags...), at(n.firsts()...)...)...)
}

// ofOrg1 is a policy by which any single peer of Org1 may endorse.
var ofOrg1 = []string{"--signature-policy", "OR('Org1MSP.peer')"}

// release returns the release folder of the peer's build of a package.
func (p *peer) release(id string) string {
	return filepath.Join(p.Production(), "externalbuilder", "builds", strings.Replace(id, ":", "-", 1), "release")
}

// newAddress returns an address at which nothing listens.
func (n *fabric) newAddress() string {
	for {
		n.port++
		address := fmt.Sprintf("localhost:%d", n.port)
		if listener, err := net.Listen("tcp", address); err == nil {
			listener.Close()
			return address
		} else if n.port > 32000 {
			n.fatal("no free port: %v", err)
		}
	}
}

// server describes a chaincode server. Its name must be unique, because its log is in a folder of
// that name.
type server struct {
	name, address, id string
	cert              testpki.Identity // empty: no TLS
	clients           testpki.Identity // the CA of the clients that it accepts
}

// startServer starts a server of the chaincode on Node.
func (n *fabric) startServer(s server) *network.Process {
	n.t.Helper()
	env := map[string]string{"CORE_CHAINCODE_ID": s.id, "CORE_CHAINCODE_ADDRESS": strings.Replace(s.address, "localhost", "127.0.0.1", 1), "SERVER_NAME": s.name}
	withTLS := s.cert.Cert != ""
	if withTLS {
		env["CORE_CHAINCODE_TLS_CERT_FILE"] = n.write(s.name+"/server.crt", s.cert.Cert)
		env["CORE_CHAINCODE_TLS_KEY_FILE"] = n.write(s.name+"/server.key", s.cert.Key)
		env["CORE_CHAINCODE_TLS_CLIENT_CACERT_FILE"] = n.write(s.name+"/clients.crt", s.clients.Cert)
	}
	return n.serve(s.name, s.address, n.node.dir, withTLS, env, n.node.command...)
}

// serve starts a chaincode server and waits until it listens.
func (n *fabric) serve(name, address, dir string, withTLS bool, env map[string]string, command ...string) *network.Process {
	n.t.Helper()
	log := filepath.Join(n.dir, name, "log")
	n.must(os.MkdirAll(filepath.Dir(log), 0o755))
	p, err := n.Run(name, log, dir, env, command...)
	n.must(err)
	n.must(p.Await(n.ctx, address, withTLS))
	return p
}

// certificate returns a server certificate for this host.
func (n *fabric) certificate(ca testpki.Identity, host string) testpki.Identity {
	cert, err := ca.Issue(host, time.Now(), time.Now().Add(time.Hour))
	n.must(err)
	return cert
}

// setAddress gives a peer a new address for the chaincode with this label, and returns the
// address.
func (n *fabric) setAddress(p *peer, label string) string {
	address := n.newAddress()
	n.setValue(p, label, "CORE_CHAINCODE_ADDRESS", address)
	return address
}

// setValue gives a peer a value for the chaincode with this label.
func (n *fabric) setValue(p *peer, label, name, value string) {
	n.must(os.MkdirAll(filepath.Join(p.Values(), label), 0o700))
	n.must(os.WriteFile(filepath.Join(p.Values(), label, name), []byte(value), 0o600))
}

// address returns the peer's address for the chaincode with this label.
func (n *fabric) address(p *peer, label string) string {
	return n.read(filepath.Join(p.Values(), label, "CORE_CHAINCODE_ADDRESS"))
}

// stop stops a peer with SIGTERM, as its administrator would.
func (p *peer) stop() { p.Process.End(syscall.SIGTERM) }

// restart starts a stopped peer.
func (n *fabric) restart(p *peer) { n.must(n.Restart(n.ctx, p.Node)) }

// invoking returns the peer CLI's arguments for a call of a chaincode that these peers endorse.
// The CLI waits until all of them have committed it.
func (n *fabric) invoking(chaincode string, call string, peers ...*peer) []string {
	args := append([]string{"chaincode", "invoke", "-C", network.Channel, "-n", chaincode, "-c", call, "--waitForEvent"}, n.ordered()...)
	return append(args, at(peers...)...)
}

// putting returns the peer CLI's arguments for a call that puts the note greeting.
func (n *fabric) putting(chaincode, text string, peers ...*peer) []string {
	return n.invoking(chaincode, calling("put", "greeting", text), peers...)
}

// put puts the note greeting, and checks that each endorsing peer then has it.
func (n *fabric) put(chaincode, text string, peers ...*peer) {
	n.t.Helper()
	n.peer(peers[0], n.putting(chaincode, text, peers...)...)
	for _, p := range peers {
		if got := n.peer(p, querying(chaincode, "get", "greeting")...); got != text+"\n" {
			n.fatal("%s has the note %q, not %q", p.Name, got, text)
		}
	}
}

// calling returns a call of a chaincode in the peer CLI's format.
func calling(args ...string) string { return `{"Args":["` + strings.Join(args, `","`) + `"]}` }

// querying returns the peer CLI's arguments for a query of a chaincode.
func querying(chaincode string, args ...string) []string {
	return []string{"chaincode", "query", "-C", network.Channel, "-n", chaincode, "-c", calling(args...)}
}

// answered checks which server of a chaincode answers a peer.
func (n *fabric) answered(p *peer, chaincode, server string) {
	n.t.Helper()
	if got := n.peer(p, querying(chaincode, "server")...); got != server+"\n" {
		n.fatal("%s is answered by the server %q, not by %s", p.Name, got, server)
	}
}

// awaitAnswer waits until a query at a peer returns want.
func (n *fabric) awaitAnswer(p *peer, want string, query []string) {
	n.t.Helper()
	n.poll(p.Name+" answers "+want, func() error {
		out, all, err := n.try(p.client, n.cli(), query...)
		switch {
		case err != nil:
			return fmt.Errorf("%w: %s", err, network.Tail(all, 1))
		case out != want+"\n":
			return errors.New(out)
		}
		return nil
	})
}

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ccaas-template-builder/internal/testpki"
)

const (
	channel = "notes-channel"
	domain  = "org1.example.com"
	// startupTimeout is how long a peer waits for a chaincode to register.
	startupTimeout = "8s"
)

// logging is Fabric's, without colours and without the talk of the peers among
// themselves and of grpc, which would fill the lines that a failure shows.
var logging = []string{
	"FABRIC_LOGGING_SPEC=info:gossip=error:grpc=warning:comm.grpc.server=warning",
	"FABRIC_LOGGING_FORMAT=%{time:15:04:05.000} %{level:.4s} [%{module}] %{message}",
}

// network is an orderer and two peers of one organisation, on one channel.
type network struct {
	*bench
	bin     string // Fabric's programs
	ours    string // the builder and ccaas, in bin
	config  string // core.yaml and orderer.yaml of all nodes
	node    string // the folder of the chaincode
	orderer string // its address
	admin   string // the address at which it takes channels
	servers testpki.Identity
	peers   []*peer
}

// peer is a peer with what its process gets and what belongs to its administrator.
type peer struct {
	name        string
	address     string
	fileSystem  string
	values      string   // CCAAS_ENV_DIR
	keys        []string // towards chaincode servers, all that it has had
	env, client []string
	clients     testpki.Identity // the authority of its certificate towards servers
	daemon      *daemon
	notes       *daemon // its chaincode server of notes
}

func (n *network) crypto(path string) string { return filepath.Join(n.dir, "crypto", path) }

func (n *network) fabric(program string) string { return filepath.Join(n.bin, program) }

func (n *network) ccaas() string { return filepath.Join(n.ours, "bin", "ccaas") }

// prepare makes programs, certificates, addresses and environments; nothing runs yet.
func (n *network) prepare() {
	n.step("build ccaas and the builder")
	n.ours = filepath.Dir(buildPrograms(n.t))
	n.step("make certificates and the channel's first block")
	n.run(nil, n.fabric("cryptogen"), "generate", "--config", n.example("crypto.yaml"), "--output", n.crypto(""))
	var err error
	n.servers, err = testpki.CA("chaincode servers", time.Now())
	n.must(err)
	port := n.freePort()
	n.orderer, n.admin = "localhost:"+port, "localhost:"+n.freePort()
	text := strings.NewReplacer("/crypto/", n.crypto("")+"/", "Host: orderer.example.com", "Host: localhost", "Port: 7050", "Port: "+port,
		"orderer.example.com:7050", n.orderer).Replace(n.read(n.example("configtx.yaml")))
	n.write("channel/configtx.yaml", text)
	n.run(nil, n.fabric("configtxgen"), "-configPath", filepath.Join(n.dir, "channel"), "-profile", "Channel",
		"-channelID", channel, "-outputBlock", n.block())
	n.peers = []*peer{n.newPeer("peer0"), n.newPeer("peer1")}
	for i, p := range n.peers {
		p.env = append(p.env, "CORE_PEER_GOSSIP_BOOTSTRAP="+n.peers[1-i].address)
	}
}

func (n *network) block() string { return filepath.Join(n.dir, "channel", "genesis.block") }

// example is a file of the Compose example, whose network is the same but for the addresses.
func (n *network) example(name string) string {
	path, err := filepath.Abs(filepath.Join("../../examples/compose", name))
	n.must(err)
	return path
}

// newPeer gives a peer its ports, its folders, and its own certificate, key and
// values for chaincode servers.
func (n *network) newPeer(name string) *peer {
	p := &peer{name: name, address: "localhost:" + n.freePort()}
	p.fileSystem, p.values = filepath.Join(n.dir, name, "production"), filepath.Join(n.dir, name, "values")
	n.must(os.MkdirAll(p.values, 0o700))
	chaincode := "localhost:" + n.freePort()
	host := name + "." + domain
	organisation := n.crypto("peerOrganizations/" + domain)
	home := organisation + "/peers/" + host
	p.client = append([]string{
		"FABRIC_CFG_PATH=" + n.config,
		"CORE_PEER_LOCALMSPID=Org1MSP",
		"CORE_PEER_MSPCONFIGPATH=" + organisation + "/users/Admin@" + domain + "/msp",
		"CORE_PEER_ADDRESS=" + p.address,
		"CORE_PEER_TLS_ENABLED=true",
		"CORE_PEER_TLS_ROOTCERT_FILE=" + home + "/tls/ca.crt",
	}, logging...)
	p.env = append([]string{
		"FABRIC_CFG_PATH=" + n.config,
		"CORE_PEER_ID=" + host,
		"CORE_PEER_LOCALMSPID=Org1MSP",
		"CORE_PEER_MSPCONFIGPATH=" + home + "/msp",
		"CORE_PEER_ADDRESS=" + p.address,
		"CORE_PEER_LISTENADDRESS=" + p.address,
		"CORE_PEER_CHAINCODEADDRESS=" + chaincode,
		"CORE_PEER_CHAINCODELISTENADDRESS=" + chaincode,
		"CORE_PEER_GOSSIP_EXTERNALENDPOINT=" + p.address,
		"CORE_OPERATIONS_LISTENADDRESS=localhost:" + n.freePort(),
		"CORE_PEER_FILESYSTEMPATH=" + p.fileSystem,
		"CORE_LEDGER_SNAPSHOTS_ROOTDIR=" + filepath.Join(n.dir, name, "snapshots"),
		"CORE_PEER_TLS_ENABLED=true",
		"CORE_PEER_TLS_CERT_FILE=" + home + "/tls/server.crt",
		"CORE_PEER_TLS_KEY_FILE=" + home + "/tls/server.key",
		"CORE_PEER_TLS_ROOTCERT_FILE=" + home + "/tls/ca.crt",
		"CORE_CHAINCODE_STARTUPTIMEOUT=" + startupTimeout,
		// What the builder reads:
		"CCAAS_ENV_DIR=" + p.values,
		"CORE_CHAINCODE_TIMEOUT=2s",
		"CORE_CHAINCODE_ROOT_CERT_FILE=" + n.write(name+"/servers.crt", n.servers.Cert),
		fmt.Sprintf(`CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG={"peername":"%s"}`, host),
	}, logging...)
	p.env = append(p.env, n.identify(p)...)
	return p
}

// newClient makes a certificate for a peer towards chaincode servers, and its
// authority. All authorities of a peer have one name, as an authority keeps its own
// when its key is replaced.
func (n *network) newClient(p *peer) (authority, client testpki.Identity) {
	authority, err := testpki.CA("clients of "+p.name, time.Now())
	n.must(err)
	client, err = authority.Issue(p.name+"."+domain, time.Now(), time.Now().Add(time.Hour))
	n.must(err)
	p.keys = append(p.keys, client.Key)
	return authority, client
}

// identify gives a peer a certificate of a new authority, and returns the variables
// with it and its key. One peer has them in files, which can change while it runs,
// the other in the variables themselves: a peer logs its settings, with its
// environment, when it starts.
func (n *network) identify(p *peer) []string {
	var client testpki.Identity
	p.clients, client = n.newClient(p)
	if p.name == "peer0" {
		return []string{
			"CORE_CHAINCODE_TLS_CLIENT_CERT_FILE=" + n.write(p.name+"/client.crt", client.Cert),
			"CORE_CHAINCODE_TLS_CLIENT_KEY_FILE=" + n.write(p.name+"/client.key", client.Key),
		}
	}
	return []string{"CORE_CHAINCODE_TLS_CLIENT_CERT=" + client.Cert, "CORE_CHAINCODE_TLS_CLIENT_KEY=" + client.Key}
}

// startOrderer starts the orderer and gives it the channel.
func (n *network) startOrderer() {
	n.step("start the orderer")
	home := n.crypto("ordererOrganizations/example.com/orderers/orderer.example.com")
	data := filepath.Join(n.dir, "orderer")
	port := n.orderer[strings.LastIndex(n.orderer, ":")+1:]
	env := append([]string{
		"FABRIC_CFG_PATH=" + n.config,
		"ORDERER_GENERAL_LISTENADDRESS=127.0.0.1",
		"ORDERER_GENERAL_LISTENPORT=" + port,
		"ORDERER_GENERAL_LOCALMSPID=OrdererMSP",
		"ORDERER_GENERAL_LOCALMSPDIR=" + home + "/msp",
		"ORDERER_GENERAL_BOOTSTRAPMETHOD=none", // before v3, there was another
		"ORDERER_GENERAL_CLUSTER_CLIENTCERTIFICATE=" + home + "/tls/server.crt",
		"ORDERER_GENERAL_CLUSTER_CLIENTPRIVATEKEY=" + home + "/tls/server.key",
		"ORDERER_GENERAL_CLUSTER_ROOTCAS=[" + home + "/tls/ca.crt]",
		"ORDERER_CHANNELPARTICIPATION_ENABLED=true",
		"ORDERER_ADMIN_LISTENADDRESS=" + n.admin,
		"ORDERER_ADMIN_TLS_CLIENTROOTCAS=[" + home + "/tls/ca.crt]",
		"ORDERER_OPERATIONS_LISTENADDRESS=localhost:" + n.freePort(),
		"ORDERER_FILELEDGER_LOCATION=" + data,
		"ORDERER_CONSENSUS_WALDIR=" + data + "/wal",
		"ORDERER_CONSENSUS_SNAPDIR=" + data + "/snapshot",
	}, logging...)
	for _, part := range []string{"GENERAL", "ADMIN"} {
		env = append(env, "ORDERER_"+part+"_TLS_ENABLED=true", "ORDERER_"+part+"_TLS_ROOTCAS=["+home+"/tls/ca.crt]",
			"ORDERER_"+part+"_TLS_CERTIFICATE="+home+"/tls/server.crt", "ORDERER_"+part+"_TLS_PRIVATEKEY="+home+"/tls/server.key")
	}
	n.start("orderer", n.dir, n.orderer, true, env, n.fabric("orderer"))
	n.run(nil, n.fabric("osnadmin"), "channel", "join", "--channelID", channel, "--config-block", n.block(), "-o", n.admin,
		"--ca-file", home+"/tls/ca.crt", "--client-cert", home+"/tls/server.crt", "--client-key", home+"/tls/server.key")
}

// startPeer starts a peer, as the daemon called name.
func (n *network) startPeer(p *peer, name string) {
	n.t.Helper()
	p.daemon = n.start(name, n.dir, p.address, true, p.env, n.fabric("peer"), "node", "start")
}

// startPeers starts both peers and joins them to the channel, and waits until
// the orderer has a leader: before that it refuses all.
func (n *network) startPeers() {
	for _, p := range n.peers {
		n.step("start %s and join it to the channel", p.name)
		n.startPeer(p, p.name)
		n.peer(p, "channel", "join", "-b", n.block())
	}
	n.poll("the orderer has a leader", func() error {
		args := append([]string{"channel", "fetch", "newest", filepath.Join(n.dir, "newest.block"), "-c", channel}, n.ordererFlags()...)
		_, all, err := n.try(n.peers[0].client, n.fabric("peer"), args...)
		if err != nil {
			return fmt.Errorf("%w: %s", err, tail(all, 1))
		}
		return nil
	})
}

func (n *network) ordererFlags() []string {
	return []string{"-o", n.orderer, "--tls", "--cafile", n.crypto("ordererOrganizations/example.com/orderers/orderer.example.com/tls/ca.crt")}
}

// at are the flags that send a command to these peers and not to CORE_PEER_ADDRESS.
func at(peers ...*peer) (flags []string) {
	for _, p := range peers {
		for _, variable := range p.client {
			if file, ok := strings.CutPrefix(variable, "CORE_PEER_TLS_ROOTCERT_FILE="); ok {
				flags = append(flags, "--peerAddresses", p.address, "--tlsRootCertFiles", file)
			}
		}
	}
	return flags
}

// peer runs the peer's own program as the administrator of p.
func (n *network) peer(p *peer, args ...string) string {
	n.t.Helper()
	return n.run(p.client, n.fabric("peer"), args...)
}

// install installs a package and returns the ID that the peer has given it.
func (n *network) install(p *peer, file string) string {
	n.t.Helper()
	_, all, err := n.try(p.client, n.fabric("peer"), "lifecycle", "chaincode", "install", file)
	_, id, found := strings.Cut(all, "Chaincode code package identifier: ")
	if err != nil || !found {
		n.fatal("install of %s on %s: %v\n%s", filepath.Base(file), p.name, err, all)
	}
	return strings.TrimSpace(id)
}

// deploy approves and commits a chaincode by these peers. Approved at all of
// them, none has to wait for another one's private data.
func (n *network) deploy(name, id, policy string, peers ...*peer) {
	n.t.Helper()
	flags := append([]string{"-C", channel, "-n", name, "-v", "1.0", "--sequence", "1"}, n.ordererFlags()...)
	if policy != "" {
		flags = append(flags, "--signature-policy", policy)
	}
	flags = append(flags, at(peers...)...)
	n.peer(peers[0], append([]string{"lifecycle", "chaincode", "approveformyorg", "--package-id", id}, flags...)...)
	n.peer(peers[0], append([]string{"lifecycle", "chaincode", "commit"}, flags...)...)
}

// release is what the builder has left on a peer for a package.
func (p *peer) release(id string) string {
	return filepath.Join(p.fileSystem, "externalbuilder", "builds", strings.Replace(id, ":", "-", 1), "release")
}

// server is a chaincode server: how it is to be, and where. Its name is its own, as
// its log is.
type server struct {
	name, address, id string
	cert              testpki.Identity // none: without TLS
	clients           testpki.Identity // the authority of the clients it takes
}

// startServer starts the Node chaincode.
func (n *network) startServer(s server) *daemon {
	env := []string{"CORE_CHAINCODE_ID=" + s.id, "CORE_CHAINCODE_ADDRESS=" + strings.Replace(s.address, "localhost", "127.0.0.1", 1), "SERVER_NAME=" + s.name}
	withTLS := s.cert.Cert != ""
	if withTLS {
		env = append(env,
			"CORE_CHAINCODE_TLS_CERT_FILE="+n.write(s.name+"/server.crt", s.cert.Cert),
			"CORE_CHAINCODE_TLS_KEY_FILE="+n.write(s.name+"/server.key", s.cert.Key),
			"CORE_CHAINCODE_TLS_CLIENT_CACERT_FILE="+n.write(s.name+"/clients.crt", s.clients.Cert))
	}
	return n.start(s.name, n.node, s.address, withTLS, env, "node", "node_modules/.bin/fabric-chaincode-node", "server")
}

// certificate is one for a server on this host.
func (n *network) certificate(ca testpki.Identity, host string) testpki.Identity {
	cert, err := ca.Issue(host, time.Now(), time.Now().Add(time.Hour))
	n.must(err)
	return cert
}

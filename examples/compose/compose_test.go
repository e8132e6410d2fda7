// Package compose_test checks that Compose accepts the example, and that its peers get
// connections to its chaincode servers.
package compose_test

import (
	"crypto/tls"
	"crypto/x509"
	"maps"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ccaas-template-builder/internal/must"
	"ccaas-template-builder/internal/peer"
	"ccaas-template-builder/internal/testprograms"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/coreyaml"
)

const (
	project = "../.."
	// installed is where the Dockerfile puts the builder.
	installed = "/opt/ccaas-template-builder"
)

func TestDockerCompose(t *testing.T) {
	if err := exec.Command("docker", "compose", "version").Run(); err != nil {
		t.Skip("there is no docker compose")
	}
	if out, err := exec.Command("docker", "compose", "config", "--quiet").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// Each peer gets a connection to its own server.
func TestPeers(t *testing.T) {
	n := newNetwork(t)
	ours := t.TempDir()
	if err := testprograms.Build(project, ours+"/bin"); err != nil {
		t.Fatal(err)
	}
	n.makeCrypto()
	pkg := n.makePackage(ours)
	builders := n.builders(ours)
	servers := map[string]bool{}
	for _, service := range n.peers() {
		var said []string
		on := peer.Peer{Dir: t.TempDir(), Builders: builders, Env: n.environment(service), Log: func(line string) { said = append(said, line) }}
		c, err := on.Install(t.Context(), pkg)
		if err != nil || len(said) > 0 {
			t.Fatalf("%s: %v\n%s", service, err, strings.Join(said, "\n"))
		}
		servers[c.Address] = true
		n.checkServer(service, c, pkg.ID)
	}
	if len(servers) != 2 {
		t.Errorf("the peers dial %v, want a server for each of two", servers)
	}
	n.checkPaths()
	n.checkTargets()
	n.checkScripts()
	n.checkAddresses()
}

// makePackage runs the service package.
func (n network) makePackage(ours string) *archive.Package {
	n.Helper()
	if out, err := n.command("package", ours+"/bin/ccaas").CombinedOutput(); err != nil {
		n.Fatalf("package: %v\n%s", err, out)
	}
	return must.Get(archive.Parse(must.Get(os.ReadFile(n.path("deploy", "/package/notes.tgz")))(n.T)))(n.T)
}

// builders returns the builders in the core.yaml that the Dockerfile makes from that of Fabric
// 2.5.
func (n network) builders(ours string) []coreyaml.Builder {
	n.Helper()
	dockerfile := string(must.Get(os.ReadFile(project + "/Dockerfile"))(n.T))
	commands := regexp.MustCompile(`(?s)\nRUN (ccaas init .*?)\n\n`).FindStringSubmatch(dockerfile)
	if commands == nil {
		n.Fatal("the Dockerfile makes no core.yaml")
	}
	dir := n.TempDir()
	n.write(dir+"/fabric/core.yaml", string(must.Get(os.ReadFile(project+"/pkg/coreyaml/testdata/fabric-2.5.yaml"))(n.T)))
	cmd := exec.CommandContext(n.Context(), "sh", "-c", regexp.MustCompile(`([ >])/(packages|fabric)`).ReplaceAllString(commands[1], "${1}"+dir+"/$2"))
	n.mkdir(dir + "/packages")
	cmd.Env = []string{"PATH=" + ours + "/bin:" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		n.Fatalf("%v\n%s", err, out)
	}
	coreYAML := string(must.Get(os.ReadFile(dir + "/fabric/core.yaml"))(n.T))
	return must.Get(coreyaml.Parse([]byte(strings.ReplaceAll(coreYAML, installed, ours))))(n.T)
}

// checkServer checks that the connection leads to a service with this package ID, and that a
// TLS handshake between the two succeeds.
func (n network) checkServer(peer string, c connection.Connection, packageID string) {
	n.Helper()
	host, port, _ := net.SplitHostPort(c.Address)
	if host != "notes."+peer || n.services[host].Image != "ccaas-chaincode-node" {
		n.Fatalf("%s dials %s, which is not its chaincode server", peer, host)
	}
	env := n.environment(host)
	if listens := env["CORE_CHAINCODE_ADDRESS"]; listens != "0.0.0.0:"+port {
		n.Errorf("%s dials the port %s, and the server listens at %s", peer, port, listens)
	}
	if env["CORE_CHAINCODE_ID"] != packageID {
		n.Errorf("%s has the package ID %s, want %s", host, env["CORE_CHAINCODE_ID"], packageID)
	}
	clientCAs, serverCAs := x509.NewCertPool(), x509.NewCertPool()
	clientCAs.AppendCertsFromPEM(must.Get(os.ReadFile(env["CORE_CHAINCODE_TLS_CLIENT_CACERT_FILE"]))(n.T))
	serverCAs.AppendCertsFromPEM([]byte(c.RootCert))
	server := &tls.Config{
		Certificates: []tls.Certificate{must.Get(tls.LoadX509KeyPair(env["CORE_CHAINCODE_TLS_CERT_FILE"], env["CORE_CHAINCODE_TLS_KEY_FILE"]))(n.T)},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    clientCAs,
	}
	client := &tls.Config{
		Certificates: []tls.Certificate{must.Get(tls.X509KeyPair([]byte(c.ClientCert), []byte(c.ClientKey)))(n.T)},
		RootCAs:      serverCAs,
		ServerName:   host,
	}
	here, there := net.Pipe()
	taken := make(chan error, 1)
	go func() {
		taken <- tls.Client(here, client).HandshakeContext(n.Context())
		here.Close()
	}()
	if err := tls.Server(there, server).HandshakeContext(n.Context()); err != nil {
		n.Errorf("%s does not take its peer: %v", host, err)
	}
	if err := <-taken; err != nil {
		n.Errorf("%s does not take its server: %v", peer, err)
	}
}

// checkTargets checks that each service that is built names a target of the Dockerfile.
func (n network) checkTargets() {
	dockerfile := string(must.Get(os.ReadFile(project + "/Dockerfile"))(n.T))
	for service, s := range n.services {
		if s.Build != nil && !strings.Contains(dockerfile, " AS "+s.Build.Target+"\n") {
			n.Errorf("%s: %q is not a target of the Dockerfile", service, s.Build.Target)
		}
	}
}

// checkScripts checks that scripts that are commands are executable.
func (n network) checkScripts() {
	for service, s := range n.services {
		if len(s.Command) == 0 || !strings.HasSuffix(s.Command[0], ".sh") {
			continue
		}
		info, err := os.Stat(n.source(service, s.Command[0]))
		if err != nil || info.Mode()&0o111 != 0o111 {
			n.Errorf("%s cannot run %s: %v", service, s.Command[0], err)
		}
	}
}

// checkAddresses checks that each address that is dialled is one on which a service listens.
func (n network) checkAddresses() {
	configtx := strings.ReplaceAll(string(must.Get(os.ReadFile("../network/configtx.yaml"))(n.T)), ", Port: ", ":")
	texts := []string{strings.ReplaceAll(configtx, "peer0.org2.example.com:7051", "")} // Org2 is not on this channel
	for _, s := range n.services {
		for _, value := range s.Environment {
			texts = append(texts, *value)
		}
	}
	for _, address := range regexp.MustCompile(`(?m)(?:^|[\s"=])([a-z0-9.]+\.example\.com):(\d+)`).FindAllStringSubmatch(strings.Join(texts, "\n"), -1) {
		env := n.services[address[1]].Environment
		listens := slices.ContainsFunc(slices.Collect(maps.Keys(env)), func(name string) bool {
			value := *env[name]
			return strings.HasSuffix(name, "LISTENADDRESS") && (value == "0.0.0.0:"+address[2] || value == "0.0.0.0" && address[2] == "7050")
		})
		if !listens {
			n.Errorf("nobody listens at %s", address[0])
		}
	}
}

// checkPaths checks that the files named by the services' variables and scripts exist.
func (n network) checkPaths() {
	for service := range n.services {
		var texts []string
		if service == "deploy" {
			texts = append(texts, string(must.Get(os.ReadFile("deploy.sh"))(n.T)))
		}
		for _, value := range n.services[service].Environment {
			texts = append(texts, *value)
		}
		for _, path := range regexp.MustCompile(`(?:^|[\s"\[=])(/(?:identity|crypto|package)/[^\s"\]]+)`).FindAllStringSubmatch(strings.Join(texts, "\n"), -1) {
			if _, err := os.Stat(n.path(service, path[1])); err != nil {
				n.Errorf("%s: %s: %v", service, path[1], err)
			}
		}
	}
}

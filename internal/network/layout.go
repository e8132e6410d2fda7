package network

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"ccaas-template-builder/internal/envfile"
	"ccaas-template-builder/templates"
)

// Paths in orderer.env and peer.env, which are those in a container.
const (
	identity   = "/identity"
	production = "/var/hyperledger/production"
)

// Make creates the files of the network in its folder: certificates, a configuration for each
// node, and the scripts for the users' shells. It must be called only once. It starts no
// processes.
func (n *Network) Make(ctx context.Context) error {
	steps := []func(context.Context) error{n.makeCrypto, n.makeBuilder, n.makeOrderer, n.makePeers, n.makeScripts}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// makeCrypto makes all certificates and the channel's genesis block, and copies to the nodes
// and the chaincode servers those that they need.
func (n *Network) makeCrypto(ctx context.Context) error {
	for _, node := range n.nodes() {
		if err := os.MkdirAll(node.Dir, 0o700); err != nil {
			return err
		}
	}
	for _, p := range n.Peers() {
		if err := os.MkdirAll(filepath.Join(n.Dir, "notes."+p.Name), 0o700); err != nil {
			return err
		}
	}
	configtx, err := n.read("configtx.yaml")
	if err != nil {
		return err
	}
	if err := write(filepath.Join(n.crypto(), "configtx.yaml"), n.onLoopback(configtx)); err != nil {
		return err
	}
	script := filepath.Join(n.Checkout, "examples", "network", "crypto.sh")
	env := []string{"CRYPTO=" + n.crypto(), "NODES=" + n.Dir, "PROFILE=" + profiles[len(n.Organisations)-1]}
	return n.command(ctx, env, script)
}

// profiles are the profiles in configtx.yaml, by the number of organisations.
var profiles = []string{"OneOrganisation", "TwoOrganisations"}

func (n *Network) crypto() string { return filepath.Join(n.Dir, "crypto") }

// onLoopback returns a configtx.yaml with the addresses of this network.
func (n *Network) onLoopback(configtx string) string {
	for _, node := range New(Config{Port: n.Port, Organisations: len(profiles)}).nodes() {
		_, port, _ := strings.Cut(node.Address, ":")
		address := regexp.MustCompile(`\b` + regexp.QuoteMeta(node.Name) + `(:|, Port: )\d+`)
		configtx = address.ReplaceAllString(configtx, Host+"${1}"+port)
	}
	return configtx
}

// makeBuilder installs the builder as the README describes it.
func (n *Network) makeBuilder(ctx context.Context) error {
	for _, name := range templates.Names() {
		if err := n.command(ctx, nil, n.ccaas(), "init", n.template(name), "--template", name); err != nil {
			return err
		}
	}
	return n.command(ctx, nil, n.ccaas(), "install", n.builder())
}

func (n *Network) ccaas() string { return filepath.Join(n.Programs, "ccaas") }

func (n *Network) builder() string { return filepath.Join(n.Dir, "builder") }

func (n *Network) template(name string) string { return filepath.Join(n.Dir, "templates", name) }

func (n *Network) makeOrderer(context.Context) error {
	env, err := n.environment(n.Orderer, "orderer.env")
	if err != nil {
		return err
	}
	host, port, _ := strings.Cut(n.Orderer.Address, ":")
	maps.Copy(env, map[string]string{
		"ORDERER_GENERAL_LISTENADDRESS":    host,
		"ORDERER_GENERAL_LISTENPORT":       port,
		"ORDERER_ADMIN_LISTENADDRESS":      n.Admin,
		"ORDERER_OPERATIONS_LISTENADDRESS": Host + ":0",
	})
	n.Orderer.Env = env
	return n.configure(n.Orderer, "orderer.yaml")
}

// makePeers gives each peer its environment and a core.yaml with the builder.
func (n *Network) makePeers(ctx context.Context) error {
	var bundled []string // a package with any bundled template can be installed
	for _, name := range templates.Names() {
		bundled = append(bundled, n.template(name))
	}
	for _, o := range n.Organisations {
		for i, p := range o.Peers {
			if err := n.makePeer(p, o.Peers[1-i], o.MSPID); err != nil {
				return err
			}
			if err := n.AddBuilder(ctx, p, bundled...); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *Network) makePeer(p, other *Node, mspID string) error {
	env, err := n.environment(p, "peer.env")
	if err != nil {
		return err
	}
	maps.Copy(env, map[string]string{
		"CORE_PEER_ID":                      p.Name,
		"CORE_PEER_LOCALMSPID":              mspID,
		"CORE_PEER_ADDRESS":                 p.Address,
		"CORE_PEER_LISTENADDRESS":           p.Address,
		"CORE_PEER_CHAINCODELISTENADDRESS":  Host + ":0", // nothing dials it: the peers dial the chaincode
		"CORE_PEER_GOSSIP_EXTERNALENDPOINT": p.Address,
		"CORE_PEER_GOSSIP_BOOTSTRAP":        other.Address,
		"CORE_OPERATIONS_LISTENADDRESS":     Host + ":0",
		"CCAAS_ENV_DIR":                     p.Values(),
		"TMPDIR":                            filepath.Join(p.Dir, "tmp"),
	})
	p.Env = env
	for _, dir := range []string{p.Values(), env["TMPDIR"]} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	return n.configure(p, "core.yaml")
}

// AddBuilder adds the builder to a peer's core.yaml, with the variables that these packages
// read.
func (n *Network) AddBuilder(ctx context.Context, p *Node, packages ...string) error {
	args := []string{"coreyaml", "--patch", p.CoreYAML(), "--path", n.builder()}
	return n.command(ctx, nil, n.ccaas(), append(args, packages...)...)
}

// CoreYAML returns the path of the peer's core.yaml.
func (p *Node) CoreYAML() string { return filepath.Join(p.Dir, "core.yaml") }

// Values returns the peer's folder of values, its CCAAS_ENV_DIR.
func (p *Node) Values() string { return filepath.Join(p.Dir, "values") }

// Production returns the peer's data folder, its peer.fileSystemPath.
func (p *Node) Production() string { return filepath.Join(p.Dir, "production") }

// environment reads an env file in examples/network, and replaces its paths with those of a
// node.
func (n *Network) environment(node *Node, file string) (map[string]string, error) {
	text, err := n.read(file)
	if err != nil {
		return nil, err
	}
	env, _, err := envfile.Parse(file, []byte(text))
	if err != nil {
		return nil, err
	}
	paths := strings.NewReplacer(identity, node.Dir, production, node.Production())
	for name, value := range env {
		env[name] = paths.Replace(value)
	}
	env["FABRIC_CFG_PATH"] = node.Dir
	return env, nil
}

// configure copies a file of Fabric's configuration to a node.
func (n *Network) configure(node *Node, file string) error {
	content, err := os.ReadFile(filepath.Join(n.FabricConfig, file))
	if err != nil {
		return err
	}
	return write(filepath.Join(node.Dir, file), string(content))
}

// Administrator returns the environment in which an organisation's administrator runs the peer
// CLI and the scripts of examples/network at one of its peers.
func (n *Network) Administrator(o *Organisation, peer int) map[string]string {
	user := filepath.Join(n.crypto(), "peerOrganizations", o.Domain, "users", "Admin@"+o.Domain)
	return map[string]string{
		"PATH":                        n.path() + string(os.PathListSeparator) + os.Getenv("PATH"),
		"FABRIC_CFG_PATH":             o.Peers[peer].Dir,
		"FABRIC_LOGGING_FORMAT":       "%{level:.4s} [%{module}] %{message}",
		"FABRIC_LOGGING_SPEC":         "info:grpc=error", // gRPC in Fabric 3.1 logs a lot
		"CORE_PEER_LOCALMSPID":        o.MSPID,
		"CORE_PEER_MSPCONFIGPATH":     filepath.Join(user, "msp"),
		"CORE_PEER_ADDRESS":           o.Peers[peer].Address,
		"CORE_PEER_TLS_ENABLED":       "true",
		"CORE_PEER_TLS_ROOTCERT_FILE": filepath.Join(o.Peers[peer].Dir, "tls", "ca.crt"),
		"ORDERER":                     n.Orderer.Address,
		"ORDERER_ADMIN":               n.Admin,
		"ORDERER_CA":                  filepath.Join(n.Orderer.Dir, "tls", "ca.crt"),
		"CRYPTO":                      n.crypto(),
		"NETWORK":                     n.Dir,
	}
}

func (n *Network) path() string { return n.Programs + string(os.PathListSeparator) + n.Fabric }

// makeScripts writes a script for each organisation that sets the environment of its
// administrator.
func (n *Network) makeScripts(context.Context) error {
	for _, o := range n.Organisations {
		name := o.Name + ".sh"
		script := fmt.Sprintf(`# The peer CLI as the administrator of %s, at its first peer, or with 1 at its second:
#   . network/%s [1]
case :$PATH: in
*:%s:*) ;;
*) export PATH=%s:"$PATH" ;;
esac
if [ "${1:-}" = 1 ]; then
%selse
%sfi
`, o.MSPID, name, quote(n.path()), quote(n.path()), exports(n.Administrator(o, 1)), exports(n.Administrator(o, 0)))
		if err := write(filepath.Join(n.Dir, name), script); err != nil {
			return err
		}
	}
	return nil
}

// exports returns the shell commands that export an environment, except PATH.
func exports(env map[string]string) string {
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if name != "PATH" {
			fmt.Fprintf(&lines, "\texport %s=%s\n", name, quote(env[name]))
		}
	}
	return lines.String()
}

// quote quotes a text as one shell word.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// command runs a program and waits for it. Fabric's programs and ours are in its PATH.
func (n *Network) command(ctx context.Context, env []string, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = n.Dir
	cmd.Env = append(env, "PATH="+n.path()+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(program), err, Tail(string(out), 20))
	}
	return nil
}

// write writes a file and creates its folder.
func write(path, content string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o600)
}

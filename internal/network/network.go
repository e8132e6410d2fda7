// Package network runs a Fabric network on loopback: an orderer, two organisations of two
// peers each, and their chaincode servers. It creates the files and runs the processes. What
// an administrator does is in the scripts of examples/network.
package network

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ccaas-template-builder/internal/envfile"
)

// Channel is the name of the channel that all peers join.
const Channel = "mychannel"

// Host is the address that everything listens on.
const Host = "127.0.0.1"

// Ports is how many ports a network uses, beginning with Config.Port.
const Ports = 10

// Config describes a network. Its paths are absolute.
type Config struct {
	Checkout     string // the checkout of this project
	Programs     string // the folder of ccaas, detect, build and release
	Fabric       string // the folder of Fabric's programs
	FabricConfig string // the folder of Fabric's core.yaml and orderer.yaml
	Dir          string // the folder for everything that the network creates
	Port         int    // the orderer's port; the peers, their servers and osnadmin use the next ones

	Organisations int // 1 or 2
}

// Network is an orderer and the peers of its organisations, on one channel.
type Network struct {
	Config
	Orderer       *Node
	Admin         string // the orderer's address for osnadmin
	Organisations []*Organisation
	group         *group
}

// Organisation is an organisation with two peers.
type Organisation struct {
	Name, Domain, MSPID string
	Peers               [2]*Node
}

// Node is the orderer or a peer.
type Node struct {
	Name    string            // its host name, such as peer0.org1.example.com
	Address string            // the address it listens on
	Server  string            // the address that a peer's chaincode server notes listens on
	Dir     string            // its own folder: certificates, core.yaml, data
	Env     map[string]string // the environment of its process; may be changed before it starts
	Process *Process          // the last one started
	command []string
}

// New returns a network without any files or processes.
func New(config Config) *Network {
	n := &Network{Config: config}
	n.Orderer = n.node("orderer.example.com", 0, n.fabric("orderer"))
	n.Admin = n.address(Ports - 1)
	for i := range config.Organisations {
		name := fmt.Sprintf("org%d", i+1)
		o := &Organisation{Name: name, Domain: name + ".example.com", MSPID: fmt.Sprintf("Org%dMSP", i+1)}
		for j := range o.Peers {
			port := 1 + 2*(2*i+j)
			o.Peers[j] = n.node(fmt.Sprintf("peer%d.%s", j, o.Domain), port, n.fabric("peer"), "node", "start")
			o.Peers[j].Server = n.address(port + 1)
		}
		n.Organisations = append(n.Organisations, o)
	}
	return n
}

func (n *Network) node(name string, port int, command ...string) *Node {
	return &Node{Name: name, Address: n.address(port), Dir: filepath.Join(n.Dir, name), command: command}
}

func (n *Network) address(port int) string { return net.JoinHostPort(Host, strconv.Itoa(n.Port+port)) }

func (n *Network) fabric(program string) string { return filepath.Join(n.Fabric, program) }

// Peers returns the peers of all organisations.
func (n *Network) Peers() (peers []*Node) {
	for _, o := range n.Organisations {
		peers = append(peers, o.Peers[:]...)
	}
	return peers
}

// nodes returns the orderer and then the peers.
func (n *Network) nodes() []*Node { return append([]*Node{n.Orderer}, n.Peers()...) }

// Start starts the orderer and the peers, and waits until they listen. They run until End is
// called, or until this process ends.
func (n *Network) Start(ctx context.Context) error {
	if err := n.checkPorts(); err != nil {
		return err
	}
	var err error
	if n.group, err = startGroup(n.Dir); err != nil {
		return err
	}
	for _, node := range n.nodes() {
		if err := n.launch(node); err != nil {
			return err
		}
	}
	for _, node := range n.nodes() {
		if err := node.Process.Await(ctx, node.Address, true); err != nil {
			return err
		}
	}
	return nil
}

// Join creates the channel and joins all peers to it.
func (n *Network) Join(ctx context.Context) error {
	for _, o := range n.Organisations {
		if err := n.Script(ctx, o, "channel.sh", o.Peers[0].Address, o.Peers[1].Address); err != nil {
			return err
		}
	}
	return nil
}

// checkPorts returns an error if an address of the network is in use.
func (n *Network) checkPorts() error {
	takes := map[string]string{n.Admin: "osnadmin"}
	for _, p := range n.nodes() {
		takes[p.Address], takes[p.Server] = p.Name, "the chaincode server of "+p.Name
	}
	for i := range Ports {
		listener, err := net.Listen("tcp", n.address(i))
		if err != nil {
			return fmt.Errorf("cannot listen on %s, for %s: %w", n.address(i), takes[n.address(i)], reason(err))
		}
		listener.Close()
	}
	return nil
}

// FreePort returns a port that a network can use as its first: it and the following ports are
// free. It chooses ports below those that the kernel gives to outgoing connections, which
// could take one in between.
func FreePort() (int, error) {
	for range 100 {
		port := 20000 + Ports*rand.IntN(1000)
		if New(Config{Port: port, Organisations: 2}).checkPorts() == nil {
			return port, nil
		}
	}
	return 0, errors.New("no free ports from 20000 to 30000")
}

// Restart starts a node whose process has ended again, and waits until it listens.
func (n *Network) Restart(ctx context.Context, node *Node) error {
	if err := n.launch(node); err != nil {
		return err
	}
	return node.Process.Await(ctx, node.Address, true)
}

// Deploy deploys the chaincode notes with examples/network/notes.sh.
func (n *Network) Deploy(ctx context.Context) error {
	return n.Script(ctx, n.Organisations[0], "notes.sh")
}

// launch starts the process of a node. It appends to the node's log, and writes the node's
// environment to its folder, as an env file for ccaas.
func (n *Network) launch(node *Node) (err error) {
	kind, _, _ := strings.Cut(node.Name, ".")
	if err := write(filepath.Join(node.Dir, strings.TrimRight(kind, "01")+".env"), envfile.Format(node.Env)); err != nil {
		return err
	}
	node.Process, err = n.Run(node.Name, filepath.Join(node.Dir, "log"), node.Dir, node.Env, node.command...)
	return err
}

// Run starts a process that runs at most until End. Its output is appended to the file log.
// Its environment is PATH, HOME and env.
func (n *Network) Run(name, log, dir string, env map[string]string, command ...string) (*Process, error) {
	return n.group.start(name, log, dir, env, command)
}

// Script runs a script of examples/network as the administrator of an organisation, at its
// first peer. Its output goes to the file log in the network's folder.
func (n *Network) Script(ctx context.Context, o *Organisation, name string, args ...string) error {
	path := filepath.Join(n.Checkout, "examples", "network", name)
	p, err := n.Run(name, filepath.Join(n.Dir, "log"), n.Dir, n.Administrator(o, 0), append([]string{path}, args...)...)
	if err != nil {
		return err
	}
	return p.Wait(ctx)
}

// End ends all processes: the nodes with SIGTERM, and what is left with SIGKILL.
func (n *Network) End() {
	if n.group == nil {
		return
	}
	n.group.terminate()
	deadline := time.After(endTimeout)
	for _, node := range n.nodes() {
		if node.Process != nil {
			select {
			case <-node.Process.Ended:
			case <-deadline:
			}
		}
	}
	n.group.kill()
}

// read returns the content of a file in examples/network of the checkout.
func (n *Network) read(name string) (string, error) {
	content, err := os.ReadFile(filepath.Join(n.Checkout, "examples", "network", name))
	return string(content), err
}

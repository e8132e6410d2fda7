package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"ccaas-template-builder/internal/network"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
)

// install is the time that it takes to install a package on a peer of a real network, with one builder.
type install struct {
	Name   string  `json:"name"`
	Client float64 `json:"client_seconds"` // from the start to the end of the peer CLI; median
	Peer   float64 `json:"peer_seconds"`   // duration of the call, as the peer logs it; median
}

// many is the number of installs that are measured with each builder.
const many = 40

// fabric names the folders with Fabric's programs and with its core.yaml and orderer.yaml.
type fabric struct{ bin, cfg string }

// installs measures installs on two peers that differ only in the builder: one has ours, the other has
// the builder in the folder baseline. Each package is installed on both, one after the other.
func (b *bench) installs(ctx context.Context, baseline string, f fabric) ([]install, error) {
	n, err := b.network(ctx, baseline, f)
	if err != nil {
		return nil, err
	}
	defer n.End()
	if err := n.Start(ctx); err != nil {
		return nil, err
	}
	all := []install{{Name: "ours"}, {Name: "baseline"}}
	var client, peer [2][]float64
	for i := range many + 1 {
		file, err := b.packWithIndex(fmt.Sprintf("install_%d", i))
		if err != nil {
			return nil, err
		}
		for j := range all {
			seen, logged, err := b.install(n, (i+j)%2, file)
			if err != nil {
				return nil, err
			}
			if of := (i + j) % 2; i > 0 { // the first install is slower with any builder
				client[of], peer[of] = append(client[of], seen), append(peer[of], logged)
			}
		}
	}
	for i := range all {
		slices.Sort(client[i])
		slices.Sort(peer[i])
		all[i].Client, all[i].Peer = client[i][many/2], peer[i][many/2]
	}
	return all, nil
}

// network sets up the network: its first peer has our builder, its second peer has the baseline.
func (b *bench) network(ctx context.Context, baseline string, f fabric) (*network.Network, error) {
	checkout, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	port, err := network.FreePort()
	if err != nil {
		return nil, err
	}
	n := network.New(network.Config{Checkout: checkout, Programs: b.path("bin"), Fabric: f.bin, FabricConfig: f.cfg,
		Dir: b.path("network"), Port: port, Organisations: 1})
	if err := n.Make(ctx); err != nil {
		return nil, err
	}
	file, err := b.packWithIndex("install")
	if err != nil {
		return nil, err
	}
	for _, p := range n.Peers() {
		p.Env[variable], p.Env["FABRIC_LOGGING_SPEC"] = b.env[variable], "warn:comm.grpc.server=info"
		if err := n.AddBuilder(ctx, p, file); err != nil {
			return nil, err
		}
	}
	if err := os.Symlink(baseline, b.path("baseline/bin")); err != nil {
		return nil, err
	}
	core := n.Peers()[1].CoreYAML()
	text, err := os.ReadFile(core)
	if err != nil {
		return nil, err
	}
	theirs := strings.ReplaceAll(string(text), b.path("network/builder"), b.path("baseline"))
	return n, os.WriteFile(core, []byte(theirs), 0o600)
}

// packWithIndex writes a package with the given label and an index file.
func (b *bench) packWithIndex(label string) (file string, err error) {
	pkg, err := archive.Write(label, chaincode.DefaultType, []archive.File{
		{Name: chaincode.ConnectionFile, Content: []byte(template)},
		{Name: "META-INF/statedb/couchdb/indexes/size.json", Content: []byte(index)},
	})
	if err != nil {
		return "", err
	}
	name := filepath.Join("baseline", label+".tgz")
	return b.path(name), b.write(map[string]string{name: string(pkg.Bytes())})
}

// called matches the line that a peer logs for the gRPC call of an install.
var called = regexp.MustCompile(`grpc\.method=ProcessProposal .*grpc\.call_duration=(\S+)`)

// install installs a package on one of the peers.
func (b *bench) install(n *network.Network, peer int, file string) (client, logged float64, err error) {
	p := n.Peers()[peer]
	before := len(p.Process.Said())
	cmd := exec.Command(filepath.Join(n.Fabric, "peer"), "lifecycle", "chaincode", "install", file)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for name, value := range n.Administrator(n.Organisations[0], peer) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	began := time.Now()
	out, err := cmd.CombinedOutput()
	client = time.Since(began).Seconds()
	if err != nil {
		return 0, 0, fmt.Errorf("install on %s: %w: %s", p.Name, err, out)
	}
	for range 100 {
		if call := called.FindStringSubmatch(p.Process.Said()[before:]); call != nil {
			took, err := time.ParseDuration(call[1])
			return client, took.Seconds(), err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return 0, 0, fmt.Errorf("%s does not log how long an install took", p.Name)
}

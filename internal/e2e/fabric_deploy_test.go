package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/network"
)

// TestFabricDeploy checks ccaas deploy and ccaas status in a network of Fabric's own programs,
// with two peers in each of two organisations. Every chaincode is examples/chaincode-go, with a
// server for each peer.
func TestFabricDeploy(t *testing.T) {
	for _, name := range []string{"FABRIC_BIN", "FABRIC_CFG"} {
		if os.Getenv(name) == "" {
			t.Skipf("%s is not set: make e2e-fabric sets it", name)
		}
	}
	n := newFabric(newBench(t))
	for _, p := range n.peers {
		delete(p.Env, "CORE_CHAINCODE_STARTUPTIMEOUT") // with the longer default, a waiting peer gives no answer
	}
	n.step("start the network, and deploy notes with ccaas deploy")
	n.must(n.Start(n.ctx))
	n.must(n.Join(n.ctx))
	n.must(n.Deploy(n.ctx))
	n.deployFirst()
	n.deployNext()
	n.replacePackage()
	n.changeDefinition()
	n.requireInit()
	n.deployBesides()
	n.deployKilled()
	n.deployTwice()
	n.deployWithoutOrderer()
	n.misidentify()
	n.stopPeer()
	n.misserve()
	n.freeze()
}

// deployed is the output of ccaas deploy -o json.
type deployed struct {
	Sequence int
	Peers    []struct {
		Name, Address, Installed, Error string
		Answers                         *bool
	}
	Approvals map[string]bool
	Committed bool
	NeedsInit bool
	WaitsFor  []string
	Plan      []string
}

// short returns the result in one line: what was installed on each peer and whether it answers,
// sorted by the peers' names; then which organisations have approved, whether the definition is
// committed, whether its init function must be called, and what it waits for.
func (d deployed) short() string {
	answers := func(a *bool) string {
		switch {
		case a == nil:
			return "-"
		case *a:
			return "answers"
		}
		return "fails"
	}
	var parts []string
	for _, p := range d.Peers {
		parts = append(parts, strings.Split(p.Name, ".example.com")[0]+" "+p.Installed+" "+answers(p.Answers))
	}
	slices.Sort(parts)
	for _, org := range slices.Sorted(maps.Keys(d.Approvals)) {
		if d.Approvals[org] {
			parts = append(parts, org)
		}
	}
	if d.Committed {
		parts = append(parts, "committed")
	}
	if d.NeedsInit {
		parts = append(parts, "needs init")
	}
	if len(d.WaitsFor) > 0 {
		parts = append(parts, "waits for "+strings.Join(d.WaitsFor, ", "))
	}
	return fmt.Sprintf("%d: %s", d.Sequence, strings.Join(parts, "; "))
}

// ccaasDeploy runs ccaas deploy as the administrator of p, and returns its result, its stderr and
// its error.
func (n *fabric) ccaasDeploy(p *peer, file string, flags ...string) (deployed, string, error) {
	n.t.Helper()
	args := append([]string{"deploy", file, "-C", network.Channel, "-o", "json"}, flags...)
	out, all, err := n.try(p.client, n.ccaas(), args...)
	var d deployed
	if out != "" {
		n.must(json.Unmarshal([]byte(out), &d))
	}
	return d, strings.TrimPrefix(all, out), err
}

// deploys runs ccaas deploy, which must succeed with this result.
func (n *fabric) deploys(p *peer, want, file string, flags ...string) {
	n.t.Helper()
	d, errs, err := n.ccaasDeploy(p, file, flags...)
	if err != nil || d.short() != want {
		n.fatal("ccaas deploy %s %s as %s: %v\n%s\nresult: %s\n  want: %s", filepath.Base(file), flags, p.Name, err, errs, d.short(), want)
	}
}

// fails runs ccaas deploy, which must exit with status 1 and print these words to stderr. Its
// result must be want, unless want is empty.
func (n *fabric) fails(p *peer, want, file string, words []string, flags ...string) {
	n.t.Helper()
	start := time.Now()
	d, errs, err := n.ccaasDeploy(p, file, flags...)
	exit, _ := err.(*exec.ExitError)
	if exit == nil || exit.ExitCode() != 1 || want != "" && d.short() != want {
		n.fatal("ccaas deploy %s as %s: %v\n%s\nresult: %s\n  want: %s", filepath.Base(file), p.Name, err, errs, d.short(), want)
	}
	n.t.Logf("after %v: %s", time.Since(start).Round(time.Millisecond), errs)
	for _, word := range words {
		if !strings.Contains(errs, word) {
			n.fatal("ccaas deploy does not say %q, but:\n%s", word, errs)
		}
	}
}

// status runs ccaas status, which must succeed if ok and fail otherwise, and returns its output.
func (n *fabric) status(p *peer, ok bool, flags ...string) string {
	n.t.Helper()
	args := append([]string{"status", "-C", network.Channel}, flags...)
	_, all, err := n.try(p.client, n.ccaas(), args...)
	if (err == nil) != ok {
		n.fatal("%s: %v\n%s", shown("ccaas", args), err, all)
	}
	return all
}

// served makes a package of notes with a label, gives every peer of the network an address for
// it, and starts a server for each of the given peers.
func (n *fabric) served(label string, peers ...*peer) pack {
	n.t.Helper()
	dir := filepath.Join(n.dir, "notes", "package")
	packed := pack{file: filepath.Join(n.dir, label+".tgz")}
	packed.id = strings.TrimSpace(n.run(nil, n.ccaas(), "package", packed.file, "--path", dir, "--label", label))
	for _, p := range n.peers {
		n.setValue(p, label, "CORE_CHAINCODE_ADDRESS", n.newLoopback())
	}
	for _, p := range peers {
		n.serveNotes(p, label, packed.id, n.notes(p))
	}
	return packed
}

// newLoopback returns an address at which nothing listens, with the host in the servers'
// certificates.
func (n *fabric) newLoopback() string {
	return strings.Replace(n.newAddress(), "localhost", network.Host, 1)
}

// serveNotes starts a server of notes with this package ID, at the address in the peer's values.
func (n *fabric) serveNotes(p *peer, label, id, certificates string) *network.Process {
	n.t.Helper()
	address := n.address(p, label)
	return n.serve(label+"."+p.Name, address, n.dir, true, map[string]string{
		"CHAINCODE_ID":             id,
		"CHAINCODE_SERVER_ADDRESS": address,
		"CHAINCODE_TLS_CERT":       filepath.Join(certificates, "server.crt"),
		"CHAINCODE_TLS_KEY":        filepath.Join(certificates, "server.key"),
		"CHAINCODE_CLIENT_CA_CERT": filepath.Join(n.notes(p), "peers.crt"),
		"SERVER_NAME":              label + " of " + p.Name,
	}, filepath.Join(n.dir, "notes", "server"))
}

// deployFirst deploys a new chaincode for Org2 and then for Org1, and deploys it again.
func (n *fabric) deployFirst() {
	packed := n.served("basic_1.0", n.peers...)
	org1, org2 := n.peers[0], n.peers[2]
	n.step("ccaas deploy --dry-run")
	d, errs, err := n.ccaasDeploy(org2, packed.file, "--dry-run")
	want := []string{"install the package on peer0.org2.example.com, peer1.org2.example.com", "approve sequence 1 for Org2MSP",
		"wait for Org1MSP to approve sequence 1"}
	if err != nil || !slices.Equal(d.Plan, want) {
		n.fatal("a dry run: %v\n%s\nplan: %q\nwant: %q", err, errs, d.Plan, want)
	}
	if out := n.peer(org2, "lifecycle", "chaincode", "queryinstalled"); strings.Contains(out, packed.id) {
		n.fatal("a dry run has installed the package:\n%s", out)
	}
	n.step("ccaas deploy for Org2, and then for Org1")
	n.deploys(org2, "1: peer0.org2 now -; peer1.org2 now -; Org2MSP; waits for Org1MSP", packed.file)
	n.status(org2, true)
	n.deploys(org1, "1: peer0.org1 now answers; peer1.org1 now answers; Org1MSP; Org2MSP; committed", packed.file)
	n.step("ccaas deploy again: there is nothing to do")
	blocks := n.blocks(org1)
	for _, p := range n.peers {
		org := strings.TrimSuffix(strings.SplitN(p.Name, ".", 2)[1], ".example.com")
		n.deploys(p, fmt.Sprintf("1: peer0.%[1]s before answers; peer1.%[1]s before answers; Org1MSP; Org2MSP; committed", org), packed.file)
		n.status(p, true, "-n", "basic", "--ask")
	}
	if now := n.blocks(org1); now != blocks {
		n.fatal("the channel had %s, and now %s", blocks, now)
	}
}

// blocks returns the number of blocks that a peer has.
func (n *fabric) blocks(p *peer) string {
	n.t.Helper()
	_, info, _ := strings.Cut(n.peer(p, "channel", "getinfo", "-c", network.Channel), `"height":`)
	height, _, _ := strings.Cut(info, ",")
	return height
}

// deployNext deploys the next version. Org1 waits until Org2 has approved it.
func (n *fabric) deployNext() {
	packed := n.served("basic_2.0", n.peers...)
	org1, org2 := n.peers[0], n.peers[2]
	n.step("ccaas deploy --wait for Org1, which comes too early, and then for both")
	n.fails(org1, "2: peer0.org1 now -; peer1.org1 now -; Org1MSP; waits for Org2MSP", packed.file,
		[]string{"sequence 2 is not committed after 1s: it waits for Org2MSP"}, "--wait", "1s")
	type outcome struct {
		result deployed
		errs   string
		err    error
	}
	waiting := make(chan outcome, 1)
	go func() {
		d, errs, err := n.ccaasDeploy(n.peers[1], packed.file, "--wait", "30s", "--query", calling("server"))
		waiting <- outcome{d, errs, err}
	}()
	n.deploys(org2, "2: peer0.org2 now answers; peer1.org2 now answers; Org1MSP; Org2MSP; committed", packed.file)
	want := "2: peer0.org1 before answers; peer1.org1 before answers; Org1MSP; Org2MSP; committed"
	if o := <-waiting; o.err != nil || o.result.short() != want {
		n.fatal("ccaas deploy --wait: %v\n%s\nresult: %s\n  want: %s", o.err, o.errs, o.result.short(), want)
	}
	for _, p := range n.peers {
		n.answered(p, "basic", "basic_2.0 of "+p.Name)
	}
}

// replacePackage gives the peers of Org1 another package for the committed sequence.
func (n *fabric) replacePackage() {
	packed := n.served("basic_2.0b", n.org1()...)
	n.step("ccaas deploy of another package at the same sequence")
	flags := []string{"-n", "basic", "-v", "2.0"}
	d, _, err := n.ccaasDeploy(n.peers[0], packed.file, append(flags, "--dry-run")...)
	if err != nil || len(d.Plan) != 3 || !strings.HasPrefix(d.Plan[1], "approve sequence 2 for Org1MSP again, with this package instead of basic_2.0:") {
		n.fatal("a dry run: %v, %q", err, d.Plan)
	}
	n.deploys(n.peers[0], "2: peer0.org1 now answers; peer1.org1 now answers; Org1MSP; Org2MSP; committed", packed.file, flags...)
	for _, p := range n.org1() {
		n.answered(p, "basic", "basic_2.0b of "+p.Name)
	}
	n.step("ccaas deploy of a package without servers, and back to the one before, by the line that it says")
	lost := n.served("basic_2.0c")
	n.fails(n.peers[0], "2: peer0.org1 now fails; peer1.org1 now fails; Org1MSP; Org2MSP; committed", lost.file,
		[]string{"to go back: ccaas deploy FILE -C mychannel -n basic -v 2.0, with the package " + packed.id + " as FILE"}, flags...)
	n.deploys(n.peers[0], "2: peer0.org1 before answers; peer1.org1 before answers; Org1MSP; Org2MSP; committed", packed.file, flags...)
	n.step("and to the one before that")
	back := filepath.Join(n.dir, "basic_2.0.tgz")
	n.deploys(n.peers[0], "2: peer0.org1 before answers; peer1.org1 before answers; Org1MSP; Org2MSP; committed", back, flags...)
	n.status(n.peers[0], true, "--ask")
}

// changeDefinition changes the policy and the collections, which the peer CLI approves for Org2.
// They are kept when a later deployment does not name them.
func (n *fabric) changeDefinition() {
	n.step("ccaas deploy with a signature policy and a collection, and the peer CLI for Org2")
	file := filepath.Join(n.dir, "basic_2.0.tgz")
	id := strings.TrimSpace(n.run(nil, n.ccaas(), "calculatepackageid", file))
	policy := []string{"--signature-policy", "OR('Org1MSP.peer','Org2MSP.peer')", "--collections-config", n.write("collections.json", collections)}
	org1, org2 := n.peers[0], n.peers[2]
	n.deploys(org1, "3: peer0.org1 before -; peer1.org1 before -; Org1MSP; waits for Org2MSP", file, policy...)
	n.step("ccaas deploy for Org2 with another policy")
	out := n.run(org2.client, n.ccaas(), "deploy", file, "-C", network.Channel, "--channel-config-policy", "/Channel/Application/Admins", "--dry-run")
	if other := "no, but with other collections and policy"; !strings.Contains(out, "\nOrg1MSP       no") || n.tellsMismatches() != strings.Contains(out, other) {
		n.fatal("what Org1 has approved is not shown:\n%s", out)
	}
	args := append([]string{"lifecycle", "chaincode", "approveformyorg", "-C", network.Channel, "-n", "basic", "-v", "2.0", "--sequence", "3",
		"--package-id", id}, append(policy, n.ordered()...)...)
	n.peer(org2, args...)
	n.deploys(org1, "3: peer0.org1 before answers; peer1.org1 before answers; Org1MSP; Org2MSP; committed", file)
	n.deploys(org2, "3: peer0.org2 before answers; peer1.org2 before answers; Org1MSP; Org2MSP; committed", file)
	n.put("basic", "hello", org1) // one endorsement is enough
	n.peer(org1, append(n.invoking("basic", calling("putPrivate", "org1", "greeting"), org1), "--transient", `{"text":"c2VjcmV0"}`)...)
	n.awaitAnswer(org1, "secret", querying("basic", "getPrivate", "org1", "greeting"))
	n.status(org1, true, "--ask")
}

// requireInit deploys a chaincode whose init function must be called first. Nobody is told to go
// back: until then, no peer asks its server.
func (n *fabric) requireInit() {
	packed := n.served("begun_1.0", n.peers...)
	n.step("ccaas deploy --init-required, before and after init")
	org1, org2 := n.peers[0], n.peers[2]
	n.deploys(org2, "1: peer0.org2 now -; peer1.org2 now -; Org2MSP; waits for Org1MSP", packed.file, "--init-required")
	n.deploys(org1, "1: peer0.org1 now -; peer1.org1 now -; Org1MSP; Org2MSP; committed; needs init", packed.file, "--init-required")
	const note = "\nbegun answers only after a call of its init function: peer chaincode invoke --isInit -C mychannel -n begun"
	if out := n.status(org1, true, "-n", "begun", "--ask"); !strings.Contains(out, note) {
		n.fatal("ccaas status --ask says:\n%s", out)
	}
	n.peer(org1, append(n.invoking("begun", calling("init"), n.firsts()...), "--isInit")...)
	n.deploys(org1, "1: peer0.org1 before answers; peer1.org1 before answers; Org1MSP; Org2MSP; committed", packed.file)
	n.poll("all peers know that begun is initialized", func() error {
		if out := n.status(org2, true, "-n", "begun", "--ask"); strings.Contains(out, note) {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
}

// tellsMismatches reports whether the peers report what another organisation has approved
// differently. Fabric 2 does not.
func (n *fabric) tellsMismatches() bool {
	return !strings.Contains(n.run(nil, n.cli(), "version"), "Version: v2.")
}

// deployBesides names the peers in other ways: in a connection profile, and by their addresses.
func (n *fabric) deployBesides() {
	n.step("ccaas status with a connection profile, and ccaas deploy with addresses")
	org1 := n.org1()
	peers := map[string]any{}
	for _, p := range n.peers {
		peers[p.Name] = map[string]any{"url": "grpcs://" + p.Address,
			"tlsCACerts": map[string]string{"pem": n.read(p.client["CORE_PEER_TLS_ROOTCERT_FILE"])}}
	}
	profile, err := json.Marshal(map[string]any{"client": map[string]string{"organization": "Org1"}, "peers": peers,
		"organizations": map[string]any{"Org1": map[string]any{"mspid": "Org1MSP", "peers": []string{org1[0].Name}}}}) // the other proves by its answer whose it is
	n.must(err)
	alone := map[string]string{"CORE_PEER_MSPCONFIGPATH": org1[0].client["CORE_PEER_MSPCONFIGPATH"]}
	out := n.run(alone, n.ccaas(), "status", "-n", "basic", "--connection-profile", n.write("profile.json", string(profile)))
	if strings.Count(out, "\npeer") != 2 || !strings.Contains(out, "\nOrg2MSP       yes") {
		n.fatal("ccaas status with a profile:\n%s", out)
	}
	file := filepath.Join(n.dir, "basic_2.0.tgz")
	n.deploys(org1[0], "3: peer1.org1 before answers; Org1MSP; Org2MSP; committed", file, at(n.peers[1], n.peers[2])...)
	n.demandMutualTLS(org1[1], file)
}

// demandMutualTLS makes a peer require client certificates, and deploys without and with one.
func (n *fabric) demandMutualTLS(p *peer, file string) {
	n.step("ccaas deploy at a peer that wants mutual TLS, without and with a certificate")
	p.stop()
	p.Env["CORE_PEER_TLS_CLIENTAUTHREQUIRED"] = "true"
	p.Env["CORE_PEER_TLS_CLIENTROOTCAS_FILES"] = p.client["CORE_PEER_TLS_ROOTCERT_FILE"]
	n.restart(p)
	n.fails(p, "", file, []string{"mutual TLS", "CORE_PEER_TLS_CLIENTAUTHREQUIRED=true"})
	certificate := filepath.Join(filepath.Dir(p.client["CORE_PEER_MSPCONFIGPATH"]), "tls", "client.")
	for _, p := range n.org1() {
		p.client["CORE_PEER_TLS_CLIENTAUTHREQUIRED"] = "true"
		p.client["CORE_PEER_TLS_CLIENTCERT_FILE"] = certificate + "crt"
		p.client["CORE_PEER_TLS_CLIENTKEY_FILE"] = certificate + "key"
	}
	want := "3: peer0.org1 before answers; peer1.org1 before answers; Org1MSP; Org2MSP; committed"
	n.poll("the peers know each other again", func() error {
		if d, errs, err := n.ccaasDeploy(p, file); err != nil || d.short() != want {
			return fmt.Errorf("%w %s %s", err, errs, d.short())
		}
		return nil
	})
}

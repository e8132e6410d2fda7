package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"ccaas-template-builder/internal/network"
	"ccaas-template-builder/internal/testpki"
)

// deployKilled kills ccaas deploy at ten random moments, each time for another version, and runs
// it again.
func (n *fabric) deployKilled() {
	org1, org2 := n.peers[0], n.peers[2]
	var packed pack
	for i := range 10 {
		packed = n.served(fmt.Sprintf("killed_%d.0", i))
		after := time.Duration(rand.IntN(1000)) * time.Millisecond
		n.step("ccaas deploy, killed after %v", after)
		cmd := exec.Command(n.ccaas(), "deploy", packed.file, "-C", network.Channel)
		for name, value := range org1.client {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		n.must(cmd.Start())
		time.AfterFunc(after, func() { cmd.Process.Kill() })
		cmd.Wait()
		d, errs, err := n.ccaasDeploy(org1, packed.file)
		if err != nil || !d.Approvals["Org1MSP"] || strings.Join(d.WaitsFor, "") != "Org2MSP" || d.Sequence != 1 {
			n.fatal("ccaas deploy after one that was killed: %v\n%s%s", err, errs, d.short())
		}
	}
	for _, p := range n.peers {
		n.serveNotes(p, "killed_9.0", packed.id, n.notes(p))
	}
	n.deploys(org2, "1: peer0.org2 now answers; peer1.org2 now answers; Org1MSP; Org2MSP; committed", packed.file)
	n.deploys(org1, "1: peer0.org1 before answers; peer1.org1 before answers; Org1MSP; Org2MSP; committed", packed.file)
}

// deployTwice deploys for each organisation twice at the same time, from its two peers.
func (n *fabric) deployTwice() {
	packed := n.served("twice_1.0", n.peers...)
	n.step("ccaas deploy twice at once, for each organisation")
	for i, org := range []string{"Org1MSP", "Org2MSP"} {
		errs := make(chan error, 2)
		for _, p := range n.peers[2*i : 2*i+2] {
			go func() {
				d, text, err := n.ccaasDeploy(p, packed.file)
				if err == nil && (!d.Approvals[org] || d.Committed != (org == "Org2MSP")) {
					err = fmt.Errorf("its result is %s", d.short())
				}
				if err != nil {
					err = fmt.Errorf("%s: %w\n%s", p.Name, err, text)
				}
				errs <- err
			}()
		}
		n.must(<-errs)
		n.must(<-errs)
	}
	n.status(n.peers[0], true, "-n", "twice", "--ask")
}

// deployWithoutOrderer deploys while the orderer restarts.
func (n *fabric) deployWithoutOrderer() {
	packed := n.served("ordered_1.0")
	n.step("ccaas deploy while the orderer restarts")
	n.Orderer.Process.End(syscall.SIGTERM)
	done := make(chan error, 1)
	go func() {
		d, errs, err := n.ccaasDeploy(n.peers[0], packed.file)
		if err != nil || !d.Approvals["Org1MSP"] {
			err = fmt.Errorf("%w\n%s%s", err, errs, d.short())
		}
		done <- err
	}()
	time.Sleep(2 * time.Second) // by now ccaas deploy has tried
	n.must(n.Restart(n.ctx, n.Orderer))
	n.must(<-done)
}

// misidentify deploys with an identity or TLS settings that peers refuse, to an address that is
// no peer of the channel, and on a channel that does not exist.
func (n *fabric) misidentify() {
	file := filepath.Join(n.dir, "ordered_1.0.tgz")
	p := n.peers[0]
	for _, wrong := range []struct {
		what, variable, value, want string
	}{
		{"as a user who is no administrator", "CORE_PEER_MSPCONFIGPATH", filepath.Join(p.Dir, "msp"), "this identity is not an administrator of its organisation"},
		{"with another MSP ID", "CORE_PEER_LOCALMSPID", "Org2MSP", "the peer does not accept the certificate of this identity"},
		{"with the TLS CA of another organisation", "CORE_PEER_TLS_ROOTCERT_FILE", n.peers[2].client["CORE_PEER_TLS_ROOTCERT_FILE"],
			p.Address + ": its TLS certificate was issued by another CA"},
		{"with another host", "CORE_PEER_TLS_SERVERHOSTOVERRIDE", "elsewhere.example.com", "its TLS certificate does not fit"},
		{"without TLS", "CORE_PEER_TLS_ENABLED", "false", "it closes the connection"},
		{"at the orderer", "CORE_PEER_ADDRESS", n.Orderer.Address, ""},
		{"where nobody listens", "CORE_PEER_ADDRESS", n.newLoopback(), "connect: connection refused"},
	} {
		n.step("ccaas deploy %s", wrong.what)
		other := *p
		other.client = map[string]string{}
		for name, value := range p.client {
			other.client[name] = value
		}
		other.client[wrong.variable] = wrong.value
		n.fails(&other, "", file, []string{wrong.want})
		n.status(&other, false)
	}
	n.step("ccaas deploy on a channel that is not there")
	if out := n.refused(p.client, n.ccaas(), "deploy", file, "-C", "nowhere"); !strings.Contains(out, "has not joined this channel") {
		n.fatal("it says:\n%s", out)
	}
}

// stopPeer deploys while a peer is stopped. The error names the peer, nothing is approved, and
// the next run continues from there.
func (n *fabric) stopPeer() {
	packed := n.served("stopped_1.0", n.peers...)
	p, stopped := n.peers[0], n.peers[1]
	n.step("ccaas deploy while %s is stopped", stopped.Name)
	n.must(stopped.Process.Signal(syscall.SIGSTOP))
	n.fails(p, "1: peer0.org1 now -; peer1.org1 failed -; waits for Org2MSP", packed.file,
		[]string{stopped.Name + " (" + stopped.Address + "): it does not answer", "so nothing has been approved in this run"})
	n.must(stopped.Process.Signal(syscall.SIGCONT))
	if out := n.status(p, false, "-n", "stopped"); !strings.Contains(out, "Org1MSP has not approved it") {
		n.fatal("ccaas status says:\n%s", out)
	}
	n.deploys(p, "1: peer0.org1 before -; peer1.org1 now -; Org1MSP; waits for Org2MSP", packed.file)
	n.status(p, true, "-n", "stopped")
}

// misserve deploys with wrong servers. In Org1, one peer has no server, and the server of the
// other has a certificate of another CA. In Org2, one server has another package ID.
func (n *fabric) misserve() {
	const label = "amiss_1.0"
	packed := n.served(label)
	one, other := n.peers[0], n.peers[1]
	stranger, err := testpki.CA("others", time.Now())
	n.must(err)
	cert := n.certificate(stranger, "localhost")
	n.setAddress(other, label)
	n.write("stranger/server.crt", cert.Cert)
	n.write("stranger/server.key", cert.Key)
	n.serveNotes(other, label, packed.id, filepath.Join(n.dir, "stranger"))
	n.step("ccaas deploy --peer finds wrong servers before anything is installed")
	flags := []string{"--builder", filepath.Join(n.dir, "builder")}
	for _, p := range n.org1() {
		flags = append(flags, "--peer", p.Name+"="+filepath.Join(p.Dir, "peer.env"))
	}
	n.fails(one, "0: ", packed.file, []string{"connection refused", `root_cert lacks "others"`, "nothing was installed"}, flags...)
	if out := n.peer(one, "lifecycle", "chaincode", "queryinstalled"); strings.Contains(out, packed.id) {
		n.fatal("the package was installed:\n%s", out)
	}
	n.step("ccaas deploy for Org1 with no server and one of another CA, for Org2 with one that has another ID")
	n.serveNotes(n.peers[2], label, packed.id, n.notes(n.peers[2]))
	n.peers[3].server = n.serveNotes(n.peers[3], label, label+":0123", n.notes(n.peers[3]))
	n.deploys(one, "1: peer0.org1 now -; peer1.org1 now -; Org1MSP; waits for Org2MSP", packed.file)
	n.fails(n.peers[2], "1: peer0.org2 now answers; peer1.org2 now fails; Org1MSP; Org2MSP; committed", packed.file, []string{
		n.peers[3].Name + " (" + n.peers[3].Address + "): has not answered for 10s: most likely its chaincode server has another package ID than " + packed.id,
		"commits no blocks on mychannel until that server is stopped", "ccaas probe --peer-dir"})
	n.step("ccaas status --ask, which asks that peer about no other chaincode")
	out := n.status(n.peers[2], false, "--ask")
	if strings.Count(out, "most likely its chaincode server has another package ID") != 1 || strings.Count(out, " answers ") == 0 ||
		regexp.MustCompile(`(?m)^peer1\.org2\S* .* answers `).MatchString(out) {
		n.fatal("it says:\n%s", out)
	}
	n.fails(one, "1: peer0.org1 before fails; peer1.org1 before fails; Org1MSP; Org2MSP; committed", packed.file, []string{
		one.Name + " (" + one.Address + "): gets no answer from its chaincode server: error creating grpc connection to " + n.address(one, label),
		"connection refused",
		other.Name + " (" + other.Address + "): gets no answer from its chaincode server: error creating grpc connection to " + n.address(other, label)})
	n.status(one, true, "-n", "amiss")
	if out := n.status(one, false, "-n", "amiss", "--ask"); strings.Count(out, "  fails ") != 2 {
		n.fatal("ccaas status --ask says:\n%s", out)
	}
}

// freeze checks what ccaas deploy and status report about the peer that has committed no blocks
// since misserve. Then it replaces the wrong server, and the peer works again.
func (n *fabric) freeze() {
	frozen, other := n.peers[3], n.peers[2]
	n.step("ccaas deploy and status with a peer that commits no blocks")
	packed := filepath.Join(n.dir, "stopped_1.0.tgz")
	n.put("basic", "the next block", n.peers[0])
	stuck := []string{frozen.Name + " (" + frozen.Address + "): commits no blocks on mychannel", "until that server is stopped"}
	n.fails(other, "1: peer0.org2 now -; peer1.org2 failed -; Org1MSP", packed, stuck)
	n.fails(frozen, "1: peer0.org2 before -; peer1.org2 failed -; Org1MSP", packed, stuck)
	n.status(frozen, false)
	n.step("stop the wrong server, start the right one, and deploy again")
	frozen.server.End(syscall.SIGTERM)
	wrong := filepath.Join(n.dir, "amiss_1.0.tgz")
	n.serveNotes(frozen, "amiss_1.0", strings.TrimSpace(n.run(nil, n.ccaas(), "calculatepackageid", wrong)), n.notes(frozen))
	n.deploys(other, "1: peer0.org2 before answers; peer1.org2 before answers; Org1MSP; Org2MSP; committed", wrong)
	n.deploys(other, "1: peer0.org2 before answers; peer1.org2 now answers; Org1MSP; Org2MSP; committed", packed)
	n.status(other, true, "--ask")
	for _, log := range n.logs() {
		key := n.read(filepath.Join(other.client["CORE_PEER_MSPCONFIGPATH"], "keystore", "priv_sk"))
		if strings.Contains(n.read(log), strings.Split(key, "\n")[1]) {
			n.fatal("the administrator's key is in %s", log)
		}
	}
}

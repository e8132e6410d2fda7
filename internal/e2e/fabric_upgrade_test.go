package e2e_test

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// collections defines private data for Org1 only.
const collections = `[{"name": "org1", "policy": "OR('Org1MSP.member')", "requiredPeerCount": 0, "maxPeerCount": 1,
	"blockToLive": 0, "memberOnlyRead": true, "memberOnlyWrite": true}]`

// upgrade gives all peers a second version of notes while notes are put: another label, another
// server for each peer, and sequence 2. Then it stops the old servers.
func (n *fabric) upgrade() {
	n.step("package notes_2.0 and install it, with its servers, while notes are put")
	load := n.putNotes()
	dir := filepath.Join(n.dir, "notes", "package")
	packed := n.pack(dir, "notes_2.0")
	for _, p := range n.peers {
		n.setValue(p, "notes_2.0", "CORE_CHAINCODE_ADDRESS", n.newLoopback())
		if id := n.install(p, packed.file); id != packed.id {
			n.fatal("%s has installed %s, not %s", p.Name, id, packed.id)
		}
		p.notes = n.serveNotes(p, "notes_2.0", packed.id, n.notes(p))
	}
	n.step("approve and commit sequence 2")
	n.deploy(definition{"notes", "2.0", "2", packed.id, []string{"--collections-config", n.write("collections.json", collections)}})
	for _, p := range n.peers {
		n.awaitAnswer(p, "notes_2.0 of "+p.Name, querying("notes", "server"))
	}
	n.step("stop the servers of notes_1.0")
	for _, p := range n.peers {
		pid, err := strconv.Atoi(strings.TrimSpace(n.read(filepath.Join(n.notes(p), "pid"))))
		n.must(err)
		n.must(syscall.Kill(pid, syscall.SIGTERM))
	}
	load.end(func(f failure) bool { return ofUpgrade.MatchString(f.said) })
	for _, p := range n.peers {
		n.answered(p, "notes", "notes_2.0 of "+p.Name)
	}
}

// notes returns the folder with the certificate of a peer's notes server.
func (n *fabric) notes(p *peer) string { return filepath.Join(n.dir, "notes."+p.Name) }

// ofUpgrade matches the errors that an upgrade itself causes. Every transaction reads the
// definition, so one that is endorsed before the new definition is committed but ordered after it
// conflicts. A transaction also fails if one peer has asked the new version and the other the old
// one.
var ofUpgrade = regexp.MustCompile(`MVCC_READ_CONFLICT|ProposalResponsePayloads do not match`)

// putNotes starts a load that puts notes, endorsed by both organisations.
func (n *fabric) putNotes() *load {
	return n.startLoad(n.peers[0], func(i int) []string {
		return n.invoking("notes", calling("put", fmt.Sprintf("load %d", i), "text"), n.firsts()...)
	})
}

// keepPrivate puts private data of Org1, and checks that the peers of Org1 have it and that Org2
// may not read it.
func (n *fabric) keepPrivate() {
	n.step("keep private data")
	org1 := n.org1()
	args := n.invoking("notes", calling("putPrivate", "org1", "greeting"), n.firsts()...)
	n.peer(org1[0], append(args, "--transient", fmt.Sprintf(`{"text":%q}`, base64.StdEncoding.EncodeToString([]byte("secret"))))...)
	query := querying("notes", "getPrivate", "org1", "greeting")
	for _, p := range org1 { // the second gets it from the first; this takes a while
		n.awaitAnswer(p, "secret", query)
	}
	other := n.peers[2]
	if out := n.refused(other.client, n.cli(), query...); !strings.Contains(out, "does not have read access permission on privatedata") {
		n.fatal("%s is not kept from private data of Org1:\n%s", other.Name, out)
	}
}

// restartLate stops a peer while notes are put, and starts it again. The peer must catch up with
// the others, and call the same chaincode server as before.
func (n *fabric) restartLate() {
	p := n.peers[3]
	n.step("stop %s, put notes, and start it again", p.Name)
	load := n.putNotes()
	p.stop()
	n.put("notes", "while a peer is away", n.firsts()...)
	n.restart(p)
	n.awaitAnswer(p, "while a peer is away", querying("notes", "get", "greeting"))
	n.answered(p, "notes", "notes_2.0 of "+p.Name)
	load.end(nil)
}

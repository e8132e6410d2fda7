package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"ccaas-template-builder/pkg/chaincode"
)

// share gives a chaincode at one peer the address of another chaincode's server. An address that
// is set for the whole peer has the same effect. The peer commits no blocks until the server has
// stopped; doctor, probe and refresh report the mistake.
func (n *fabric) share() {
	p := n.peers[3] // no other step needs its endorsement
	other := n.pack(filepath.Join(n.dir, "notes", "package"), "notes_2.0")
	packed := n.pack(filepath.Join(n.dir, "notes", "package"), "shared_1.0")
	n.step("ccaas doctor for a package that gets the address of another chaincode on %s", p.Name)
	n.setValue(p, "shared_1.0", "CORE_CHAINCODE_ADDRESS", n.address(p, "notes_2.0"))
	doctor := []string{"doctor", "--core-yaml", p.CoreYAML(), "--peer-dir", p.Production(), "--package", packed.file}
	n.says(n.refused(p.Env, n.ccaas(), doctor...), `CCB095 .*shared_1\.0:.* has the address `+n.address(p, "notes_2.0")+`, .*notes_2\.0:`)

	n.step("install it on %s all the same, and commit it", p.Name)
	n.install(p, packed.file)
	n.deploy(first("shared", packed.id, "--signature-policy", "OR('Org2MSP.peer')"))
	n.logged(p.Process, `failed to start `+other.id+` -- duplicate chaincodeID`) // the peer dials at the commit
	n.step("ccaas probe and refresh for %s", p.Name)
	wrong := `the server registered as "` + other.id + `", but the package ID is "` + packed.id + `"`
	n.says(n.refused(nil, n.ccaas(), "probe", "--peer-dir", p.Production()), `(?m)^failed +`+chaincode.ShortID(packed.id)+` .*`+wrong)
	refresh := []string{"refresh", "--peer-dir", p.Production(), "--core-yaml", p.CoreYAML(), "--probe"}
	said := n.refused(p.Env, n.ccaas(), refresh...)
	n.says(said, packed.id+`: the connection does not work: package ID: `+wrong)
	n.says(said, `warning: `+packed.id+`: has the address .* also that of `+chaincode.ShortID(other.id))

	n.step("query it on %s, which gets no answer, and put a note, which %[1]s does not commit", p.Name)
	query := querying("shared", "server")
	n.hangs(p, query)
	n.put("notes", "while a peer is frozen", n.firsts()...)
	height := n.height(n.peers[2])
	n.hangs(p, query)
	n.hangs(p, []string{"lifecycle", "chaincode", "querycommitted", "-C", "mychannel"})
	if committed(n, p, height) {
		n.fatal("%s has committed a block", p.Name)
	}
	n.step("stop the wrong server: %s goes on", p.Name)
	p.notes.End(syscall.SIGTERM)
	n.poll(p.Name+" commits the block", func() error {
		if !committed(n, p, height) {
			return errors.New("not yet")
		}
		return nil
	})
	p.notes = n.serveNotes(p, "shared_1.0", packed.id, n.notes(p))
	n.awaitAnswer(p, "shared_1.0 of "+p.Name, query)
}

// hangs checks that a query gets no answer within five seconds.
func (n *fabric) hangs(p *peer, query []string) {
	n.t.Helper()
	const patience = 5 * time.Second
	ctx := n.ctx
	defer func() { n.ctx = ctx }()
	var cancel context.CancelFunc
	n.ctx, cancel = context.WithTimeout(ctx, patience)
	defer cancel()
	if _, all, err := n.try(p.client, n.cli(), query...); !errors.Is(err, context.DeadlineExceeded) {
		n.fatal("%s has answered: %v\n%s", p.Name, err, all)
	}
}

// height returns the number of blocks that a peer has.
func (n *fabric) height(p *peer) (height int) {
	n.t.Helper()
	_, info, _ := strings.Cut(n.peer(p, "channel", "getinfo", "-c", "mychannel"), `"height":`)
	if _, err := fmt.Sscan(strings.SplitN(info, ",", 2)[0], &height); err != nil {
		n.fatal("%v: %s", err, info)
	}
	return height
}

// committed reports whether a peer has logged the commit of the last block of a chain of this
// height.
func committed(n *fabric, p *peer, height int) bool {
	return strings.Contains(n.read(p.Process.Log), fmt.Sprintf("Committed block [%d]", height-1))
}

// says checks that a program's output matches pattern.
func (n *fabric) says(out, pattern string) {
	n.t.Helper()
	if !regexp.MustCompile(pattern).MatchString(out) {
		n.fatal("it does not say %s:\n%s", pattern, out)
	}
}

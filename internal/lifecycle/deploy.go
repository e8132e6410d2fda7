package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"

	"ccaas-template-builder/internal/message"
)

// Request says what to deploy.
type Request struct {
	Package   []byte // the content of the package file
	PackageID string
	Wanted    Wanted
	DryRun    bool
	Wait      time.Duration // how long to wait for other organisations to approve
	Question  *Question     // what to ask each peer in the end; nil: nothing
	// Progress is called with a line when something begins or is done, possibly by several
	// goroutines at once.
	Progress func(line string)
}

// Installed says when the package was installed on a peer.
type Installed string

// The values of Installed. The empty value means that the package is not installed, or that
// nothing is known.
const (
	InstalledNow    Installed = "now"
	InstalledBefore Installed = "before"
	InstallFailed   Installed = "failed"
)

// Result is the result of a deployment. Its names in JSON never change.
type Result struct {
	PackageID string       `json:"packageID"`
	Channel   string       `json:"channel"`
	Name      string       `json:"name"`
	Version   string       `json:"version"`
	Sequence  int64        `json:"sequence"`
	Peers     []PeerResult `json:"peers"`
	// Approvals says, by MSP ID, which organisations have approved this definition.
	Approvals map[string]bool `json:"approvals"`
	// Mismatches says what other organisations have approved differently, as far as the peer
	// reports it.
	Mismatches map[string][]string `json:"mismatches,omitempty"`
	Committed  bool                `json:"committed"`
	// NeedsInit says that no peer calls the chaincode before its init function.
	NeedsInit bool     `json:"needsInit,omitempty"`
	WaitsFor  []string `json:"waitsFor"`
	Plan      []string `json:"plan,omitempty"` // what a dry run would do

	MSPID       string   `json:"-"`
	ApprovedNow bool     `json:"-"`
	Renewed     string   `json:"-"` // the package that was approved before at the same sequence
	Changes     []string `json:"-"` // compared with the committed definition, if there is one
}

// PeerResult is the result on one peer of the organisation.
type PeerResult struct {
	Name      string    `json:"name"`
	Address   string    `json:"address"`
	Installed Installed `json:"installed"`
	Answers   *bool     `json:"answers"` // null: not asked
	Error     string    `json:"error,omitempty"`
}

// patience is how long errors that may pass are retried. submitTimeout limits one request that
// goes to the orderer.
const (
	patience      = time.Minute
	submitTimeout = 30 * time.Second
	pause         = time.Second
)

// deployment is the state of one call of Deploy.
type deployment struct {
	*Channel
	Request
	result   *Result
	state    *state
	before   string                // the package that the organisation used when the run began, or empty
	approved *chaincode.Definition // the definition that this run has approved, or nil
}

// Deploy brings the organisation to the requested state. It does only what is missing. It
// returns a result even if there is an error. The peers in it are those of the channel, in the
// same order.
func (c *Channel) Deploy(ctx context.Context, r Request) (*Result, error) {
	d := &deployment{Channel: c, Request: r, result: &Result{
		PackageID: r.PackageID, Channel: c.Name, Name: r.Wanted.Name, Version: r.Wanted.Version, MSPID: c.organisation.MSPID,
		Peers: make([]PeerResult, len(c.Peers)), Approvals: map[string]bool{}, WaitsFor: []string{},
	}}
	for i, p := range c.Peers {
		d.result.Peers[i] = PeerResult{Name: p.Name, Address: p.Address}
	}
	if err := d.retry(ctx, func() error { return d.look(ctx) }); err != nil {
		return d.result, err
	}
	d.before = d.state.before
	installed, err := d.installed(ctx)
	if r.DryRun {
		d.result.Plan = d.plan(installed)
		return d.result, err
	}
	if err = errors.Join(err, d.install(ctx, installed)); err != nil {
		nothing := errors.New("so nothing has been approved in this run")
		return d.result, errors.Join(err, message.WithHint(nothing, "fix that, and run it again"))
	}
	if err := d.agree(ctx); err != nil {
		return d.result, errors.Join(err, d.stuck())
	}
	if !d.state.isCommitted() || r.Question == nil {
		return d.result, d.stuck()
	}
	return d.result, d.question(ctx)
}

// stuck joins the errors of the peers that have stopped answering since the install.
func (d *deployment) stuck() error { return d.each(func(int, *Peer) error { return nil }) }

// plan lists what is missing. installed says which peers have the package.
func (d *deployment) plan(installed []bool) []string {
	var lacking []string
	for i, p := range d.Peers {
		if !installed[i] {
			lacking = append(lacking, p.Name)
		}
	}
	return d.state.missing(d.result.MSPID, d.PackageID, lacking).steps(d.Question != nil)
}

// look updates the state, and what the result says about it.
func (d *deployment) look(ctx context.Context) error {
	s, err := d.Channel.look(ctx, d.Wanted)
	if err != nil {
		return err
	}
	own := d.result.MSPID
	if err := s.overtakes(d.approved, own); err != nil {
		return err
	}
	d.state = s
	d.result.Sequence, d.result.Approvals, d.result.Mismatches = s.definition.Sequence, s.approvals, s.mismatches
	d.result.Committed = s.isCommitted()
	d.result.WaitsFor = append([]string{}, s.waitsFor(own)...)
	if s.committed != nil && d.result.Changes == nil {
		d.result.Changes = differences(s.committed, s.definition)
	}
	return nil
}

// installed reports for each peer whether it has the package. The error joins the errors of
// peers that could not be asked.
func (d *deployment) installed(ctx context.Context) ([]bool, error) {
	has := make([]bool, len(d.Peers))
	errs := d.each(func(i int, p *Peer) error {
		asked, cancel := context.WithTimeout(ctx, queryTimeout)
		defer cancel()
		result, err := chaincode.NewPeer(p.conn, p.id).QueryInstalled(asked)
		for _, found := range result.GetInstalledChaincodes() {
			has[i] = has[i] || found.GetPackageId() == d.PackageID
		}
		if has[i] {
			d.result.Peers[i].Installed = InstalledBefore
		}
		return p.wrong("", err)
	})
	return has, errs
}

// each calls do for all peers at the same time. An error becomes the peer's error in the
// result. Peers that already have an error are skipped.
func (d *deployment) each(do func(i int, p *Peer) error) error {
	errs := make([]error, len(d.Peers))
	var all sync.WaitGroup
	for i, p := range d.Peers {
		all.Go(func() {
			if p.Err == nil {
				p.Err = do(i, p)
			}
			if errs[i] = p.Err; p.Err != nil {
				d.result.Peers[i].Error = message.OneLine(p.Err.Error())
				if d.result.Peers[i].Installed == "" {
					d.result.Peers[i].Installed = InstallFailed
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// install installs the package on the peers that lack it. If it fails on one peer, the others
// get it nevertheless.
func (d *deployment) install(ctx context.Context, installed []bool) error {
	return d.each(func(i int, p *Peer) error {
		if installed[i] {
			return nil
		}
		d.Progress("installing on " + p.Name)
		asked, cancel := context.WithTimeout(ctx, installTimeout)
		defer cancel()
		result, err := chaincode.NewPeer(p.conn, p.id).Install(asked, bytes.NewReader(d.Package))
		switch {
		case err != nil && strings.Contains(said(err), "chaincode already successfully installed"):
			d.result.Peers[i].Installed = InstalledBefore // by another run at the same time
		case err != nil:
			return p.wrong("the install failed", err)
		case result.GetPackageId() != d.PackageID:
			return fmt.Errorf("%s: has installed %q, not %s", p, result.GetPackageId(), d.PackageID)
		default:
			d.result.Peers[i].Installed = InstalledNow
			d.Progress("installed on " + p.Name)
		}
		return nil
	})
}

// installTimeout is a little longer than that of the peer (chaincode.installTimeout).
const installTimeout = 310 * time.Second

// agree approves and commits the definition, if that is missing, and waits for the other
// organisations if asked to.
func (d *deployment) agree(ctx context.Context) error {
	late := time.Now().Add(d.Wait)
	for waiting := false; ; {
		if err := d.retry(ctx, func() error { return d.step(ctx) }); err != nil {
			return err
		}
		if d.state.isCommitted() {
			return nil
		}
		if !time.Now().Before(late) {
			break
		}
		if !waiting {
			d.Progress("waiting for " + strings.Join(d.result.WaitsFor, ", "))
		}
		waiting = true
		if err := sleep(ctx, 2*pause); err != nil {
			return err
		}
	}
	if d.Wait > 0 {
		err := fmt.Errorf("sequence %d is not committed after %v: it waits for %s",
			d.result.Sequence, d.Wait, strings.Join(d.result.WaitsFor, ", "))
		return message.WithHint(err, "run it again, with --wait or without")
	}
	return nil
}

// step does everything that can be done now: until nothing is missing, or other organisations
// have to approve.
func (d *deployment) step(ctx context.Context) error {
	if err := d.look(ctx); err != nil {
		return err
	}
	missing := d.state.missing(d.result.MSPID, d.PackageID, nil)
	if missing.approve != "" {
		if err := d.approve(ctx); err != nil {
			return err
		}
	}
	if missing.commit {
		d.Progress(fmt.Sprintf("committing sequence %d", d.state.definition.Sequence))
		if err := d.commit(ctx); err != nil {
			return err
		}
	}
	if missing.approve != "" || missing.commit {
		return d.look(ctx)
	}
	return nil
}

// approve approves the definition for the organisation. It does so only once in a run: if the
// approval is gone after that, another deployment has replaced it.
func (d *deployment) approve(ctx context.Context) error {
	if d.approved != nil {
		if d.state.packageID == d.PackageID {
			return errNotYet
		}
		err := fmt.Errorf("another deployment of %s has approved %s at the same time", d.result.MSPID, d.state.packageID)
		return message.WithHint(err, "find out which of the two is wanted, and run that one again")
	}
	d.Progress(fmt.Sprintf("approving sequence %d for %s", d.state.definition.Sequence, d.result.MSPID))
	renewed := d.state.missing(d.result.MSPID, d.PackageID, nil).renews
	definition := *d.state.definition
	definition.PackageID = d.PackageID
	err := d.submit(ctx, func(ctx context.Context, gw *chaincode.Gateway) error { return gw.Approve(ctx, &definition) })
	if err == nil {
		d.approved, d.result.ApprovedNow, d.result.Renewed = &definition, true, renewed
	}
	return err
}

// submit sends a transaction through a gateway, and waits until it is in a block.
func (d *deployment) submit(ctx context.Context, send func(context.Context, *chaincode.Gateway) error) error {
	ctx, cancel := context.WithTimeout(ctx, submitTimeout)
	defer cancel()
	p := d.gatewayPeer()
	return p.wrong("", late(send(ctx, chaincode.NewGateway(p.conn, p.id))))
}

// late explains the error of a transaction that was not in a block in time.
func late(err error) error {
	if err == nil || !silent(err) {
		return err
	}
	return explain(fmt.Sprintf("the transaction is not in a block after %v", submitTimeout),
		"are the channel's orderers running, and does this peer commit blocks?", err)
}

var errNotYet = errors.New("the peers do not yet know what was approved")

// retry repeats do as long as it returns an error that may pass.
func (d *deployment) retry(ctx context.Context, do func() error) error {
	late := time.Now().Add(patience)
	for {
		err := do()
		if err == nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if !passes(err) && !errors.Is(err, errNotYet) || time.Now().After(late) {
			return err
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

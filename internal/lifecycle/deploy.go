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

// Request is what to deploy.
type Request struct {
	Package   []byte // the package file
	PackageID string
	Wanted    Wanted
	DryRun    bool
	Wait      time.Duration // for the commit, if other organisations have to approve
	Question  *Question     // nil: no peer is asked
	// Progress gets a line when something begins or has been done. It may be called concurrently.
	Progress func(line string)
}

// Installed says when a peer has got the package.
type Installed string

// What is known of a peer's package; empty is that it is not installed.
const (
	InstalledNow    Installed = "now"
	InstalledBefore Installed = "before"
	InstallFailed   Installed = "failed"
)

// Result is what came of a request. The names in JSON never change.
type Result struct {
	PackageID string       `json:"packageID"`
	Channel   string       `json:"channel"`
	Name      string       `json:"name"`
	Version   string       `json:"version"`
	Sequence  int64        `json:"sequence"`
	Peers     []PeerResult `json:"peers"`
	// Approvals are those of this definition, by MSP ID.
	Approvals map[string]bool `json:"approvals"`
	// Mismatches say what an organisation has approved otherwise, as far as the peer tells.
	Mismatches map[string][]string `json:"mismatches,omitempty"`
	Committed  bool                `json:"committed"`
	WaitsFor   []string            `json:"waitsFor"`
	Plan       []string            `json:"plan,omitempty"` // of a dry run

	MSPID       string   `json:"-"`
	ApprovedNow bool     `json:"-"`
	Renewed     string   `json:"-"` // the package whose approval was renewed with this one
	Changes     []string `json:"-"` // from the committed definition, if there is one
}

// PeerResult is what came of it on a peer of the organisation.
type PeerResult struct {
	Name      string    `json:"name"`
	Address   string    `json:"address"`
	Installed Installed `json:"installed"`
	Answers   *bool     `json:"answers"` // null: was not asked
	Error     string    `json:"error,omitempty"`
}

// patience is how long what passes is tried again, and how long one request that goes to the
// orderer may take.
const (
	patience      = time.Minute
	submitTimeout = 30 * time.Second
	pause         = time.Second
)

// deployment is one run.
type deployment struct {
	*Channel
	Request
	result   *Result
	state    *state
	before   string // the package that the organisation used when the run began, or empty
	approved int64  // the sequence that has been approved in this run
}

// Deploy brings the organisation to what is requested, and does only what is missing. The result is
// there also if there is an error; its peers are those of the channel, in order.
func (c *Channel) Deploy(ctx context.Context, r Request) (*Result, error) {
	d := &deployment{Channel: c, Request: r, result: &Result{
		PackageID: r.PackageID, Channel: c.Name, Name: r.Wanted.Name, Version: r.Wanted.Version, MSPID: c.organisation.MSPID,
		Peers: make([]PeerResult, len(c.Peers)), Approvals: map[string]bool{}, WaitsFor: []string{},
	}}
	for i, p := range c.Peers {
		d.result.Peers[i] = PeerResult{Name: p.Name, Address: p.Address}
	}
	if err := d.patiently(ctx, func() error { return d.look(ctx) }); err != nil {
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
		return d.result, errors.Join(err, message.WithHint(nothing, "mend that, and run it again"))
	}
	if err := d.agree(ctx); err != nil {
		return d.result, errors.Join(err, d.stuck())
	}
	if !d.state.isCommitted() || r.Question == nil {
		return d.result, d.stuck()
	}
	return d.result, d.question(ctx)
}

// stuck joins the errors of the peers that have fallen silent since they were installed on.
func (d *deployment) stuck() error { return d.each(func(int, *Peer) error { return nil }) }

// plan says what is missing: installed are the peers that have the package.
func (d *deployment) plan(installed []bool) []string {
	var lacking []string
	for i, p := range d.Peers {
		if !installed[i] {
			lacking = append(lacking, p.Name)
		}
	}
	return d.state.missing(d.result.MSPID, d.PackageID, lacking).steps(d.Question != nil)
}

// look brings the state and what the result says of it up to date.
func (d *deployment) look(ctx context.Context) error {
	s, err := d.Channel.look(ctx, d.Wanted)
	if err != nil {
		return err
	}
	if d.approved != 0 && s.definition.Sequence != d.approved {
		return fmt.Errorf("sequence %d was committed with another definition: %s", d.approved,
			strings.Join(differences(s.committed, s.definition), "; "))
	}
	d.state = s
	own := d.result.MSPID
	d.result.Sequence, d.result.Approvals, d.result.Mismatches = s.definition.Sequence, s.approvals, s.mismatches
	d.result.Committed = s.isCommitted()
	d.result.WaitsFor = append([]string{}, s.waitsFor(own)...)
	if s.committed != nil && d.result.Changes == nil {
		d.result.Changes = differences(s.committed, s.definition)
	}
	return nil
}

// installed tells which peers have the package. The error joins those of the peers that cannot
// tell.
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

// each does something with each peer at the same time. What is wrong is the peer's error in the
// result, and it is done no more to a peer that has one.
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

// install installs the package where it is not. A peer that fails does not keep the others from it.
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
			d.result.Peers[i].Installed = InstalledBefore // by another run
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

// installTimeout is the peer's own (chaincode.installTimeout), and a little more.
const installTimeout = 310 * time.Second

// agree approves and commits, as far as that is not done and the others have approved.
func (d *deployment) agree(ctx context.Context) error {
	late := time.Now().Add(d.Wait)
	for waiting := false; ; {
		if err := d.patiently(ctx, func() error { return d.step(ctx) }); err != nil {
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

// step does what is missing at the moment, until nothing is or others have to approve.
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

// approve approves the definition for the organisation. It does so once in a run: that it is not
// approved after that is another deployment's doing.
func (d *deployment) approve(ctx context.Context) error {
	if d.approved != 0 {
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
		d.approved, d.result.ApprovedNow, d.result.Renewed = definition.Sequence, true, renewed
	}
	return err
}

// submit has a gateway bring a transaction to the orderer, and waits for its block.
func (d *deployment) submit(ctx context.Context, send func(context.Context, *chaincode.Gateway) error) error {
	ctx, cancel := context.WithTimeout(ctx, submitTimeout)
	defer cancel()
	p := d.gatewayPeer()
	return p.wrong("", late(send(ctx, chaincode.NewGateway(p.conn, p.id))))
}

// late is the error of a transaction of which there is no news in time.
func late(err error) error {
	if err == nil || !silent(err) {
		return err
	}
	return explain(fmt.Sprintf("the transaction is not in a block after %v", submitTimeout),
		"are the channel's orderers running, and does this peer commit blocks?", err)
}

var errNotYet = errors.New("the peers do not yet know what was approved")

// patiently does something again as long as its errors are such as pass.
func (d *deployment) patiently(ctx context.Context, do func() error) error {
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

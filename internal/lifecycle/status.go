package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"google.golang.org/protobuf/proto"

	"ccaas-template-builder/internal/message"
)

// ChaincodeStatus is a definition on a channel as the organisation sees it. Its names in JSON
// never change.
type ChaincodeStatus struct {
	Channel   string `json:"channel"`
	Name      string `json:"name"`
	Version   string `json:"version"`
	Sequence  int64  `json:"sequence"`
	Committed bool   `json:"committed"`
	// PackageID is the package that the organisation has approved for the definition. It is
	// empty if it has approved none.
	PackageID  string              `json:"packageID"`
	Approvals  map[string]bool     `json:"approvals"`
	Mismatches map[string][]string `json:"mismatches,omitempty"`
	Peers      []PeerStatus        `json:"peers"`
	// NeedsInit says that no peer calls the chaincode before its init function. It is known only
	// if the chaincode was asked.
	NeedsInit bool `json:"needsInit,omitempty"`

	definition *chaincode.Definition
}

// PeerStatus says what a peer of the organisation has of a chaincode.
type PeerStatus struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	// Installed reports whether the approved package is installed. It is null if the peer
	// could not be asked.
	Installed *bool `json:"installed"`
	// Packages are the packages that the peer uses for the chaincode or, if none, those
	// installed with the same label.
	Packages []string `json:"packages"`
	// Height is the number of blocks of the channel that the peer has.
	Height  uint64  `json:"height"`
	Answers *bool   `json:"answers"` // null: not asked
	Seconds float64 `json:"seconds,omitempty"`
	Error   string  `json:"error,omitempty"`
}

// Status returns the state of each chaincode of the channel that is committed or that the
// organisation has approved, or only of the one with this name. With a question, it also asks
// the chaincode on each peer. The error joins what is wrong with the organisation's peers.
// There is a result even if there is an error.
func (c *Channel) Status(ctx context.Context, name string, question *Question) ([]ChaincodeStatus, error) {
	found, err := c.chaincodes(ctx, name)
	if err != nil {
		return nil, err
	}
	installed, errs := c.allInstalled(ctx)
	for i := range found {
		errs = append(errs, c.compare(ctx, &found[i], installed, question))
	}
	return found, errors.Join(append(errs, ctx.Err())...)
}

// chaincodes returns the definitions of all chaincodes on the channel, or of the one with this
// name.
func (c *Channel) chaincodes(ctx context.Context, name string) (found []ChaincodeStatus, err error) {
	names := []string{name}
	if name == "" {
		if names, err = c.names(ctx); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		these, err := c.definitions(ctx, name)
		if err != nil {
			return nil, err
		}
		found = append(found, these...)
	}
	return found, nil
}

// names returns the names of the chaincodes that are committed or that the organisation has
// approved.
func (c *Channel) names(ctx context.Context) (names []string, err error) {
	err = c.ask(ctx, func(ctx context.Context, gw *chaincode.Gateway) error {
		result, err := gw.QueryCommitted(ctx, c.Name)
		for _, d := range result.GetChaincodeDefinitions() {
			names = append(names, d.GetName())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	names = append(names, c.approvedNames(ctx)...)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// approvedNames returns the names of the chaincodes that the organisation has approved. Peers
// before Fabric 3.0 cannot be asked, so there are none.
func (c *Channel) approvedNames(ctx context.Context) (names []string) {
	args, err := proto.Marshal(&lifecycle.QueryApprovedChaincodeDefinitionsArgs{})
	if err != nil {
		return nil
	}
	result := &lifecycle.QueryApprovedChaincodeDefinitionsResult{}
	asked, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	function := []byte("QueryApprovedChaincodeDefinitions")
	if _, err := c.gatewayPeer().query(asked, call{c.Name, "_lifecycle", [][]byte{function, args}}, result); err != nil {
		return nil
	}
	for _, d := range result.GetApprovedChaincodeDefinitions() {
		names = append(names, d.GetName())
	}
	return names
}

// definitions returns the definitions of one chaincode: the committed one, if there is one,
// and the later one that the organisation has approved, if there is one.
func (c *Channel) definitions(ctx context.Context, name string) (found []ChaincodeStatus, err error) {
	last := int64(0)
	committed, approvals, err := c.committed(ctx, name)
	if err != nil {
		return nil, err
	}
	if committed != nil {
		last = committed.Sequence
		s := newStatus(committed, true)
		s.Approvals = approvals
		at, err := c.approved(ctx, name, last)
		if err != nil {
			return nil, err
		} else if at != nil {
			s.PackageID = at.PackageID
		}
		found = append(found, s)
	}
	latest, err := c.approved(ctx, name, 0)
	if err == nil && latest != nil && latest.Sequence > last {
		s := newStatus(latest.definition(), false)
		s.PackageID = latest.PackageID
		s.Approvals, s.Mismatches, err = c.ready(ctx, latest.definition())
		found = append(found, s)
	}
	return found, err
}

func newStatus(d *chaincode.Definition, committed bool) ChaincodeStatus {
	return ChaincodeStatus{
		Channel: d.ChannelName, Name: d.Name, Version: d.Version, Sequence: d.Sequence, Committed: committed, definition: d,
	}
}

// allInstalled returns the packages installed on each peer, or nil and an error for a peer
// that does not answer.
func (c *Channel) allInstalled(ctx context.Context) ([]*lifecycle.QueryInstalledChaincodesResult, []error) {
	results := make([]*lifecycle.QueryInstalledChaincodesResult, len(c.Peers))
	errs := make([]error, len(c.Peers))
	var all sync.WaitGroup
	for i, p := range c.Peers {
		all.Go(func() {
			if p.Err == nil {
				asked, cancel := context.WithTimeout(ctx, queryTimeout)
				defer cancel()
				var err error
				results[i], err = chaincode.NewPeer(p.conn, p.id).QueryInstalled(asked)
				p.Err = p.wrong("", err)
			}
			errs[i] = p.Err
		})
	}
	all.Wait()
	return results, errs
}

// compare fills in what the organisation's peers have of a definition, and returns what is
// wrong.
func (c *Channel) compare(
	ctx context.Context, s *ChaincodeStatus, installed []*lifecycle.QueryInstalledChaincodesResult, question *Question,
) error {
	s.Peers = make([]PeerStatus, len(c.Peers))
	errs := make([]error, len(c.Peers))
	var all sync.WaitGroup
	var needsInit atomic.Bool
	for i, p := range c.Peers {
		status := &s.Peers[i]
		*status = PeerStatus{Name: p.Name, Address: p.Address, Height: p.height, Packages: []string{}}
		if p.Err != nil {
			status.Error = message.OneLine(p.Err.Error()) // already reported
			continue
		}
		all.Go(func() {
			errs[i] = s.has(status, p, installed[i], c.organisation.MSPID)
			if errs[i] == nil && s.Committed && s.PackageID != "" && question != nil && !p.stuck {
				errs[i] = s.ask(ctx, status, p, *question)
			}
			if errors.Is(errs[i], errNeedsInit) {
				needsInit.Store(true)
				errs[i] = nil
			}
			if errs[i] != nil {
				status.Error = message.OneLine(errs[i].Error())
			}
		})
	}
	all.Wait()
	s.NeedsInit = needsInit.Load()
	return errors.Join(errs...)
}

// ask asks the chaincode on a peer. A peer that does not answer in time may commit no more
// blocks. Then it answers for no other chaincode of the channel either, so it is not asked again.
func (s *ChaincodeStatus) ask(ctx context.Context, status *PeerStatus, p *Peer, question Question) error {
	took, err := p.answer(ctx, s.Channel, s.definition, s.PackageID, question)
	if errors.Is(err, errNeedsInit) {
		return err
	}
	answers := err == nil
	status.Answers, status.Seconds = &answers, took.Seconds()
	p.stuck = err != nil && silent(err)
	return err
}

// has compares what a peer has installed with what the organisation own has approved.
func (s *ChaincodeStatus) has(
	status *PeerStatus, p *Peer, installed *lifecycle.QueryInstalledChaincodesResult, own string,
) error {
	label, _, _ := strings.Cut(s.PackageID, ":")
	there := false
	for _, pkg := range installed.GetInstalledChaincodes() {
		there = there || pkg.GetPackageId() == s.PackageID
		if pkg.GetLabel() == label {
			status.Packages = append(status.Packages, pkg.GetPackageId())
		}
	}
	slices.Sort(status.Packages)
	used := uses(installed, s.Channel, s.definition)
	if used != "" {
		status.Packages = []string{used}
	}
	if s.PackageID == "" {
		return nil
	}
	status.Installed = &there
	switch {
	case !there:
		err := fmt.Errorf("%s: lacks the package %s of %s %s", p, s.PackageID, s.Name, s.Version)
		return message.WithHint(err, "install it with ccaas deploy")
	case s.Committed && used != s.PackageID && !s.Approvals[own]:
		err := fmt.Errorf("%s: does not use the package, because %s has approved another definition for sequence %d of %s "+
			"than the committed one", p, own, s.Sequence, s.Name)
		return message.WithHint(err, "approve the committed one with ccaas deploy")
	case s.Committed && used != s.PackageID:
		err := fmt.Errorf("%s: does not use the package for sequence %d of %s yet", p, s.Sequence, s.Name)
		return message.WithHint(err, "look again in a minute: if it still does not, it commits no blocks, most likely "+
			"because a chaincode server of it has another package ID than its package")
	}
	return nil
}

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"

	"ccaas-template-builder/internal/message"
)

// state is the state of a chaincode on the channel, compared with a definition.
type state struct {
	definition *chaincode.Definition // what is wanted, with the sequence that it has or will get
	committed  *chaincode.Definition // the committed definition, or nil
	packageID  string                // the package that the organisation has approved at this sequence
	before     string                // the package that it has approved for the committed definition
	approvals  map[string]bool       // who has approved this definition, by MSP ID
	mismatches map[string][]string   // what others have approved differently, as far as the peer reports it
}

// isCommitted reports whether the definition is committed.
func (s *state) isCommitted() bool {
	return s.committed != nil && s.committed.Sequence == s.definition.Sequence
}

// waitsFor returns the other organisations that have to approve before the definition can be
// committed.
func (s *state) waitsFor(own string) (names []string) {
	for _, mspID := range slices.Sorted(maps.Keys(s.approvals)) {
		if mspID != own && !s.approvals[mspID] && !s.isCommitted() {
			names = append(names, mspID)
		}
	}
	return names
}

// overtakes returns an error if, since the organisation own has approved a definition, another one
// has been committed that own has not approved. approved may be nil.
func (s *state) overtakes(approved *chaincode.Definition, own string) error {
	if approved == nil || s.committed == nil || s.committed.Sequence < approved.Sequence {
		return nil
	}
	if s.isCommitted() && s.approvals[own] {
		return nil
	}
	changes := differences(approved, s.committed)
	if s.committed.Sequence > approved.Sequence {
		changes = append(changes, fmt.Sprintf("sequence %d instead of %d", s.committed.Sequence, approved.Sequence))
	}
	if len(changes) == 0 {
		return nil // the peer does not know the approval yet
	}
	err := fmt.Errorf("the committed definition is not the one that %s has approved: %s", own, strings.Join(changes, "; "))
	return message.WithHint(err, "if the committed one is right, run it again with the same definition")
}

// look asks the channel for the state of the chaincode.
func (c *Channel) look(ctx context.Context, w Wanted) (*state, error) {
	s := &state{}
	var err error
	if s.committed, s.approvals, err = c.committed(ctx, w.Name); err != nil {
		return nil, err
	}
	latest, err := c.approved(ctx, w.Name, 0)
	if err != nil {
		return nil, err
	}
	if s.definition, err = w.resolve(c.Name, s.committed, latest.definition()); err != nil {
		return nil, err
	}
	if !s.isCommitted() {
		if s.approvals, s.mismatches, err = c.ready(ctx, s.definition); err != nil {
			return nil, err
		}
	}
	return s, c.lookBack(ctx, s, latest)
}

// committed returns the committed definition of a chaincode and who has approved it, or nil if
// there is none.
func (c *Channel) committed(
	ctx context.Context, name string,
) (d *chaincode.Definition, approvals map[string]bool, err error) {
	err = c.ask(ctx, func(ctx context.Context, gw *chaincode.Gateway) error {
		result, err := gw.QueryCommittedWithName(ctx, c.Name, name)
		if err != nil {
			return ignoring(err, "is not defined")
		}
		approvals = result.GetApprovals()
		d, err = definition(c.Name, name, result)
		return err
	})
	return d, approvals, err
}

// lookBack finds which package the organisation has approved for the definition, and which for
// the committed one.
func (c *Channel) lookBack(ctx context.Context, s *state, latest *approval) error {
	at := func(sequence int64) (id string, err error) {
		if latest == nil || sequence > latest.Sequence {
			return "", nil
		}
		found := latest
		if sequence != latest.Sequence {
			if found, err = c.approved(ctx, s.definition.Name, sequence); found == nil || err != nil {
				return "", err
			}
		}
		return found.PackageID, nil
	}
	var err error
	if s.packageID, err = at(s.definition.Sequence); err == nil && s.committed != nil {
		s.before, err = at(s.committed.Sequence)
	}
	return err
}

// approval is a definition that the organisation has approved, together with its package.
type approval chaincode.Definition

func (a *approval) definition() *chaincode.Definition { return (*chaincode.Definition)(a) }

// approved returns what the organisation has approved at a sequence, or nil. Sequence 0 is the
// latest.
func (c *Channel) approved(ctx context.Context, name string, sequence int64) (found *approval, err error) {
	err = c.ask(ctx, func(ctx context.Context, gw *chaincode.Gateway) error {
		result, err := gw.QueryApproved(ctx, c.Name, name, sequence)
		if err != nil {
			return ignoring(err, "could not fetch approved chaincode definition")
		}
		d, err := definition(c.Name, name, result)
		if err == nil {
			d.PackageID = result.GetSource().GetLocalPackage().GetPackageId()
			found = (*approval)(d)
		}
		return err
	})
	return found, err
}

// ready returns which organisations have approved a definition that is not committed, and how
// the others' approvals differ.
func (c *Channel) ready(ctx context.Context, d *chaincode.Definition) (map[string]bool, map[string][]string, error) {
	var result *lifecycle.CheckCommitReadinessResult
	err := c.ask(ctx, func(ctx context.Context, gw *chaincode.Gateway) (err error) {
		result, err = gw.CheckCommitReadiness(ctx, d)
		return err
	})
	return result.GetApprovals(), mismatches(result), err
}

// mismatches returns what organisations have approved differently. Fabric 2.5 never reports
// this. Later versions report the chaincode parameters also for an organisation that has
// approved nothing, so they are left out.
func mismatches(result *lifecycle.CheckCommitReadinessResult) map[string][]string {
	words := map[string]string{
		"EndorsementInfo": "version", "ValidationInfo": "policy", "Collections": "collections",
	}
	found := map[string][]string{}
	for mspID, items := range result.GetMismatches() {
		for _, item := range items.GetItems() {
			for name, word := range words {
				if strings.Contains(item, name) {
					found[mspID] = append(found[mspID], word)
				}
			}
		}
		slices.Sort(found[mspID])
	}
	return found
}

// ignoring returns err, or nil if it contains these words of a peer.
func ignoring(err error, words string) error {
	if says(err, words) {
		return nil
	}
	return err
}

// ask asks a peer of the organisation about the channel. A peer that commits no blocks does
// not answer: it is no longer used, and the next peer is asked.
func (c *Channel) ask(ctx context.Context, question func(context.Context, *chaincode.Gateway) error) error {
	var errs []error
	for _, p := range c.usable() {
		asked, cancel := context.WithTimeout(ctx, queryTimeout)
		err := question(asked, chaincode.NewGateway(p.conn, p.id))
		cancel()
		if err == nil || !silent(err) || ctx.Err() != nil {
			return errors.Join(p.wrong("", err), ctx.Err())
		}
		if p.joined(ctx, c.Name) {
			p.markStuck(c.Name)
		}
		errs = append(errs, p.wrong("", err))
	}
	if len(c.usable()) > 0 {
		return errors.Join(errs...)
	}
	return c.unusable()
}

// unusable returns the error for a channel on which no peer of the organisation can be used.
func (c *Channel) unusable() error {
	var errs []error
	for _, p := range c.Peers {
		errs = append(errs, p.Err)
	}
	return errors.Join(errs...)
}

// gatewayPeer returns the peer of the organisation that is asked first about the channel.
func (c *Channel) gatewayPeer() *Peer { return c.usable()[0] }

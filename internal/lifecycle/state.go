package lifecycle

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
)

// state is what a channel has of a chaincode, as far as it matters for a definition.
type state struct {
	definition *chaincode.Definition // with the sequence that it has or is to get
	committed  *chaincode.Definition // nil: none
	packageID  string                // that the organisation has approved at this sequence
	before     string                // that it has approved for what is committed
	approvals  map[string]bool       // of this definition, by MSP ID
	mismatches map[string][]string   // what others have approved otherwise, if the peer tells
}

// isCommitted tells whether the definition is.
func (s *state) isCommitted() bool {
	return s.committed != nil && s.committed.Sequence == s.definition.Sequence
}

// waitsFor are the organisations without which it cannot be committed, but for our own.
func (s *state) waitsFor(own string) (names []string) {
	for _, mspID := range slices.Sorted(maps.Keys(s.approvals)) {
		if mspID != own && !s.approvals[mspID] && !s.isCommitted() {
			names = append(names, mspID)
		}
	}
	return names
}

// look asks the channel for the state of a definition.
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

// committed is the committed definition of a chaincode, and who has approved it, or nil.
func (c *Channel) committed(
	ctx context.Context, name string,
) (d *chaincode.Definition, approvals map[string]bool, err error) {
	err = c.ask(ctx, func(ctx context.Context, gw *chaincode.Gateway) error {
		result, err := gw.QueryCommittedWithName(ctx, c.Name, name)
		if err != nil {
			return unless(err, "is not defined")
		}
		approvals = result.GetApprovals()
		d, err = definition(c.Name, name, result)
		return err
	})
	return d, approvals, err
}

// lookBack finds the packages that the organisation has approved for the definition, and for the
// one that is committed.
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

// approval is a definition that the organisation has approved, with its package.
type approval chaincode.Definition

func (a *approval) definition() *chaincode.Definition { return (*chaincode.Definition)(a) }

// approved is what the organisation has approved at a sequence, 0 for the latest, or nil.
func (c *Channel) approved(ctx context.Context, name string, sequence int64) (found *approval, err error) {
	err = c.ask(ctx, func(ctx context.Context, gw *chaincode.Gateway) error {
		result, err := gw.QueryApproved(ctx, c.Name, name, sequence)
		if err != nil {
			return unless(err, "could not fetch approved chaincode definition")
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

// ready asks which organisations have approved a definition that is not committed.
func (c *Channel) ready(ctx context.Context, d *chaincode.Definition) (map[string]bool, map[string][]string, error) {
	var result *lifecycle.CheckCommitReadinessResult
	err := c.ask(ctx, func(ctx context.Context, gw *chaincode.Gateway) (err error) {
		result, err = gw.CheckCommitReadiness(ctx, d)
		return err
	})
	return result.GetApprovals(), mismatches(result), err
}

// mismatches says what organisations have approved otherwise. Fabric 2.5 tells nothing of it; later
// versions list the first item below also for one that has approved nothing, so it says nothing.
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

// unless returns err, or nil if peers say these words in it.
func unless(err error, words string) error {
	if says(err, words) {
		return nil
	}
	return err
}

// ask has a peer of the organisation answer a question about the channel. One that commits no
// blocks does not answer: it is not used any more, and the next one is asked.
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
			p.getStuck(c.Name)
		}
		errs = append(errs, p.wrong("", err))
	}
	if len(c.usable()) > 0 {
		return errors.Join(errs...)
	}
	return c.unusable()
}

// unusable is the error of a channel on which no peer of the organisation can be used.
func (c *Channel) unusable() error {
	var errs []error
	for _, p := range c.Peers {
		errs = append(errs, p.Err)
	}
	return errors.Join(errs...)
}

// gatewayPeer is the peer of the organisation that is asked first about the channel.
func (c *Channel) gatewayPeer() *Peer { return c.usable()[0] }

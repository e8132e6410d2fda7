package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
	"google.golang.org/protobuf/proto"

	"ccaas-template-builder/internal/message"
)

// noEndorsers lists what a gateway says when it cannot find endorsers by discovery, because
// the channel has no anchor peers or gossip has not found the other organisations' peers yet.
var noEndorsers = []string{"no combination of peers can be derived", "failed to find any endorsing peers"}

// commit commits the definition. It lets the gateway find the endorsing peers. If the gateway
// does not find enough, it takes the endorsements of the peers that were given, if those are
// enough.
func (d *deployment) commit(ctx context.Context) error {
	err := d.submit(ctx, func(ctx context.Context, gw *chaincode.Gateway) error {
		return gw.Commit(ctx, d.state.definition)
	})
	if err == nil || !says(err, noEndorsers...) {
		return err
	}
	endorsers := append([]*Peer{d.gatewayPeer()}, firstOfEach(d.others)...)
	ctx, cancel := context.WithTimeout(ctx, submitTimeout)
	defer cancel()
	enough, configErr := d.enough(ctx, mspIDs(endorsers))
	if configErr != nil {
		return configErr
	}
	if !enough {
		for _, p := range d.others {
			err = errors.Join(err, p.Err)
		}
		return message.WithHint(err, "the channel has no anchor peers, or the peers have not heard of each other yet: give "+
			"peers of the other organisations, too, with --peerAddresses and --tlsRootCertFiles")
	}
	return d.gatewayPeer().wrong("", late(d.commitWith(ctx, endorsers)))
}

// firstOfEach returns one peer of each organisation: the first that has answered.
func firstOfEach(peers []*Peer) (firsts []*Peer) {
	for _, p := range peers {
		if p.Err == nil && !slices.Contains(mspIDs(firsts), p.MSPID) {
			firsts = append(firsts, p)
		}
	}
	return firsts
}

// enough reports whether endorsements by these organisations satisfy the channel's policy for
// commits.
func (d *deployment) enough(ctx context.Context, endorsers []string) (bool, error) {
	config := &common.Config{}
	p := d.gatewayPeer()
	if _, err := p.query(ctx, calling(d.Name, "cscc", "GetChannelConfig", d.Name), config); err != nil {
		return false, p.wrong("", err)
	}
	return len(endorsers) >= needed(config, len(d.state.approvals)), nil
}

// needed returns how many of a channel's organisations have to endorse a commit. If the policy
// is neither ANY nor MAJORITY, it returns all.
func needed(config *common.Config, all int) int {
	policy := config.GetChannelGroup().GetGroups()["Application"].GetPolicies()["LifecycleEndorsement"].GetPolicy()
	meta := &common.ImplicitMetaPolicy{}
	if policy.GetType() == int32(common.Policy_IMPLICIT_META) && proto.Unmarshal(policy.GetValue(), meta) == nil {
		switch meta.GetRule() {
		case common.ImplicitMetaPolicy_ANY:
			return 1
		case common.ImplicitMetaPolicy_MAJORITY:
			return all/2 + 1
		}
	}
	return all
}

// commitWith commits the definition with the endorsements of these peers. It uses the gateway
// of one that has joined the channel.
func (d *deployment) commitWith(ctx context.Context, endorsers []*Peer) error {
	def := d.state.definition
	policy, err := proto.Marshal(def.ApplicationPolicy)
	if err != nil {
		return err
	}
	args, err := proto.Marshal(&lifecycle.CommitChaincodeDefinitionArgs{
		Name: def.Name, Version: def.Version, Sequence: def.Sequence,
		EndorsementPlugin: def.EndorsementPlugin, ValidationPlugin: def.ValidationPlugin,
		ValidationParameter: policy, Collections: def.Collections, InitRequired: def.InitRequired,
	})
	if err != nil {
		return err
	}
	p := d.gatewayPeer()
	c := call{d.Name, "_lifecycle", [][]byte{[]byte("CommitChaincodeDefinition"), args}}
	proposed, err := proposal(p.gateway, p.id, c)
	if err != nil {
		return err
	}
	responses, err := endorse(ctx, proposed.GetProposal(), endorsers)
	if err != nil {
		return err
	}
	envelope, err := assemble(proposed.GetProposal(), responses)
	if err != nil {
		return err
	}
	prepared, err := proto.Marshal(&gateway.PreparedTransaction{
		TransactionId: proposed.GetTransactionId(), Envelope: envelope,
	})
	if err != nil {
		return err
	}
	return p.submit(ctx, prepared)
}

// submit submits a prepared transaction through the peer's gateway, and waits until it is in a
// block.
func (p *Peer) submit(ctx context.Context, prepared []byte) error {
	transaction, err := p.gateway.NewTransaction(prepared)
	if err != nil {
		return err
	}
	commit, err := transaction.SubmitWithContext(ctx)
	if err != nil {
		return err
	}
	status, err := commit.StatusWithContext(ctx)
	if err == nil && !status.Successful {
		err = &invalid{status.Code}
	}
	return err
}

// invalid is the error for a transaction that peers have marked invalid.
type invalid struct{ code peer.TxValidationCode }

func (i *invalid) Error() string { return "the transaction is invalid: " + i.code.String() }

// endorse collects the endorsements of a proposal by the given peers.
func endorse(ctx context.Context, signed *peer.SignedProposal, endorsers []*Peer) ([]*peer.ProposalResponse, error) {
	var responses []*peer.ProposalResponse
	for _, p := range endorsers {
		response, err := peer.NewEndorserClient(p.conn).ProcessProposal(ctx, signed)
		if err == nil && response.GetResponse().GetStatus() != 200 {
			err = &refusal{response.GetResponse().GetMessage()}
		}
		if err != nil {
			return nil, p.wrong("does not endorse the commit", err)
		}
		if len(responses) > 0 && string(response.GetPayload()) != string(responses[0].GetPayload()) {
			return nil, fmt.Errorf("%s and %s: ProposalResponsePayloads do not match", endorsers[0], p)
		}
		responses = append(responses, response)
	}
	return responses, nil
}

// assemble returns the envelope of a transaction without its signature, as
// protoutil.CreateSignedTx makes it.
func assemble(signed *peer.SignedProposal, responses []*peer.ProposalResponse) (*common.Envelope, error) {
	proposed, header, payload := &peer.Proposal{}, &common.Header{}, &peer.ChaincodeProposalPayload{}
	err := proto.Unmarshal(signed.GetProposalBytes(), proposed)
	err = errors.Join(err, proto.Unmarshal(proposed.GetHeader(), header), proto.Unmarshal(proposed.GetPayload(), payload))
	if err != nil {
		return nil, err
	}
	action := &peer.ChaincodeEndorsedAction{ProposalResponsePayload: responses[0].GetPayload()}
	for _, r := range responses {
		action.Endorsements = append(action.Endorsements, r.GetEndorsement())
	}
	input, err := proto.Marshal(&peer.ChaincodeProposalPayload{Input: payload.GetInput()}) // no transient data
	if err != nil {
		return nil, err
	}
	endorsed, err := proto.Marshal(&peer.ChaincodeActionPayload{ChaincodeProposalPayload: input, Action: action})
	if err != nil {
		return nil, err
	}
	transaction, err := proto.Marshal(&peer.Transaction{
		Actions: []*peer.TransactionAction{{Header: header.GetSignatureHeader(), Payload: endorsed}},
	})
	if err != nil {
		return nil, err
	}
	data, err := proto.Marshal(&common.Payload{Header: header, Data: transaction})
	return &common.Envelope{Payload: data}, err
}

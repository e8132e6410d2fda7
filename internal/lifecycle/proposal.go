package lifecycle

import (
	"context"
	"fmt"

	"github.com/hyperledger/fabric-admin-sdk/pkg/identity"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// call is a call of a chaincode function.
type call struct {
	channel, chaincode string
	args               [][]byte // the first is the name of the function
}

// calling returns a call whose arguments are text.
func calling(channel, chaincode string, args ...string) call {
	c := call{channel: channel, chaincode: chaincode}
	for _, arg := range args {
		c.args = append(c.args, []byte(arg))
	}
	return c
}

// gatewayOf returns a client of a peer's gateway. It leaves hashing to the identity, which
// hashes what it signs.
func gatewayOf(conn grpc.ClientConnInterface, id identity.SigningIdentity) (*client.Gateway, error) {
	return client.Connect(id, client.WithClientConnection(conn), client.WithHash(hash.NONE), client.WithSign(id.Sign))
}

// proposal returns the signed proposal of a call, with the ID of its transaction.
func proposal(gw *client.Gateway, id identity.SigningIdentity, c call) (*gateway.ProposedTransaction, error) {
	contract := gw.GetNetwork(c.channel).GetContract(c.chaincode)
	proposed, err := contract.NewProposal(string(c.args[0]), client.WithBytesArguments(c.args[1:]...))
	if err != nil {
		return nil, err
	}
	data, err := proposed.Bytes()
	if err != nil {
		return nil, err
	}
	transaction := &gateway.ProposedTransaction{}
	if err := proto.Unmarshal(data, transaction); err != nil {
		return nil, err
	}
	transaction.Proposal.Signature, err = id.Sign(transaction.GetProposal().GetProposalBytes())
	return transaction, err
}

// process lets this peer, and no other in its place, run a call without changing anything. The
// response may report an error.
func (p *Peer) process(ctx context.Context, c call, options ...grpc.CallOption) (*peer.ProposalResponse, error) {
	transaction, err := proposal(p.gateway, p.id, c)
	if err != nil {
		return nil, err
	}
	return peer.NewEndorserClient(p.conn).ProcessProposal(ctx, transaction.GetProposal(), options...)
}

// query does what process does, for a call that returns a message. A response that reports an
// error becomes an error.
func (p *Peer) query(
	ctx context.Context, c call, result proto.Message, options ...grpc.CallOption,
) (*peer.ProposalResponse, error) {
	response, err := p.process(ctx, c, options...)
	if err != nil {
		return nil, err
	}
	if r := response.GetResponse(); r.GetStatus() != 200 {
		return nil, &refusal{r.GetMessage()}
	}
	if err := proto.Unmarshal(response.GetResponse().GetPayload(), result); err != nil {
		return nil, fmt.Errorf("the answer of %s cannot be read: %w", c.chaincode, err)
	}
	return response, nil
}

// refusal is an error that a peer reports in its response.
type refusal struct{ said string }

func (r *refusal) Error() string { return r.said }

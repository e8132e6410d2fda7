package lifecycle

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/discovery"
	"github.com/hyperledger/fabric-admin-sdk/pkg/identity"
	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/gossip"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	grpcpeer "google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
)

// greetingTimeout limits connecting to a peer and its first answer. queryTimeout limits any
// other query that needs no chaincode server.
const (
	greetingTimeout = 8 * time.Second
	queryTimeout    = 10 * time.Second
)

// maxMessage is the maximum size of a message in bytes. Peers have the same limit
// (peer.maxRecvMsgSize).
const maxMessage = 100 << 20

// Peer is a peer that has answered, or the reason why it has not.
type Peer struct {
	Name    string // the common name of its certificate, or what is known of it before it answers
	Address string
	MSPID   string
	Err     error // nil if it can be used

	target   target
	identity []byte // its serialized identity
	height   uint64 // how many blocks of the channel it had in its first answer
	stuck    bool   // whether it commits no blocks
	conn     *grpc.ClientConn
	gateway  *client.Gateway
	id       identity.SigningIdentity
}

// wrong returns err as an error of this peer, explained if its cause is known.
func (p *Peer) wrong(doing string, err error) error {
	if err == nil {
		return nil
	}
	t := p.target
	t.name = p.Name
	err = explained(err, t)
	if doing != "" {
		return fmt.Errorf("%s: %s: %w", t, doing, err)
	}
	return fmt.Errorf("%s: %w", t, err)
}

// dial prepares a connection to a peer. The connection is made when it is first used.
func (o *Organisation) dial(t target) (*Peer, error) {
	secure := insecure.NewCredentials()
	if t.roots != nil {
		config := &tls.Config{RootCAs: t.roots, ServerName: t.host, MinVersion: tls.VersionTLS12}
		if o.client != nil {
			config.Certificates = []tls.Certificate{*o.client}
		}
		secure = credentials.NewTLS(config)
	}
	conn, err := grpc.NewClient("passthrough:///"+t.address, grpc.WithTransportCredentials(secure),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t, err)
	}
	gw, err := gatewayOf(conn, o.id)
	name := t.name
	if name == "" {
		name = t.address
	}
	return &Peer{Name: name, Address: t.address, target: t, conn: conn, gateway: gw, id: o.id}, err
}

// meet connects to a peer and asks it for the number of blocks of the channel. The answer is
// signed, so it proves which peer it is from. If the peer cannot be used, its Err says why.
func (o *Organisation) meet(ctx context.Context, t target, channel string) *Peer {
	p, err := o.dial(t)
	if err != nil {
		return &Peer{Name: t.String(), Address: t.address, target: t, Err: err}
	}
	o.mutex.Lock()
	o.conns = append(o.conns, p.conn)
	o.mutex.Unlock()
	asked, cancel := context.WithTimeout(ctx, greetingTimeout)
	defer cancel()
	info := &common.BlockchainInfo{}
	response, err := p.query(asked, calling(channel, "qscc", "GetChainInfo", channel), info)
	switch {
	case err == nil:
		p.height, p.identity = info.GetHeight(), response.GetEndorsement().GetEndorser()
		p.MSPID, p.Name, err = decodeIdentity(p.identity, p.Name)
		p.Err = p.wrong("", err)
	case silent(err) && p.joined(ctx, channel):
		p.markStuck(channel)
	default:
		p.Err = p.wrong("", err)
	}
	return p
}

// joined reports whether a peer has joined a channel. A peer that commits no blocks answers
// this, although it answers no query on the channel.
func (p *Peer) joined(ctx context.Context, channel string) bool {
	channels, err := p.channels(ctx)
	return err == nil && slices.Contains(channels, channel)
}

// channels returns the channels that the peer has joined.
func (p *Peer) channels(ctx context.Context) (names []string, err error) {
	asked, cancel := context.WithTimeout(ctx, greetingTimeout)
	defer cancel()
	joined := &peer.ChannelQueryResponse{}
	from := &grpcpeer.Peer{}
	if _, err := p.query(asked, calling("", "cscc", "GetChannels"), joined, grpc.Peer(from)); err != nil {
		return nil, p.wrong("", err)
	}
	if info, ok := from.AuthInfo.(credentials.TLSInfo); ok && p.Name == p.Address { // the answer is not signed
		p.Name = cmp.Or(info.State.PeerCertificates[0].Subject.CommonName, p.Name)
	}
	for _, channel := range joined.GetChannels() {
		names = append(names, channel.GetChannelId())
	}
	slices.Sort(names)
	return names, nil
}

// markStuck records that the peer commits no blocks.
func (p *Peer) markStuck(channel string) {
	p.stuck = true
	const likely = "most likely a chaincode server of this peer has another package ID than its package, " +
		"and the peer commits none until that server is stopped"
	p.Err = fmt.Errorf("%s: %w", p, explain("commits no blocks on "+channel+": "+likely,
		"stop that server: ccaas probe --peer-dir on that peer's machine finds it", nil))
}

// meetAll calls meet for all peers at the same time.
func (o *Organisation) meetAll(ctx context.Context, targets []target, channel string) []*Peer {
	peers := make([]*Peer, len(targets))
	var all sync.WaitGroup
	for i, t := range targets {
		all.Go(func() { peers[i] = o.meet(ctx, t, channel) })
	}
	all.Wait()
	return peers
}

// decodeIdentity decodes a serialized identity. It returns the MSP ID and the common name of the
// certificate, or name if the certificate has none.
func decodeIdentity(serialized []byte, name string) (mspID, commonName string, err error) {
	id := &msp.SerializedIdentity{}
	if err := proto.Unmarshal(serialized, id); err != nil {
		return "", name, errors.New("its identity cannot be read")
	}
	if block, _ := pem.Decode(id.GetIdBytes()); block != nil {
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil && cert.Subject.CommonName != "" {
			name = cert.Subject.CommonName
		}
	}
	return id.GetMspid(), name, nil
}

// discover returns the other peers of the organisation that a peer knows on the channel. Their
// TLS certificates must come from the same CA as that peer's.
func (o *Organisation) discover(ctx context.Context, from *Peer, channel string) ([]target, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	service := discovery.NewPeer(from.conn, o.id, discovery.WithTLSClientCertificateHash(hashOf(o.client)))
	members, err := service.PeerMembershipQuery(ctx, channel, nil)
	if err != nil {
		return nil, from.wrong("discovery", err)
	}
	var targets []target
	for _, member := range members.GetPeersByOrg()[o.MSPID].GetPeers() {
		alive := &gossip.GossipMessage{}
		if err := proto.Unmarshal(member.GetMembershipInfo().GetPayload(), alive); err != nil {
			return nil, from.wrong("discovery", err)
		}
		address := alive.GetAliveMsg().GetMembership().GetEndpoint()
		if err := checkAddress("a peer's external endpoint", address); err != nil {
			return nil, from.wrong("discovery", err)
		}
		_, name, _ := decodeIdentity(member.GetIdentity(), address)
		if string(member.GetIdentity()) == string(from.identity) || address == from.Address {
			continue
		}
		targets = append(targets, target{name: name, address: address, roots: from.target.roots, from: from.target.from})
	}
	slices.SortFunc(targets, func(a, b target) int { return strings.Compare(a.name, b.name) })
	return targets, nil
}

// String returns the name of the peer for an error.
func (p *Peer) String() string { return target{name: p.Name, address: p.Address}.String() }

package lifecycle

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/identity"
	"google.golang.org/grpc"
)

// Access says who signs the requests, and where the peers are.
type Access struct {
	Env              map[string]string // the environment of the peer CLI
	Profile          string            // the file of a connection profile, or empty
	PeerAddresses    []string          // if this is empty too, the peer in Env and those that it knows
	TLSRootCertFiles []string          // one for each address
	Now              time.Time
}

// Organisation gives access to an organisation as its administrator.
type Organisation struct {
	MSPID string

	id        identity.SigningIdentity
	client    *tls.Certificate // for mutual TLS
	targets   []target
	discovers bool // whether to find the other peers by discovery
	mutex     sync.Mutex
	conns     []*grpc.ClientConn
}

// Open reads the identity and the addresses of the peers. It connects to nothing yet.
func Open(access Access) (*Organisation, error) {
	env := environment(access.Env)
	o := &Organisation{MSPID: env[mspIDVariable]}
	var err error
	switch {
	case access.Profile != "":
		o.MSPID, o.targets, err = readProfile(access.Profile, o.MSPID)
	case len(access.PeerAddresses) > 0:
		o.targets, err = env.given(access.PeerAddresses, access.TLSRootCertFiles)
	default:
		var own target
		own, err = env.own()
		o.targets, o.discovers = []target{own}, true
	}
	if err != nil {
		return nil, err
	}
	if o.MSPID == "" {
		return nil, unset(mspIDVariable)
	}
	var clientErr error
	o.client, clientErr = env.clientCertificate()
	o.id, err = env.administrator(o.MSPID, access.Now)
	if err := errors.Join(clientErr, err); err != nil {
		return nil, err
	}
	return o, nil
}

// Close closes all connections.
func (o *Organisation) Close() {
	for _, conn := range o.conns {
		conn.Close()
	}
}

// On connects to the peers and asks each about the channel. It returns an error if none of the
// organisation's peers can be used.
func (o *Organisation) On(ctx context.Context, channel string) (*Channel, error) {
	met := o.meetAll(ctx, o.targets, channel)
	if o.discovers && (met[0].Err == nil || met[0].stuck) {
		found, err := o.discover(ctx, met[0], channel)
		if err != nil {
			return nil, err
		}
		met = append(met, o.meetAll(ctx, found, channel)...)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	c := &Channel{Name: channel, organisation: o}
	for _, p := range met {
		if p.Err == nil && p.MSPID != o.MSPID || p.Err != nil && p.target.others {
			c.others = append(c.others, p)
		} else {
			c.Peers = append(c.Peers, p)
		}
	}
	if len(c.usable()) == 0 {
		if err := c.unusable(); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("none of the peers is one of %s, but of %s", o.MSPID, strings.Join(mspIDs(c.others), ", "))
	}
	return c, nil
}

// Channel is a channel with the organisation's peers and the given peers of other
// organisations.
type Channel struct {
	Name  string
	Peers []*Peer

	organisation *Organisation
	others       []*Peer
}

// usable returns the organisation's peers that have answered.
func (c *Channel) usable() []*Peer {
	return slices.DeleteFunc(slices.Clone(c.Peers), func(p *Peer) bool { return p.Err != nil })
}

func mspIDs(peers []*Peer) (ids []string) {
	for _, p := range peers {
		if !slices.Contains(ids, p.MSPID) {
			ids = append(ids, p.MSPID)
		}
	}
	slices.Sort(ids)
	return ids
}

// Channels returns the channels that the first peer that answers has joined.
func (o *Organisation) Channels(ctx context.Context) ([]string, error) {
	var errs []error
	for _, t := range o.targets {
		p, err := o.dial(t)
		if err != nil {
			return nil, err
		}
		o.conns = append(o.conns, p.conn)
		names, err := p.channels(ctx)
		if err == nil {
			return names, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

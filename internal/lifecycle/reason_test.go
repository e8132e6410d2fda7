package lifecycle

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ccaas-template-builder/internal/must"
)

// The texts are copied from real peers and from gRPC.
func TestExplained(t *testing.T) {
	admin := "Failed verifying that proposal's creator satisfies local MSP principal during channelless check policy with policy [Admins]: " +
		"[The identity is not an admin under this MSP [Org1MSP]: The identity does not contain OU [ADMIN], MSP: [Org1MSP]]"
	detailed := must.Get(status.New(codes.Aborted, "failed to endorse transaction, see attached details for more info").
		WithDetails(&gateway.ErrorDetail{Address: "p:1", MspId: "Org1MSP", Message: admin}))(t)
	unavailable := func(text string) error {
		return status.Error(codes.Unavailable, `connection error: desc = "transport: `+text+`"`)
	}
	for _, test := range []struct {
		err    error
		want   string
		passes bool
	}{
		{detailed.Err(), "this identity is not an administrator of its organisation", false},
		{&refusal{admin}, "CORE_PEER_MSPCONFIGPATH must be the msp folder of an administrator", false},
		{&refusal{"error validating proposal: access denied: channel [mychannel] creator org unknown, creator is malformed"},
			"the peer does not accept the certificate of this identity", false},
		{&refusal{"channel 'x' not found"}, "the peer has not joined this channel", false},
		{unavailable("authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority"),
			"ROOTS must hold the TLS CA of this peer's organisation", false},
		{unavailable("authentication handshake failed: tls: failed to verify certificate: x509: certificate is valid for a, not b"),
			"its TLS certificate does not fit", false},
		{unavailable("authentication handshake failed: tls: first record does not look like a TLS handshake"), "it does not speak TLS", true},
		{unavailable("Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"), "Error while dialing: dial tcp 127.0.0.1:1", true},
		{status.Error(codes.Unavailable, "error reading from server: remote error: tls: certificate required"), "the peer wants mutual TLS", true},
		{status.Error(codes.Unavailable, "write tcp 127.0.0.1:2->127.0.0.1:1: write: broken pipe"), "if it wants mutual TLS", true},
		{unavailable("authentication handshake failed: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: " +
			"current time 2026-11-26T15:00:00Z is after 2026-11-26T14:00:00Z"), "renew the peer's TLS certificate, and check the clocks", false},
		{status.Error(codes.Unimplemented, "unknown service gateway.Gateway"), "set peer.gateway.enabled in its core.yaml", false},
		{status.Error(codes.Unimplemented, "unknown service discovery.Discovery"), "set peer.discovery.enabled in its core.yaml, or name the peers", false},
		{status.Error(codes.Unimplemented, "unknown service protos.Endorser"), "this is not a peer", false},
		{status.Error(codes.DeadlineExceeded, "context deadline exceeded"), "it does not answer", true},
		{status.Error(codes.Unavailable, "no orderers could successfully process transaction"), "no orderers", true},
		{status.Error(codes.FailedPrecondition, "no combination of peers can be derived which satisfy the endorsement policy"), "no combination", true},
		{status.Error(codes.Aborted, "attempted to redefine uncommitted sequence (1) for namespace basic with unchanged content"), "redefine", true},
		{errors.New("something else"), "something else", false},
	} {
		explainsAs(t, explained(fmt.Errorf("failed to approve chaincode: %w", test.err), target{from: "ROOTS"}), test.want)
		if got := passes(fmt.Errorf("peer0: %w", explained(test.err, target{}))); got != test.passes {
			t.Errorf("%v passes: %t", test.err, got)
		}
	}
}

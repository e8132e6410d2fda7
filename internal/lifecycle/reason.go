package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"ccaas-template-builder/internal/message"
)

// statusOf returns the gRPC status in an error, and whether there is one.
func statusOf(err error) (*status.Status, bool) {
	var has interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &has) {
		return status.New(codes.Unknown, err.Error()), false
	}
	return has.GRPCStatus(), true
}

// connecting matches the text of gRPC about a connection that could not be made.
var connecting = regexp.MustCompile(`^connection error: desc = "(?:transport: )?(.*)"$`)

// notJoined matches the error of a peer that has not joined the channel.
var notJoined = regexp.MustCompile(`channel '[^']*' not found$`)

// said returns what peers and orderers say in an error, each text once, without what the
// libraries add.
func said(err error) string {
	s, ok := statusOf(err)
	if !ok {
		return err.Error()
	}
	text := s.Message()
	if match := connecting.FindStringSubmatch(text); match != nil {
		text = match[1]
	}
	words := []string{text}
	for _, detail := range s.Details() {
		d, ok := detail.(*gateway.ErrorDetail)
		if ok && !strings.Contains(strings.Join(words, "; "), d.GetMessage()) {
			words = append(words, fmt.Sprintf("%s at %s: %s", d.GetMspId(), d.GetAddress(), d.GetMessage()))
		}
	}
	return strings.Join(words, "; ")
}

// says reports whether an error contains any of these words of a peer.
func says(err error, words ...string) bool {
	text := said(err)
	return slices.ContainsFunc(words, func(words string) bool { return strings.Contains(text, words) })
}

// closing is the hint for a peer that closes the connection before any message. It may want
// mutual TLS: its TLS alert does not always arrive before the connection is closed.
const closing = "does it want TLS? then set " + tlsVariable + "=true and " + rootsVariable +
	"; and if it wants mutual TLS, " + mutualVariable + "=true, " + clientCertVariable + " and " + clientKeyVariable

// known lists frequent errors: a part of the text of gRPC or of a peer, what it means, if the
// text itself does not say so, and a hint. FROM stands for what names the CA of the peer's TLS
// certificate.
var known = []struct{ words, means, hint string }{
	{"tls: certificate required", "the peer wants mutual TLS",
		"set " + mutualVariable + "=true, " + clientCertVariable + " and " + clientKeyVariable},
	{"remote error: tls: ", "the peer refuses the certificate for mutual TLS, or wants one",
		"check " + mutualVariable + ", " + clientCertVariable + " and " + clientKeyVariable},
	{"certificate signed by unknown authority", "its TLS certificate was issued by another CA",
		"FROM must hold the TLS CA of this peer's organisation"},
	{"x509: certificate has expired or is not yet valid", "its TLS certificate is not valid now",
		"renew the peer's TLS certificate, and check the clocks"},
	{"x509: ", "its TLS certificate does not fit",
		"does the address belong to this peer? " + hostVariable + " says which other host its certificate is for"},
	{"first record does not look like a TLS handshake", "it does not speak TLS",
		"set " + tlsVariable + "=false if that is intended"},
	{"error reading server preface", "it closes the connection", closing},
	{"broken pipe", "it closes the connection", closing},
	{"connection reset by peer", "it closes the connection", closing},
	{"connection refused", "", "is the peer running, and is this its address?"},
	{"no such host", "", "its address must resolve here: give another with --peerAddresses or --connection-profile"},
	{"The identity is not an admin under this MSP", "this identity is not an administrator of its organisation",
		mspVariable + " must be the msp folder of an administrator"},
	{"proposal client identity expired", "the certificate of this identity has expired", "enroll the administrator again"},
	{"creator is malformed", "the peer does not accept the certificate of this identity",
		"check " + mspVariable + " and " + mspIDVariable},
	{"access denied: channel", "the peer does not accept this identity", "check " + mspVariable + " and " + mspIDVariable},
}

// explained returns an error of a peer as one line, with a hint if the cause is known.
func explained(err error, t target) error {
	if hinted := (*explanation)(nil); errors.As(err, &hinted) {
		return err
	}
	s, _ := statusOf(err)
	text := said(err)
	switch {
	case silent(err):
		return explain("it does not answer", "is the peer running, and is this its address?", err)
	case s.Code() == codes.Unimplemented && strings.Contains(text, "gateway.Gateway"):
		return explain("its gateway is off",
			"set peer.gateway.enabled in its core.yaml; a peer before Fabric 2.4 has none", err)
	case s.Code() == codes.Unimplemented && strings.Contains(text, "discovery.Discovery"):
		return explain("its discovery is off",
			"set peer.discovery.enabled in its core.yaml, or name the peers with --peerAddresses or --connection-profile", err)
	case s.Code() == codes.Unimplemented:
		return explain("this is not a peer", "is it an orderer's address?", err)
	case notJoined.MatchString(text):
		return explain("the peer has not joined this channel, or there is no channel of this name",
			"peer channel list shows the channels that a peer has joined", err)
	}
	for _, k := range known {
		if strings.Contains(text, k.words) {
			if k.means != "" {
				text = k.means + " (" + text + ")"
			}
			return explain(text, strings.ReplaceAll(k.hint, "FROM", t.from), err)
		}
	}
	return explain(text, "", err)
}

// silent reports whether the error means that no answer came in time.
func silent(err error) bool {
	s, _ := statusOf(err)
	return s.Code() == codes.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded)
}

// passing lists parts of errors that may pass. Either nodes have not yet learned of each
// other, of a leader or of the last block, or somebody else was faster and the state has to be
// looked at again.
var passing = []string{
	"no orderers could successfully process transaction",
	"no combination of peers can be derived",
	"failed to find any endorsing peers",
	"not agreed to by this org",
	"attempted to redefine",
	"requested sequence is",
	"ProposalResponsePayloads do not match",
}

// passes reports whether it makes sense to try again after an error.
func passes(err error) bool {
	code := peer.TxValidationCode_VALID
	if commit := (*client.CommitError)(nil); errors.As(err, &commit) {
		code = commit.Code
	} else if own := (*invalid)(nil); errors.As(err, &own) {
		code = own.code
	}
	if code != peer.TxValidationCode_VALID {
		return code == peer.TxValidationCode_MVCC_READ_CONFLICT || code == peer.TxValidationCode_PHANTOM_READ_CONFLICT
	}
	s, ok := statusOf(err)
	if says(err, passing...) {
		return true
	}
	return ok && (s.Code() == codes.Unavailable || silent(err)) && !strings.Contains(s.Message(), "x509: ")
}

// explanation is an error with another text. errors.Is and errors.As still find its cause.
type explanation struct {
	text  string
	cause error
}

func (e *explanation) Error() string { return e.text }
func (e *explanation) Unwrap() error { return e.cause }

func explain(text, hint string, cause error) error {
	return message.WithHint(&explanation{text, cause}, hint)
}

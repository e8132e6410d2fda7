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

// statusOf is the status of gRPC in an error, and whether there is one.
func statusOf(err error) (*status.Status, bool) {
	var has interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &has) {
		return status.New(codes.Unknown, err.Error()), false
	}
	return has.GRPCStatus(), true
}

// connecting matches what gRPC says of a connection that it cannot make.
var connecting = regexp.MustCompile(`^connection error: desc = "(?:transport: )?(.*)"$`)

// notJoined matches what a peer says that has not joined a channel.
var notJoined = regexp.MustCompile(`channel '[^']*' not found$`)

// said is what peers and orderers have said in an error, without what the libraries add: each
// text once.
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

// says tells whether any of these words have been said in an error.
func says(err error, words ...string) bool {
	text := said(err)
	return slices.ContainsFunc(words, func(words string) bool { return strings.Contains(text, words) })
}

// closing is what to do about a peer that closes a connection before anything is said. It may want
// mutual TLS: whether its alert arrives before that is a matter of luck.
const closing = "does it want TLS? then set " + tlsVariable + "=true and " + rootsVariable +
	"; and if it wants mutual TLS, " + mutualVariable + "=true, " + clientCertVariable + " and " + clientKeyVariable

// known are what is often wrong: words of gRPC or of a peer, what they mean if they do not say it
// themselves, and what to do. FROM is what names the CA of the peer's TLS certificate.
var known = []struct{ words, means, hint string }{
	{"tls: certificate required", "the peer wants mutual TLS",
		"set " + mutualVariable + "=true, " + clientCertVariable + " and " + clientKeyVariable},
	{"remote error: tls: ", "the peer refuses the certificate for mutual TLS, or wants one",
		"check " + mutualVariable + ", " + clientCertVariable + " and " + clientKeyVariable},
	{"certificate signed by unknown authority", "its TLS certificate is of another CA",
		"FROM must hold the TLS CA of this peer's organisation"},
	{"x509: ", "its TLS certificate does not fit",
		"does the address belong to this peer? " + hostVariable + " says which other host its certificate is for"},
	{"first record does not look like a TLS handshake", "it does not speak TLS",
		"set " + tlsVariable + "=false if that is intended"},
	{"error reading server preface", "it closes the connection", closing},
	{"broken pipe", "it closes the connection", closing},
	{"connection reset by peer", "it closes the connection", closing},
	{"connection refused", "", "is the peer running, and is this its address?"},
	{"no such host", "", "its address must resolve here: give another with --peerAddresses or --connection-profile"},
	{"The identity is not an admin under this MSP", "this identity is no administrator of its organisation",
		mspVariable + " must be the msp folder of an administrator"},
	{"proposal client identity expired", "the certificate of this identity has expired", "enroll the administrator again"},
	{"creator is malformed", "the peer does not accept the certificate of this identity",
		"check " + mspVariable + " and " + mspIDVariable},
	{"access denied: channel", "the peer does not accept this identity", "check " + mspVariable + " and " + mspIDVariable},
}

// explained is an error of a peer in one line, with what to do.
func explained(err error, t target) error {
	if hinted := (*explanation)(nil); errors.As(err, &hinted) {
		return err
	}
	s, _ := statusOf(err)
	text := said(err)
	switch {
	case silent(err):
		return explain("it says nothing", "is the peer running, and is this its address?", err)
	case s.Code() == codes.Unimplemented:
		return explain("this is no peer", "is it an orderer's address?", err)
	case notJoined.MatchString(text):
		return explain("the peer has not joined this channel, or there is none of this name",
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

// silent tells whether no answer has come in time.
func silent(err error) bool {
	s, _ := statusOf(err)
	return s.Code() == codes.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded)
}

// passing are words of errors that pass: nodes have not heard yet of each other, of a leader or of
// the last block, or somebody else was faster, so that it is to be looked at again.
var passing = []string{
	"no orderers could successfully process transaction",
	"no combination of peers can be derived",
	"failed to find any endorsing peers",
	"not agreed to by this org",
	"attempted to redefine",
	"requested sequence is",
	"ProposalResponsePayloads do not match",
}

// passes tells whether it is worth to try again after an error.
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

// explanation is an error in other words; the cause can still be asked.
type explanation struct {
	text  string
	cause error
}

func (e *explanation) Error() string { return e.text }
func (e *explanation) Unwrap() error { return e.cause }

func explain(text, hint string, cause error) error {
	return message.WithHint(&explanation{text, cause}, hint)
}

package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

// maxMessage is the maximum size in bytes of the message with which a chaincode registers.
const maxMessage = 16 << 10

// method is the gRPC method that the peer calls on a chaincode server.
const method = "/protos.Chaincode/Connect"

// open starts gRPC on the open connection.
func (d *dial) open(ctx context.Context) (string, error) {
	d.until(ctx)
	used := false
	dialer := func(context.Context, string) (net.Conn, error) {
		if used {
			return nil, errors.New("a probe connects once")
		}
		used = true
		return d.conn, nil
	}
	client, err := grpc.NewClient("passthrough:///"+d.Connection.Address, grpc.WithContextDialer(dialer),
		grpc.WithTransportCredentials(d.credentials()), grpc.WithNoProxy())
	if err != nil {
		return "", err
	}
	d.client = client
	client.Connect()
	for state := client.GetState(); state != connectivity.Ready; state = client.GetState() {
		if state == connectivity.TransientFailure || !client.WaitForStateChange(ctx, state) {
			return "", d.noGRPC(ctx)
		}
	}
	return "HTTP/2", nil
}

// credentials returns gRPC credentials that do no handshake, since that is already done.
func (d *dial) credentials() credentials.TransportCredentials {
	if !d.Connection.TLSRequired {
		return insecure.NewCredentials()
	}
	return handshaken{insecure.NewCredentials()}
}

// handshaken lets gRPC use a connection on which the TLS handshake is done.
type handshaken struct {
	credentials.TransportCredentials
}

func (handshaken) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	level := credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}
	return conn, credentials.TLSInfo{CommonAuthInfo: level}, nil
}

func (handshaken) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

func (h handshaken) Clone() credentials.TransportCredentials { return h }

// noGRPC says why gRPC could not start.
func (d *dial) noGRPC(ctx context.Context) error {
	begun, err := d.conn.seen()
	const isIt = "is a chaincode server listening on this port?"
	switch {
	case d.Connection.TLSRequired && err != nil:
		return d.tlsFailure(err)
	case begun == "" && ctx.Err() != nil:
		return fail(isIt, "the server accepts the connection but says nothing")
	case strings.HasPrefix(begun, "\x15\x03") || strings.HasPrefix(begun, "\x16\x03"):
		return fail("set tls_required to true, with the server's root_cert",
			"the server speaks TLS, but tls_required is false")
	case begun != "" && !isHTTP2(begun):
		return fail(isIt, "the server speaks something other than gRPC: its answer begins with %q", begun)
	case !d.Connection.TLSRequired && err != nil:
		return fail("does the server require TLS? then set tls_required to true",
			"the server closed the connection")
	}
	return fail(isIt, "the server does not speak gRPC")
}

// isHTTP2 reports whether an answer begins with a SETTINGS frame, as HTTP/2 does. A frame
// begins with its length, three bytes, and its type.
func isHTTP2(begun string) bool { return len(begun) > 3 && begun[3] == 4 }

// register opens the stream that the peer opens, and waits for the message with which the
// chaincode registers.
func (d *dial) register(ctx context.Context) (string, error) {
	d.until(ctx)
	// gRPC would send the deadline of a context to the server. The peer's stream has none.
	streamContext, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.cancel = cancel
	defer context.AfterFunc(ctx, cancel)()
	both := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	stream, err := d.client.NewStream(streamContext, both, method,
		grpc.ForceCodec(raw{}), grpc.MaxCallRecvMsgSize(maxMessage))
	if err != nil {
		return "", d.noRegister(ctx, err)
	}
	var message []byte
	if err := stream.RecvMsg(&message); err != nil {
		return "", d.noRegister(ctx, err)
	}
	if d.chaincode, err = registered(message); err != nil {
		return "", fail("is a chaincode server listening on this port?",
			"the server's first message is not a REGISTER: %s", err)
	}
	return "as " + short(d.chaincode), nil
}

func (d *dial) noRegister(ctx context.Context, err error) error {
	_, readErr := d.conn.seen()
	if readErr != nil && d.Connection.TLSRequired {
		return d.tlsFailure(readErr)
	}
	const log = "check the chaincode server's log, and restart it"
	switch answer, ok := status.FromError(err); {
	case errors.Is(err, io.EOF):
		return fail(log, "the server ended the stream without registering")
	case !ok:
		return err
	case answer.Code() == codes.Unimplemented:
		return fail("is a chaincode server listening on this port?",
			"a gRPC server answers, but it is not a chaincode server: it has no %s", method)
	case ctx.Err() != nil:
		return fail(log, "the server accepted the stream but never registered")
	case readErr != nil && answer.Code() == codes.Unavailable: // the message is gRPC's, not the server's
		return fail(log, "the server closed the connection without registering")
	default:
		return fail(log, "the server ended the stream: %s: %s", answer.Code(), short(answer.Message()))
	}
}

// compare compares the ID that the server registered with the package ID.
func (d *dial) compare() (string, error) {
	if d.chaincode != d.PackageID {
		return "", fail("start the chaincode server with CORE_CHAINCODE_ID (CHAINCODE_ID in Go, "+
			"CORE_CHAINCODE_ID_NAME in Java) set to the package ID or, if it is the server of another chaincode, "+
			"give this one an address of its own; a peer that dials it commits no blocks on the channel "+
			"until its startuptimeout is over or that server has stopped",
			"the server registered as %q, but the package ID is %q", short(d.chaincode), d.PackageID)
	}
	return "the same", nil
}

// raw is a codec that leaves messages as bytes, to be parsed by hand. Two fields of two
// messages do not justify generated code.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(v any) ([]byte, error) { return v.([]byte), nil }

func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}

// registered returns the chaincode ID in a REGISTER message, a ChaincodeMessage whose field 1,
// type, is REGISTER. Its field 3, payload, holds a ChaincodeID, whose field 2 is the name
// (fabric-protos, peer/chaincode_shim.proto).
func registered(message []byte) (string, error) {
	const typeField, payloadField, nameField, register = 1, 3, 2, 1
	kind, payload, err := fieldsOf(message, typeField, payloadField)
	if err != nil {
		return "", err
	}
	if kind != register {
		return "", fmt.Errorf("its type is %d", kind)
	}
	_, name, err := fieldsOf(payload, 0, nameField)
	if err != nil || len(name) == 0 {
		return "", errors.New("it names no chaincode")
	}
	return string(name), nil
}

// fieldsOf returns a number and a byte string from a message, by their field numbers.
func fieldsOf(message []byte, number, bytes protowire.Number) (n uint64, b []byte, err error) {
	for len(message) > 0 {
		field, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return 0, nil, protowire.ParseError(size)
		}
		message = message[size:]
		switch {
		case field == number && kind == protowire.VarintType:
			n, size = protowire.ConsumeVarint(message)
		case field == bytes && kind == protowire.BytesType:
			b, size = protowire.ConsumeBytes(message)
		default:
			size = protowire.ConsumeFieldValue(field, kind, message)
		}
		if size < 0 {
			return 0, nil, protowire.ParseError(size)
		}
		message = message[size:]
	}
	return n, b, nil
}

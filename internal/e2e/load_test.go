package e2e_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/encoding/protowire"

	"ccaas-template-builder/internal/must"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/store"
)

// TestNodeProbedUnderLoad checks that a server keeps serving its peer while a watch probes it
// again and again, and that the watch notices when the server is down.
func TestNodeProbedUnderLoad(t *testing.T) {
	requireShims(t)
	requireNode(t)
	probedUnderLoad(t, onNode)
}

func TestGoProbedUnderLoad(t *testing.T) {
	requireShims(t)
	probedUnderLoad(t, onGo.built(t))
}

func probedUnderLoad(t *testing.T, example example) {
	w := newWorld(t, example)
	p := w.peers[0]
	w.install(p)
	w.start(p)
	c := w.connect(p)
	defer c.close()

	watch := exec.Command(w.ccaas, "refresh", "--peer-dir", string(p.store), "--env-file", p.envFile, "--watch", "-o", "json",
		"--probe-interval", "1ms")
	lines := must.Get(watch.StderrPipe())(t)
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watch.Process.Signal(syscall.SIGTERM); _ = watch.Wait() }()
	said := json.NewDecoder(lines)
	next := func(want string) time.Time {
		t.Helper()
		for {
			var e struct {
				Msg  string
				Time time.Time
			}
			if err := said.Decode(&e); err != nil {
				t.Fatal(err)
			}
			if e.Msg == want {
				return e.Time
			}
		}
	}
	next("server up")
	const invocations = 3000
	begun := time.Now()
	for n := range invocations {
		if err := c.invoke(n); err != nil {
			t.Fatalf("invocation %d: %v", n, err)
		}
	}
	stopped := time.Now()
	t.Logf("%d invocations in %s", invocations, stopped.Sub(begun))
	p.stop()
	if down := next("server down"); down.Before(stopped) {
		t.Errorf("at %s it found the server down, which was stopped at %s", down, stopped)
	}
	w.start(p)
	next("server up")
}

// connected is a peer's connection to its chaincode server. It supports only invocations that
// read no state.
type connected struct {
	server   string // the server name that the answer must contain
	client   *grpc.ClientConn
	stream   grpc.ClientStream
	proposal []byte // the SignedProposal, with only the fields that a chaincode reads
}

func (c *connected) close() { c.client.Close() }

// The types of messages between a peer and a chaincode (fabric-protos, chaincode_shim.proto).
const (
	registered  = 2
	ready       = 4
	transaction = 5
	completed   = 6
)

// connect dials a server with the connection that the peer reads, and completes the server's
// registration.
func (w *world) connect(p *servedPeer) *connected {
	w.t.Helper()
	file := filepath.Join(string(p.store.Build(w.id)), store.Release, chaincode.ReleasedConnection)
	c := must.Get(connection.Decode(must.Get(os.ReadFile(file))(w.t)))(w.t)
	config := &tls.Config{ServerName: c.ServerName(), RootCAs: x509.NewCertPool(),
		Certificates: []tls.Certificate{must.Get(tls.X509KeyPair([]byte(c.ClientCert), []byte(c.ClientKey)))(w.t)}}
	config.RootCAs.AppendCertsFromPEM([]byte(c.RootCert))
	client := must.Get(grpc.NewClient(c.Address, grpc.WithTransportCredentials(credentials.NewTLS(config))))(w.t)
	stream := must.Get(client.NewStream(context.Background(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true},
		"/protos.Chaincode/Connect", grpc.ForceCodec(bytesCodec{})))(w.t)
	creator := slices.Concat(field(1, []byte("Org1MSP")), field(2, []byte(c.ClientCert)))
	header := slices.Concat(field(1, []byte{1 << 3, 3}), field(2, field(1, creator))) // channel header of type ENDORSER_TRANSACTION
	input := field(1, []byte("server"))
	proposal := slices.Concat(field(1, header), field(2, field(1, input)))
	connected := &connected{p.name, client, stream, field(1, proposal)}
	if _, err := connected.receive(); err != nil { // REGISTER
		w.t.Fatal(err)
	}
	for _, kind := range []uint64{registered, ready} {
		if err := stream.SendMsg(message(kind, nil, nil, "")); err != nil {
			w.t.Fatal(err)
		}
	}
	return connected
}

// invoke calls the chaincode, which must answer with the name of its server.
func (c *connected) invoke(n int) error {
	input := field(1, []byte("server"))
	if err := c.stream.SendMsg(message(transaction, input, c.proposal, fmt.Sprint(n))); err != nil {
		return err
	}
	answer, err := c.receive()
	if err != nil {
		return err
	}
	kind, payload := fields(answer)
	if kind != completed || !strings.Contains(payload, c.server) {
		return fmt.Errorf("the answer is of type %d: %q", kind, payload)
	}
	return nil
}

func (c *connected) receive() (answer []byte, err error) { return answer, c.stream.RecvMsg(&answer) }

// message encodes a ChaincodeMessage.
func message(kind uint64, payload, proposal []byte, transaction string) []byte {
	m := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), kind)
	m = slices.Concat(m, field(3, payload), field(4, []byte(transaction)))
	if proposal != nil {
		m = append(m, field(5, proposal)...)
	}
	return append(m, field(7, []byte("mychannel"))...)
}

// field encodes a field of bytes.
func field(number protowire.Number, data []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), data)
}

// fields returns the type and the payload of a ChaincodeMessage.
func fields(m []byte) (kind uint64, payload string) {
	for len(m) > 0 {
		number, of, n := protowire.ConsumeTag(m)
		m = m[max(n, 0):]
		length := protowire.ConsumeFieldValue(number, of, m)
		if n < 0 || length < 0 {
			return 0, ""
		}
		switch number {
		case 1:
			kind, _ = protowire.ConsumeVarint(m)
		case 3:
			value, _ := protowire.ConsumeBytes(m)
			payload = string(value)
		}
		m = m[length:]
	}
	return kind, payload
}

// bytesCodec is a gRPC codec for messages that are already encoded.
type bytesCodec struct{}

func (bytesCodec) Name() string                  { return "proto" }
func (bytesCodec) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (bytesCodec) Unmarshal(data []byte, v any) error {
	to, ok := v.(*[]byte)
	if !ok {
		return errors.New("not bytes")
	}
	*to = append([]byte{}, data...)
	return nil
}

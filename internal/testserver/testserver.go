// Package testserver is a chaincode server for tests that sends one message and nothing more.
package testserver

import (
	"crypto/tls"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/encoding/protowire"
)

// Register returns the REGISTER message of a chaincode: field 1, type, is 1, and field 3,
// payload, is an ID whose field 2 is the name.
func Register(name string) []byte {
	id := protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), name)
	return protowire.AppendBytes(protowire.AppendTag([]byte{1 << 3, 1}, 3, protowire.BytesType), id)
}

// Serve sends first to each peer that opens the stream, or nothing if first is nil, until stop
// is called. Without a config, it does not use TLS.
func Serve(listener net.Listener, config *tls.Config, first []byte) (stop func()) {
	options := []grpc.ServerOption{grpc.ForceServerCodec(raw{})}
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	server := grpc.NewServer(options...)
	connect := func(_ any, stream grpc.ServerStream) error {
		if first != nil {
			if err := stream.SendMsg(first); err != nil {
				return err
			}
		}
		<-stream.Context().Done()
		return nil
	}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "protos.Chaincode",
		HandlerType: (*any)(nil),
		Streams:     []grpc.StreamDesc{{StreamName: "Connect", ServerStreams: true, ClientStreams: true, Handler: connect}},
	}, nil)
	go server.Serve(listener)
	return server.Stop
}

// raw is a codec that leaves messages as bytes.
type raw struct{}

func (raw) Name() string                       { return "proto" }
func (raw) Marshal(v any) ([]byte, error)      { return v.([]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { return nil }

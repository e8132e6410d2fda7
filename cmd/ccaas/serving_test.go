package main_test

import (
	"crypto/tls"
	"net"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"ccaas-template-builder/internal/testserver"
)

// serving implements "serving NAME IDFILE [CERT KEY]". It starts a server that registers with
// the chaincode ID in a file, and sets NAME to its address. The server runs until the script
// ends.
func serving(ts *testscript.TestScript, _ bool, args []string) {
	var config *tls.Config
	if len(args) > 2 {
		pair, err := tls.X509KeyPair([]byte(ts.ReadFile(args[2])), []byte(ts.ReadFile(args[3])))
		ts.Check(err)
		config = &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	id := strings.TrimSpace(ts.ReadFile(args[1]))
	ts.Defer(testserver.Serve(listener, config, testserver.Register(id)))
	_, port, _ := strings.Cut(listener.Addr().String(), ":")
	ts.Setenv(args[0], "localhost:"+port)
}

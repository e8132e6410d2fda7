package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"

	"ccaas-template-builder/internal/message"
)

// server is what the environment tells a chaincode server. The files are paths on the server's
// machine. They are empty if it needs none.
type server struct {
	packageID, address   string
	tls                  bool
	cert, key, clientCAs string
}

// shim says how the environment of one of Hyperledger's shims is written.
type shim struct {
	variables func(server) variables
	clientCAs bool   // whether there is a variable for the CA of clients
	remark    string // about TLS
}

// shims are the values of --shim.
var shims = map[string]shim{
	// The Go shim reads no variables. These are the variables of Fabric's sample
	// asset-transfer-basic/chaincode-external.
	"go": {clientCAs: true, variables: func(s server) variables {
		return variables{
			{"CHAINCODE_ID", s.packageID},
			{"CHAINCODE_SERVER_ADDRESS", s.address},
			{"CHAINCODE_TLS_DISABLED", strconv.FormatBool(!s.tls)},
			{"CHAINCODE_TLS_CERT", s.cert},
			{"CHAINCODE_TLS_KEY", s.key},
			{"CHAINCODE_CLIENT_CA_CERT", s.clientCAs},
		}
	}},
	// Options of fabric-chaincode-node server: lib/cmds/serverCommand.js of fabric-shim.
	"node": {clientCAs: true, variables: func(s server) variables {
		return variables{
			{"CORE_CHAINCODE_ID", s.packageID},
			{"CORE_CHAINCODE_ADDRESS", s.address},
			{"CORE_CHAINCODE_TLS_CERT_FILE", s.cert},
			{"CORE_CHAINCODE_TLS_KEY_FILE", s.key},
			{"CORE_CHAINCODE_TLS_CLIENT_CACERT_FILE", s.clientCAs},
		}
	}},
	// ChaincodeBase of fabric-chaincode-shim. The server uses the two …_FILE variables. For
	// each peer that connects, the shim also reads the others, as if it were going to dial
	// that peer.
	"java": {
		remark: "the shim also reads a copy of the certificate and of the key in base64: base64 -w0 FILE >FILE.b64",
		variables: func(s server) variables {
			all := variables{{"CORE_CHAINCODE_ID_NAME", s.packageID}, {"CHAINCODE_SERVER_ADDRESS", s.address}}
			if !s.tls {
				return all
			}
			return append(all, variables{
				{"CORE_PEER_TLS_ENABLED", "true"},
				{"CORE_TLS_CLIENT_CERT_FILE", s.cert},
				{"CORE_TLS_CLIENT_KEY_FILE", s.key},
				{"CORE_TLS_CLIENT_CERT_PATH", s.cert + ".b64"},
				{"CORE_TLS_CLIENT_KEY_PATH", s.key + ".b64"},
				{"CORE_PEER_TLS_ROOTCERT_FILE", s.cert},
			}...)
		},
	},
}

// listenAddress returns the address on which a server must listen if peers dial address. The
// port is the same. It is on all interfaces or, if the peer dials loopback, only on that.
func listenAddress(address string) string {
	host, port, _ := net.SplitHostPort(address) // a rendered address always has both
	ip := net.ParseIP(host)
	switch {
	case host == "localhost", ip.IsLoopback():
		return address
	case ip != nil && ip.To4() == nil:
		return net.JoinHostPort("::", port)
	}
	return net.JoinHostPort("0.0.0.0", port)
}

// variable is a variable of an environment.
type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// variables is an environment, in the order in which it is printed.
type variables []variable

// set returns the variables that have a value.
func (v variables) set() variables {
	return slices.DeleteFunc(v, func(v variable) bool { return v.Value == "" })
}

// object returns the environment as an object for JSON.
func (v variables) object() map[string]string {
	object := map[string]string{}
	for _, variable := range v {
		object[variable.Name] = variable.Value
	}
	return object
}

// sameEverywhere matches values that docker, Compose, systemd and shells all read alike
// without quotes.
var sameEverywhere = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=\[\]-]*$`)

// writeLines writes the remarks as comments, and NAME=VALUE lines below them.
func (v variables) writeLines(w io.Writer, remarks []string) error {
	for _, variable := range v {
		if !sameEverywhere.MatchString(variable.Value) {
			return message.WithHint(fmt.Errorf("%s: docker, Compose, systemd and shells read %q differently",
				variable.Name, variable.Value), "use -o json or -o yaml, or another path")
		}
	}
	return v.write(w, remarks, func(v variable) string { return v.Name + "=" + v.Value })
}

// writeYAML writes the remarks as comments, and the env list of a Kubernetes container below
// them.
func (v variables) writeYAML(w io.Writer, remarks []string) error {
	return v.write(w, remarks, func(v variable) string {
		value, _ := json.Marshal(v.Value) // a JSON string is also a YAML string; encoding a string never fails
		return "- name: " + v.Name + "\n  value: " + string(message.PrintableJSON(value))
	})
}

func (v variables) write(w io.Writer, remarks []string, format func(variable) string) error {
	for _, remark := range remarks {
		if _, err := fmt.Fprintln(w, "#", message.OneLine(remark)); err != nil {
			return err
		}
	}
	for _, variable := range v {
		if _, err := fmt.Fprintln(w, format(variable)); err != nil {
			return err
		}
	}
	return nil
}

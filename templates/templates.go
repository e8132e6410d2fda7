// Package templates holds the bundled connection.json templates.
package templates

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.json
var files embed.FS

// Names returns the names of the bundled templates, the simplest first:
//
//	plain          no TLS
//	tls            the peer verifies the chaincode server
//	mtls           and the server verifies the peer, by the environment's certificates
//	peer-identity  the same, by the peer's own TLS certificate and key
//	ccaas          values as Fabric's test network supplies them
func Names() []string {
	return []string{"plain", "tls", "mtls", "peer-identity", "ccaas"}
}

// Read returns the bundled template of this name.
func Read(name string) ([]byte, error) {
	data, err := files.ReadFile(name + ".json")
	if err != nil {
		return nil, fmt.Errorf("there is no bundled template %q: choose one of %s", name, strings.Join(Names(), ", "))
	}
	return data, nil
}

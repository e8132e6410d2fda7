// Package templates has the bundled templates of connection.json.
package templates

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.json
var files embed.FS

// Names returns the names of the bundled templates, beginning with the simplest:
//
//	plain          no TLS
//	tls            the peer verifies the chaincode server
//	mtls           the server also verifies the peer; certificate and key from variables
//	peer-identity  the same, with the peer's own TLS certificate and key
//	ccaas          for values as Fabric's test network supplies them
func Names() []string {
	return []string{"plain", "tls", "mtls", "peer-identity", "ccaas"}
}

// Read returns the bundled template with this name.
func Read(name string) ([]byte, error) {
	data, err := files.ReadFile(name + ".json")
	if err != nil {
		return nil, fmt.Errorf("there is no bundled template %q: choose one of %s", name, strings.Join(Names(), ", "))
	}
	return data, nil
}

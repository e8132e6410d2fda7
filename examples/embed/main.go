// Command embed renders the connection.json of a peer from a map of values, as the controller
// of an operator could do.
package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
)

// render renders the template in document for the peer that has these values.
func render(document []byte, label string, values map[string]string) (connection.Connection, error) {
	parsed, templateErr := template.Parse(chaincode.ConnectionFile, document)
	env, valuesErr := environ.Load(values, label)
	if err := errors.Join(templateErr, valuesErr); err != nil {
		return connection.Connection{}, err
	}
	rendered, err := parsed.Render(env, chaincode.Metadata{Type: chaincode.DefaultType, Label: label}, time.Now())
	return rendered.Connection, err
}

func main() {
	document := []byte(`{"address": "{{ .Chaincode.Label }}.{{ .Peer.ID }}:9999", "tls_required": false}`)
	c, err := render(document, "basic", map[string]string{"CORE_PEER_ID": "peer0.org1.example.com"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Stdout.Write(c.Encode())
}

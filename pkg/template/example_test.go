package template_test

import (
	"fmt"
	"time"

	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
)

func ExampleTemplate_Render() {
	document := `{"address": "{{ .Chaincode.Label }}.{{ .Peer.ID }}:9999", "tls_required": false}`
	parsed, err := template.Parse("connection.json", []byte(document))
	if err != nil {
		fmt.Println(err)
		return
	}
	metadata := chaincode.Metadata{Type: chaincode.DefaultType, Label: "basic"}
	for _, peer := range []string{"peer0.org1.example.com", "peer1.org1.example.com"} {
		env, err := environ.Load(map[string]string{"CORE_PEER_ID": peer}, metadata.Label)
		if err != nil {
			fmt.Println(err)
			return
		}
		rendered, err := parsed.Render(env, metadata, time.Now())
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(rendered.Connection.Address)
	}
	// Output:
	// basic.peer0.org1.example.com:9999
	// basic.peer1.org1.example.com:9999
}

func ExampleTemplate_Fields() {
	document := `{"address": "{{ .Chaincode.Label }}.{{ .Env.HOST }}:{{ .port }}", "tls_required": false}`
	parsed, err := template.Parse("connection.json", []byte(document))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, field := range parsed.Fields()[:1] {
		for _, read := range field.Reads {
			fmt.Println(read.Kind, read.Name)
		}
	}
	// Output:
	// metadata Label
	// environment HOST
	// json port
}

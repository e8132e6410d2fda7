package template_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/testpki"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
)

// connect renders a document as a peer with this environment would.
func connect(t *testing.T, document string, env map[string]string) (template.Rendered, error) {
	t.Helper()
	parsed, err := template.Parse("connection.json", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := environ.Load(env, "basic")
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Render(loaded, chaincode.Metadata{Type: "ccaas", Label: "basic", Extra: map[string]any{"team": "a"}}, time.Now())
}

func TestConnection(t *testing.T) {
	ca, err := testpki.CA("ca", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	client, err := ca.Issue("peer0", time.Now(), time.Now().AddDate(0, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"CORE_CHAINCODE_ADDRESS": "cc:1", "CORE_CHAINCODE_DOMAIN": "cc.example.com",
		"CORE_CHAINCODE_ROOT_CERT": ca.Cert, "CORE_CHAINCODE_TLS_CLIENT_CERT": client.Cert, "CORE_CHAINCODE_TLS_CLIENT_KEY": client.Key}
	plain := connection.Connection{Address: "cc:1", DialTimeout: "3s"}
	tls := connection.Connection{Address: "cc:1", Domain: "cc.example.com", DialTimeout: "3s", TLSRequired: true, RootCert: ca.Cert}
	mutual := tls
	mutual.ClientAuthRequired, mutual.ClientCert, mutual.ClientKey = true, client.Cert, client.Key
	for document, want := range map[string]connection.Connection{
		// a key that is left out takes its value from its setting
		`{}`:                             tls,
		`{"client_auth_required": true}`: mutual,
		`{"tls_required": "true", "client_auth_required": "true"}`: mutual,
		// keys that the peer does not read are neither evaluated nor written
		`{"tls_required": false}`: plain,
		`{"tls_required": false, "client_auth_required": true, "domain": "{{ .Env.NONE }}", "root_cert": "{{ .Env.NONE }}", "client_key": "x"}`: plain,
		`{"client_cert": "{{ .Env.NONE }}"}`: tls,
		// only the PEM blocks are written
		`{"root_cert": "word\n{{ .RootCert }}\nword"}`: tls,
		// a value in the document wins over the environment
		`{"tls_required": false, "address": "mine:2", "dial_timeout": "10s"}`: {Address: "mine:2", DialTimeout: "10s"},
		`{"domain": ""}`: {Address: "cc:1", DialTimeout: "3s", TLSRequired: true, RootCert: ca.Cert},
		// metadata.json
		`{"tls_required": false, "address": "{{ .Chaincode.Label }}-{{ .Chaincode.Type }}-{{ .Chaincode.Extra.team }}{{ .Chaincode.Path }}:1"}`: {Address: "basic-ccaas-a:1", DialTimeout: "3s"},
	} {
		got, err := connect(t, document, env)
		if err != nil || got.Connection != want {
			t.Errorf("%s: got %+v, %v, want %+v", document, got.Connection, err, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	ca, err := testpki.CA("ca", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	with := map[string]string{"CORE_CHAINCODE_ADDRESS": "cc:1", "CORE_CHAINCODE_ROOT_CERT": ca.Cert}
	without := map[string]string{"CORE_CHAINCODE_ADDRESS": "cc:1"}
	for _, test := range []struct {
		document string
		env      map[string]string
		want     string
	}{
		{`{}`, with, ""},
		{`{"tls_required": false}`, without, ""},
		{`{"tls_required": false, "root_cert": ""}`, without, ""},
		{`{"tls_required": false}`, with, "connection.json:1:18: tls_required: is false, so the connection has no TLS"},
		{`{"tls_required": false, "root_cert": "{{ .RootCert }}"}`, without, "connection.json:1:18: tls_required: is false, so the connection has no TLS"},
		{`{"domain": "cc.example.com"}`, with, "connection.json:1:12: domain: the peer ignores it without client_auth_required"},
		{`{"tls_required": false, "client_key": "{{/* none */}}"}`, without, ""},
		{`{"tls_required": false, "client_key": "-----BEGIN"}`, without, "connection.json:1:39: client_key: is in the package itself"},
	} {
		got, err := connect(t, test.document, test.env)
		if err != nil {
			t.Errorf("%s: %v", test.document, err)
		}
		warnings := got.Warnings
		text := ""
		if len(warnings) > 0 {
			text = warnings[0].Error()
		}
		if (test.want == "") != (len(warnings) == 0) || !strings.HasPrefix(text, test.want) {
			t.Errorf("%s: got %v, want %q", test.document, warnings, test.want)
		}
	}
}

func TestErrorsNameTheVariables(t *testing.T) {
	env := map[string]string{"HOST": "bad host", "PORT": "99999", "CORE_CHAINCODE_TIMEOUT": "soon"}
	_, err := connect(t, `{"tls_required": "{{ .Env.HOST }}", "address": "{{ .Env.HOST }}:{{ env "PORT" }}"}`, env)
	want := []string{
		`connection.json:1:18: tls_required: must be true or false (from HOST)`,
		`connection.json:1:48: address: must be HOST:PORT with a port from 1 to 65535 (from HOST, PORT)`,
		`connection.json: dial_timeout: must be a duration such as 3s, 500ms or 1m (from CORE_CHAINCODE_TIMEOUT)`,
	}
	var got []string
	for _, e := range message.Errors(err) {
		got = append(got, e.Error())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// An error about the variable of a setting has the place of the key that reads it, if one does.
func TestPlaced(t *testing.T) {
	_, wrong := environ.Load(map[string]string{"CORE_CHAINCODE_TLS_REQUIRED": "perhaps", "CCAAS_REQUIRE_TLS": "perhaps"}, "basic")
	const places = "CORE_CHAINCODE_TLS_REQUIRED must be true or false\nCCAAS_REQUIRE_TLS must be true or false"
	for document, want := range map[string]string{
		`{"address": "{{ .Env.HOST }}"}`:                               "connection.json: tls_required: " + places,
		`{"dial_timeout": "3s", "tls_required": "{{ .TLSRequired }}"}`: "connection.json:1:40: tls_required: " + places,
		`{"tls_required": true, "address": "cc:1"}`:                    places,
	} {
		parsed, err := template.Parse("connection.json", []byte(document))
		if err != nil {
			t.Fatal(err)
		}
		if got := parsed.Placed(wrong); got == nil || got.Error() != want {
			t.Errorf("%s: got %v, want %s", document, got, want)
		}
	}
	if got := (*template.Template)(nil).Placed(wrong); got != wrong {
		t.Errorf("without a template, got %v", got)
	}
}

func TestParseReportsAll(t *testing.T) {
	_, err := template.Parse("c", []byte(`{"adress": "{{ foo }}", "Domain": 1, "tls_required": "{{"}`))
	if got := len(message.Errors(err)); got != 4 {
		t.Errorf("got %d errors: %v", got, err)
	}
}

func TestVariables(t *testing.T) {
	for document, want := range map[string]string{
		`{}`: "CORE_CHAINCODE_ADDRESS!:address CORE_CHAINCODE_DOMAIN:domain CORE_CHAINCODE_TIMEOUT:dial_timeout CORE_CHAINCODE_TLS_REQUIRED:tls_required " +
			"CORE_CHAINCODE_CLIENT_AUTH_REQUIRED:client_auth_required CORE_CHAINCODE_ROOT_CERT!:root_cert CORE_CHAINCODE_TLS_CLIENT_CERT:client_cert CORE_CHAINCODE_TLS_CLIENT_KEY*:client_key",
		`{"address":"{{.peername}}_basic_ccaas:9999","dial_timeout":"10s","tls_required":false}`: "CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG!:address",
		`{"address":"a:1","dial_timeout":"1s","tls_required":true,"client_auth_required":true,"domain":"x","root_cert":"{{ envFile "CA_FILE" }}","client_cert":"{{ .Env.CERT }}{{ .Chaincode.Label }}","client_key":"{{ .Env.CERT }}"}`: "CA_FILE!:root_cert CERT!*:client_cert,client_key",
		`{"address":"{{ env "A_KEY" }}{{ envFile "B_KEY_FILE" }}","dial_timeout":"1s","tls_required":false}`:                                                                                                                            "A_KEY*:address B_KEY_FILE!*:address",
		`{"address":"{{ .Peer.ID }}.{{ .Peer.ID }}:1","dial_timeout":"{{ .Peer.ID }}","tls_required":false}`:                                                                                                                            "CORE_PEER_ID!:address,dial_timeout",
		`{"address":"a:1","dial_timeout":"1s","tls_required":"{{ env "TLS" }}","client_auth_required":false,"domain":"","root_cert":"{{ .RootCert }}"}`:                                                                                 "TLS:tls_required CORE_CHAINCODE_ROOT_CERT:root_cert",
	} {
		parsed, err := template.Parse("c", []byte(document))
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		for _, v := range parsed.Variables() {
			mark := ""
			if v.Required {
				mark += "!"
			}
			if v.Secret {
				mark += "*"
			}
			got = append(got, fmt.Sprintf("%s%s:%s", v.Name, mark, strings.Join(v.Fields, ",")))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s\nreads %s\nwant  %s", document, strings.Join(got, " "), want)
		}
	}
}

// A variable counts as read by the document if any key in the document reads it.
func TestVariablesInDocument(t *testing.T) {
	parsed, err := template.Parse("c", []byte(`{"domain": "{{ env "CORE_CHAINCODE_ADDRESS" }}", "root_cert": ""}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range parsed.Variables() {
		if want := v.Name == "CORE_CHAINCODE_ADDRESS"; v.InDocument != want {
			t.Errorf("%s is in the document: %t", v.Name, v.InDocument)
		}
	}
}

func TestFields(t *testing.T) {
	parsed, err := template.Parse("c", []byte(`{"address": "{{ .peername }}{{ .Peer.Id }}{{ .Address }}{{ .Chaincode.Label }}{{ env "CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG" }}{{ .Env.X }}",
 "tls_required" : {{ .TLSRequired }} , "client_auth_required": "{{ oops }}", "dial_timeout": "{{/* ten */}}10s"}`))
	if err == nil || parsed == nil {
		t.Fatalf("got %v, %v", parsed, err)
	}
	fields := map[string]template.Field{}
	for _, f := range parsed.Fields() {
		fields[f.Name] = f
	}
	want := []template.Read{
		{Kind: template.OfJSON, Name: "peername"},
		{Kind: template.OfJSON, Name: "Peer.Id"},
		{Kind: template.OfEnvironment, Name: "CORE_CHAINCODE_ADDRESS"},
		{Kind: template.OfMetadata, Name: "Label"},
		{Kind: template.OfEnvironment, Name: "CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG"},
		{Kind: template.OfEnvironment, Name: "X"},
	}
	if got := fields["address"].Reads; !slices.Equal(got, want) {
		t.Errorf("address reads %v, want %v", got, want)
	}
	if f := fields["tls_required"]; f.Source != "{{ .TLSRequired }}" || f.Line != 2 || f.Column != 19 || f.Default || !f.Readable || f.Unused {
		t.Errorf("tls_required is %+v", f)
	}
	if f := fields["client_auth_required"]; f.Readable || f.Literal != nil || f.Source != `"{{ oops }}"` {
		t.Errorf("client_auth_required is %+v", f)
	}
	if f := fields["dial_timeout"]; f.Literal != "10s" {
		t.Errorf("dial_timeout is %+v", f)
	}
	if f := fields["root_cert"]; !f.Default || f.Setting != "CORE_CHAINCODE_ROOT_CERT" || f.Line != 0 || f.HoldsPrivateKey {
		t.Errorf("root_cert is %+v", f)
	}
}

// Variables lists a variable as required if, and only if, rendering without it fails.
func TestRequiredVariablesAreRequired(t *testing.T) {
	ca, err := testpki.CA("ca", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"HOST": "a", "PORT": "1", "T": "3s", "CORE_CHAINCODE_ADDRESS": "a:1", "CORE_CHAINCODE_ROOT_CERT": ca.Cert}
	for _, document := range []string{
		`{}`,
		`{"address":"{{ .Env.HOST }}:{{ env "PORT" | default 1 }}","tls_required":false,"dial_timeout":"{{ required "give T" (env "T") }}"}`,
	} {
		parsed, err := template.Parse("c", []byte(document))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range parsed.Variables() {
			env := maps.Clone(all)
			delete(env, v.Name)
			if _, err := connect(t, document, env); (err != nil) != v.Required {
				t.Errorf("%s: %s is required: %t; without it: %v", document, v.Name, v.Required, err)
			}
		}
	}
}

package templates_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/golden"
	"ccaas-template-builder/internal/testpki"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
	"ccaas-template-builder/templates"
)

func TestNamesAreTheFiles(t *testing.T) {
	files, err := filepath.Glob("*.json")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(file, ".json"))
	}
	if want := slices.Sorted(slices.Values(templates.Names())); !slices.Equal(names, want) {
		t.Errorf("the files are %v, the names %v", names, want)
	}
}

// Each template renders to its golden file, with CORE_CHAINCODE_ADDRESS and without it.
// Without it, one peer can serve many chaincodes.
func TestGolden(t *testing.T) {
	now := time.Now()
	ca, err := testpki.CA("ca", now)
	if err != nil {
		t.Fatal(err)
	}
	client, err := ca.Issue("peer0", now, now.AddDate(0, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{"ca.crt": ca.Cert, "client.crt": client.Cert, "client.key": client.Key} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := func(root, cert, key string) map[string]string {
		return map[string]string{root: dir + "/ca.crt", cert: dir + "/client.crt", key: dir + "/client.key"}
	}
	for name, env := range map[string]map[string]string{
		"plain":         {},
		"tls":           {"CORE_CHAINCODE_ROOT_CERT_FILE": dir + "/ca.crt"},
		"mtls":          files("CORE_CHAINCODE_ROOT_CERT_FILE", "CORE_CHAINCODE_TLS_CLIENT_CERT_FILE", "CORE_CHAINCODE_TLS_CLIENT_KEY_FILE"),
		"peer-identity": files("CORE_PEER_TLS_ROOTCERT_FILE", "CORE_PEER_TLS_CERT_FILE", "CORE_PEER_TLS_KEY_FILE"),
		"ccaas":         {"CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG": `{"peername":"peer0org1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			env["CORE_PEER_ID"] = "peer0.org1.example.com"
			var got strings.Builder
			for _, address := range []string{"", "given.example.com:7052"} {
				env["CORE_CHAINCODE_ADDRESS"] = address
				rendered := string(render(t, name, env, now))
				for placeholder, pem := range map[string]string{"CA": ca.Cert, "CERTIFICATE": client.Cert, "KEY": client.Key} {
					rendered = strings.ReplaceAll(rendered, strings.ReplaceAll(pem, "\n", `\n`), "<"+placeholder+">")
				}
				got.WriteString(rendered)
			}
			golden.Check(t, filepath.Join("testdata", name+".golden"), []byte(got.String()))
		})
	}
}

func render(t *testing.T, name string, env map[string]string, now time.Time) []byte {
	t.Helper()
	data, err := templates.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := template.Parse(name, data)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := environ.Load(env, "Basic_1.0")
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := parsed.Render(loaded, chaincode.Metadata{Type: "ccaas", Label: "Basic_1.0"}, now)
	if err != nil || len(rendered.Warnings) > 0 {
		t.Fatal(err, rendered.Warnings)
	}
	return rendered.Connection.Encode()
}

package template_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/testpki"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
)

// Whatever the values are, there is an error, or the document keeps the keys and types that
// its author gave it. Then each value appears between the words that the author put around it,
// and the peer decodes exactly what was validated.
func FuzzConnection(f *testing.F) {
	ca, err := testpki.CA("ca", time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("cc", "10s", "cc.example.com")
	f.Add(`cc","tls_required":false,"x":"`, "1s", "")
	f.Add("{{ .Env.HOST }}", "{{", "}}")
	f.Add("cc\n", `\`, "\u2028\x00<>&")
	const document = `{"address": "a.{{ .Env.HOST }}.z:1", "dial_timeout": "{{ env "WAIT" }}", "domain": "{{ env "DOMAIN" }}", "tls_required": {{ .TLSRequired }}, "root_cert": "{{ .RootCert }}"}`
	parsed, err := template.Parse("connection.json", []byte(document))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, host, wait, domain string) {
		env, err := environ.Load(map[string]string{"HOST": host, "WAIT": wait, "DOMAIN": domain, "CORE_CHAINCODE_ROOT_CERT": ca.Cert}, "basic")
		if err != nil {
			t.Fatal(err)
		}
		rendered, err := parsed.Render(env, chaincode.Metadata{Label: "basic"}, time.Now())
		for _, value := range []string{host, wait, domain} {
			for _, e := range append(rendered.Warnings, err) {
				// An error must not contain a value. Short values may occur in it by chance.
				if e != nil && len(value) > 12 && !strings.Contains(document+"must be HOST:PORT", value) && strings.Contains(e.Error(), value) {
					t.Errorf("%q holds the value %q", e, value)
				}
			}
		}
		if err != nil {
			return
		}
		c := rendered.Connection
		want := connection.Connection{Address: "a." + host + ".z:1", DialTimeout: wait, Domain: domain, TLSRequired: true, RootCert: ca.Cert}
		if c != want {
			t.Fatalf("got %+v, want %+v", c, want)
		}
		decoded, err := connection.Decode(c.Encode())
		if err != nil || decoded != want {
			t.Fatalf("decoded to %+v, %v, want %+v", decoded, err, want)
		}
		var members map[string]any
		if err := json.Unmarshal(c.Encode(), &members); err != nil {
			t.Fatal(err)
		}
		keys := []string{"address", "client_auth_required", "dial_timeout", "domain", "root_cert", "tls_required"}
		if domain == "" {
			keys = slices.Delete(keys, 3, 4)
		}
		if got := slices.Sorted(maps.Keys(members)); !slices.Equal(got, keys) {
			t.Errorf("the keys are %v, want %v", got, keys)
		}
	})
}

package template_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
)

var (
	now      = time.Now()
	metadata = chaincode.Metadata{Type: "ccaas", Label: "basic"}
)

func parse(t *testing.T, document string) *template.Template {
	t.Helper()
	parsed, err := template.Parse("c", []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// What a peer lacks depends on what it has. Either name of a setting will do. Where a template
// takes any of several variables, one that is set will do.
func TestMissing(t *testing.T) {
	const legacy = environ.LegacyVariable
	for _, test := range []struct{ document, has, missing string }{
		{`{}`, "", "CORE_CHAINCODE_ADDRESS CORE_CHAINCODE_ROOT_CERT"},
		{`{}`, "CORE_CHAINCODE_ADDRESS", "CORE_CHAINCODE_ROOT_CERT"},
		{`{}`, "CORE_CHAINCODE_ADDRESS CORE_CHAINCODE_ROOT_CERT", ""},
		{`{}`, "CORE_CHAINCODE_ADDRESS CORE_CHAINCODE_ROOT_CERT_FILE", ""},
		{`{}`, "CORE_CHAINCODE_ADDRESS_FILE CORE_CHAINCODE_ROOT_CERT", "CORE_CHAINCODE_ADDRESS"},
		{`{"tls_required": false, "address": "{{ .peername }}:1"}`, "", legacy},
		{`{"tls_required": false, "address": "{{ .peername }}:1"}`, legacy, ""},
		{`{"tls_required": false, "address": "{{ .Env.A }}{{ env "B" }}{{ envFile "C" }}"}`, "B", "A C"},
		{`{"tls_required": false, "address": "{{ required "x" (or (env "A") (env "B")) }}"}`, "", "B"},
		{`{"tls_required": false, "address": "{{ required "x" (or (env "A") (env "B")) }}"}`, "A", ""},
		{`{"tls_required": false, "address": "{{ $a := .Env.A }}{{ $b := upper .Env.B }}{{ required \"x\" (env \"C\") }}"}`, "", "A B C"},
		{`{"tls_required": false, "address": "{{ $a := .Env.A }}{{ if env \"A\" }}{{ .Env.B }}{{ else }}{{ .Env.C }}{{ end }}"}`, "", "A B"},
		{`{"tls_required": false, "address": "{{ if env \"A\" }}{{ .Env.B }}{{ end }}{{ .Env.A }}"}`, "", "A B"},
		{`{"tls_required": false, "address": "{{ $a := upper .Address }}{{ if .Address }}{{ .a }}{{ .b }}{{ else }}{{ .Env.C }}{{ end }}"}`, "",
			"CORE_CHAINCODE_ADDRESS " + legacy},
		{`{"tls_required": false, "address": "{{ upper .Env.KEY }}{{ .Env.A }}"}`, "", "KEY A"},
		{`{"address": "a:1", "client_key": "{{ .Env.K }}"}`, "CORE_CHAINCODE_ROOT_CERT", ""},
		{`{"address": "a:1", "client_auth_required": true}`, "CORE_CHAINCODE_ROOT_CERT K",
			"CORE_CHAINCODE_TLS_CLIENT_CERT CORE_CHAINCODE_TLS_CLIENT_KEY"},
	} {
		has := strings.Fields(test.has)
		var missing []string
		for _, v := range parse(t, test.document).Missing(func(name string) bool { return slices.Contains(has, name) }) {
			missing = append(missing, v.Name)
		}
		if got := strings.Join(missing, " "); got != test.missing {
			t.Errorf("%s with %q: missing %q, want %q", test.document, test.has, got, test.missing)
		}
	}
}

// What is missing in an environment depends on its values.
func TestMissingFrom(t *testing.T) {
	const legacy = environ.LegacyVariable
	const stage = `{"tls_required": false, "address": "{{ if eq (env "STAGE") "prod" }}{{ .Env.P }}{{ .Env.Q }}{{ else }}{{ .Env.T }}{{ end }}"}`
	for _, test := range []struct{ document, variables, missing string }{
		{`{}`, "", "CORE_CHAINCODE_ADDRESS CORE_CHAINCODE_ROOT_CERT"},
		{`{}`, "CORE_CHAINCODE_TLS_REQUIRED=false", "CORE_CHAINCODE_ADDRESS"},
		{`{}`, "CORE_CHAINCODE_ADDRESS=cc:1", "CORE_CHAINCODE_ROOT_CERT"},
		{`{}`, legacy + `={"Address":"cc:1","TLSRequired":false}`, ""},
		{`{"tls_required": false, "address": "{{ .peername }}:1"}`, "", legacy},
		{`{"tls_required": false, "address": "{{ .peername }}:1"}`, legacy + `={"other":1}`, ""},
		{stage, "", "T"},
		{stage, "T=x", ""},
		{stage, "STAGE=prod", "P Q"},
		{stage, "STAGE=prod P=x", "Q"},
		{`{"address": "a:1"}`, "CORE_CHAINCODE_CLIENT_AUTH_REQUIRED=true CORE_CHAINCODE_ROOT_CERT=x",
			"CORE_CHAINCODE_TLS_CLIENT_CERT CORE_CHAINCODE_TLS_CLIENT_KEY"},
	} {
		process := map[string]string{}
		for _, pair := range strings.Fields(test.variables) {
			name, value, _ := strings.Cut(pair, "=")
			process[name] = value
		}
		env, err := environ.Load(process, metadata.Label)
		if err != nil {
			t.Fatal(err)
		}
		var missing []string
		for _, v := range parse(t, test.document).MissingFrom(env, metadata) {
			missing = append(missing, v.Name)
		}
		if got := strings.Join(missing, " "); got != test.missing {
			t.Errorf("%s with %q: missing %q, want %q", test.document, test.variables, got, test.missing)
		}
	}
}

// Each of up to three variables is tried with each sample, until a value is accepted.
func TestTry(t *testing.T) {
	refused := errors.New("refused")
	for document, want := range map[string]string{
		`{"address": "{{ .peername }}"}`:                                    "a b",
		`{"address": "cc:1"}`:                                               "",
		`{"address": "{{ .Env.A }}"}`:                                       "a b",
		`{"address": "{{ .Env.A }}{{ .Env.A }}"}`:                           "aa bb",
		`{"address": "{{ .Env.A }}{{ .Env.B }}"}`:                           "aa ba ab bb",
		`{"address": "{{ .Env.A }}{{ .Env.B }}{{ env "C" }}"}`:              "aaa baa aba bba aab bab abb bbb",
		`{"address": "{{ .Env.A }}{{ .Env.B }}{{ env "C" }}{{ env "D" }}"}`: "",
		`{"address": "{{ .Chaincode.Label }}"}`:                             "",
	} {
		parsed := parse(t, document)
		var tried []string
		err := parsed.Try("address", []string{"a", "b"}, func(v any) error {
			tried = append(tried, v.(string))
			return refused
		})
		if got := strings.Join(tried, " "); got != want || (err != nil) != (want != "") || err != nil && !errors.Is(err, refused) {
			t.Errorf("%s: tried %q, %v, want %q", document, got, err, want)
		}
		count := 0
		err = parsed.Try("address", []string{"a", "b"}, func(any) error {
			if count++; count == 2 {
				return nil
			}
			return refused
		})
		if err != nil || count > 2 {
			t.Errorf("%s: %d tries, %v", document, count, err)
		}
	}
	err := parse(t, `{"address": "{{ atoi (env "A") | index (list) }}"}`).Try("address", []string{"1"}, func(any) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "the list has no such element") {
		t.Errorf("got %v", err)
	}
	err = parse(t, `{"client_key": "{{ env "API_KEY" }}"}`).Try("client_key", []string{"a"}, func(v any) error {
		if _, ok := v.(environ.Secret); !ok {
			t.Errorf("a key is tried as %v", v)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Names returns every name under which a variable can be set, in the same order each time.
func TestNames(t *testing.T) {
	parsed := parse(t, `{"address": "{{ .Address }}{{ .Chaincode.Label }}", "dial_timeout": "{{ env "T" }}", "domain": "",
		"tls_required": false, "client_auth_required": false, "client_cert": "", "client_key": "x"}`)
	want := []string{"CORE_CHAINCODE_ADDRESS", "T", "CORE_CHAINCODE_ROOT_CERT", "CORE_CHAINCODE_ROOT_CERT_FILE"}
	for range 20 {
		if got := parsed.Names(); !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// Each error has a hint that helps the operator, and no other.
func TestHints(t *testing.T) {
	const tls = "the template has no tls_required, so TLS is on"
	for _, test := range []struct {
		document, key string
		hinted, noted bool
	}{
		{`{"address": "cc:1"}`, "root_cert", true, true},
		{`{"address": "cc:1", "tls_required": true}`, "root_cert", true, false},
		{`{"tls_required": false}`, "address", true, false},
		{`{"tls_required": false, "address": "{{ .Env.A }}"}`, "address", true, false},
		{`{"tls_required": false, "address": "{{ required "x" (env "A") }}"}`, "address", false, false},
		{`{"tls_required": false, "address": "cc"}`, "address", false, false},
		{`{"tls_required": false, "address": "{{ .Chaincode.Path.x }}"}`, "address", false, false},
	} {
		env, err := environ.Load(nil, "basic")
		if err != nil {
			t.Fatal(err)
		}
		_, err = parse(t, test.document).Render(env, metadata, now)
		errs := message.Errors(err)
		if len(errs) != 1 {
			t.Fatalf("%s: got %v", test.document, err)
		}
		text, hints := errs[0].Error(), message.Hints(err)
		if !strings.Contains(text, test.key+": ") || strings.Contains(text, "(from )") ||
			(len(hints) > 0) != test.hinted || len(hints) > 0 && hints[0] == "" || strings.Contains(text, tls) != test.noted {
			t.Errorf("%s: got %v with the hints %q", test.document, err, hints)
		}
	}
}

// There is a warning if the operator asks for TLS and the template leaves it out.
func TestTLSAskedFor(t *testing.T) {
	for asked, want := range map[string]int{"true": 1, "false": 0, "": 0} {
		got, err := connect(t, `{"tls_required": false, "address": "cc:1"}`, map[string]string{"CORE_CHAINCODE_TLS_REQUIRED": asked})
		if err != nil || len(got.Warnings) != want {
			t.Errorf("%q: got %v, %v", asked, got.Warnings, err)
		}
	}
}

// A package has one template, of at most 64 KiB, under either of two names.
func TestParseDir(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if _, err := template.ParseDir(root); err == nil || !strings.Contains(err.Error(), "connection.json") {
		t.Errorf("without a template: %v", err)
	}
	put := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "connection.json.tmpl"), []byte(text), fs.FileMode(0o600)); err != nil {
			t.Fatal(err)
		}
	}
	put(`{"address": "cc:1"}`)
	if parsed, err := template.ParseDir(root); err != nil || parsed.Fields()[0].Literal != "cc:1" {
		t.Errorf("got %v, %v", parsed, err)
	}
	put(strings.Repeat(" ", 64<<10+1))
	if _, err := template.ParseDir(root); err == nil || !strings.Contains(err.Error(), "is larger than 65536 bytes") {
		t.Errorf("got %v", err)
	}
}

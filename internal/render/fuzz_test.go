package render_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"ccaas-template-builder/internal/render"
	"ccaas-template-builder/pkg/environ"
)

// Every document is parsed or rejected, and every member of a parsed document is rendered or
// rejected. A literal has the same value as in JSON, and a member reads only variables that it lists.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":"b"}`, `null`, `{"address":"{{.peername}}_basic_ccaas:9999","dial_timeout":"10s","tls_required":false}`,
		`{"a":"{{ env \"HOST\" }}"}`, `{"a":{{ .TLSRequired }},"b":"{{ or .Address "x" }}"}`,
		`{"a":"{{ if .tls.on }}{{ else }}{{ end }}"}`, "{\"a\":\"{{ `}}` }}{{/* \" */}}\\ud83d\\ude00\"}",
		`{"a":"{{ index . "a-b" }}{{ $x := 1 }}{{ $x }}"}`, `{"a":1e400,"b":-0}`,
		`{"a":"{{ with .tls }}{{ .on }}{{ $.Env.HOST }}{{ end }}{{ envFile "HOST" | default .Peer.ID }}"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := render.Parse("c.json", data)
		if err != nil {
			return
		}
		var plain map[string]any
		isJSON := json.Unmarshal(data, &plain) == nil
		for _, m := range d.Members {
			result, err := m.Render(onlyListed(t, m))
			literal, isLiteral := m.Literal()
			if s, ok := literal.(string); isLiteral && ok && isJSON && !strings.Contains(s, "{{") && s != plain[m.Key] {
				t.Errorf("%q is %q, in JSON %q", m.Key, s, plain[m.Key])
			}
			if err != nil {
				continue
			}
			switch v := result.Value.(type) {
			case string:
				if !utf8.ValidString(v) || len(v) > 64<<10 {
					t.Errorf("rendered to %d bytes, valid UTF-8: %t", len(v), utf8.ValidString(v))
				}
			case bool, int64, float64, environ.Secret:
			default:
				t.Errorf("rendered to %T", v)
			}
		}
	})
}

// onlyListed returns values that report an error when the member reads a variable that it does not
// list.
func onlyListed(t *testing.T, m *render.Member) render.Values {
	with, listed := values(), m.Reads()
	find := with.Env
	checked := func(kind render.ReadKind) func(name string) (environ.Var, error) {
		return func(name string) (environ.Var, error) {
			if !slices.ContainsFunc(listed, func(r render.Read) bool { return r.Kind == kind && r.Name() == name }) {
				t.Errorf("%s reads %s and does not list it", m.Source(), name)
			}
			return find(name)
		}
	}
	with.Env, with.EnvFile = checked(render.FromEnv), checked(render.FromEnvFile)
	return with
}

// A value is inserted unchanged into the author's text: it cannot end a string or add a key, and is
// never treated as a template.
func FuzzValue(f *testing.F) {
	f.Add("", "cc", ":9999")
	f.Add(`a"`, "\",\"tls_required\":false,\"x\":\"", `\`)
	f.Add("a", "{{ .Address }}", "\n")
	f.Add("}", "-----BEGIN CERTIFICATE-----\nMIIB\n", "{")
	f.Fuzz(func(t *testing.T, before, v, after string) {
		for _, s := range []string{before, v, after} {
			if !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError) || len(s) > 4096 {
				return
			}
		}
		if strings.Contains(before+after, "{{") || strings.HasSuffix(before, "{") || v == "" {
			return
		}
		quoted := func(s string) string {
			b, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			return strings.TrimSuffix(strings.TrimPrefix(string(b), `"`), `"`)
		}
		with := values()
		with.Env = func(name string) (environ.Var, error) { return environ.Var{Name: name, Value: v}, nil }
		for _, action := range []string{
			`{{ env "V" }}`, `{{ env \"V\" }}`, `{{ .Env.V }}`, "{{ env `V` }}", `{{ $x := env "V" }}{{ $x }}`,
		} {
			document := `{"other":true,"k":"` + quoted(before) + action + quoted(after) + `"}`
			d, err := render.Parse("c.json", []byte(document))
			if err != nil {
				t.Fatalf("%s: %v", document, err)
			}
			if len(d.Members) != 2 {
				t.Fatalf("%s: %d members", document, len(d.Members))
			}
			got, err := d.Member("k").Render(with)
			if err != nil || got.Value != before+v+after {
				t.Errorf("%s: got %q, %v, want %q", document, got.Value, err, before+v+after)
			}
		}
	})
}

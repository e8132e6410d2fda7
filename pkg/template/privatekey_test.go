package template_test

import (
	"strings"
	"testing"

	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
)

// If the document contains a private key, no error quotes the document, but an error about a
// variable that is not set still names it. Without a private key, errors quote what they are
// about.
func TestErrorsHideTheDocument(t *testing.T) {
	const key = `, "client_key": "-----BEGIN PRIVATE KEY-----\n"`
	const hidden = "is wrong, but not shown because the document holds a private key"
	for _, test := range []struct{ members, without, with string }{
		{`"address": "{{ oops }}"`, `address: there is no function "oops"`, "address: " + hidden},
		{`"addres": "cc:1"`, "addres", "c:1:2: " + hidden},
		{`"address": "{{ .Env.HOST }}"`, "HOST is not set", "address: HOST is not set"},
		{`"address": "{{ required "say so" (env "HOST") }}"`, "address: say so", "address: " + hidden},
		{`"address": "{{ index (list) 1 }}"`, "index: the list has no such element", "address: " + hidden},
	} {
		for document, want := range map[string]string{
			"{" + test.members + "}":       test.without,
			"{" + test.members + key + "}": test.with,
		} {
			parsed, err := template.Parse("c", []byte(document))
			if err == nil {
				env, loadErr := environ.Load(map[string]string{
					"CORE_CHAINCODE_TLS_REQUIRED": "false", "CORE_CHAINCODE_ADDRESS": "cc:1",
				}, "basic")
				if loadErr != nil {
					t.Fatal(loadErr)
				}
				_, err = parsed.Render(env, metadata, now)
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", document, err, want)
			}
		}
	}
}

// Fields shows the value of a key that reads nothing, and none that needs a variable.
func TestConstants(t *testing.T) {
	for document, want := range map[string]any{
		`{"address": "{{ print "cc:1" }}"}`: "cc:1", `{"address": "{{ .Address }}"}`: nil, `{"address": "cc:1"}`: "cc:1",
	} {
		parsed, err := template.Parse("c", []byte(document))
		if err != nil {
			t.Fatal(err)
		}
		if f := parsed.Fields()[0]; f.Name != "address" || f.Literal != want || f.Err != nil {
			t.Errorf("%s: got %+v", document, f)
		}
	}
}

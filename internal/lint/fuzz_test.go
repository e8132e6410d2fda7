package lint

import (
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/pkg/template"
)

// For any document, each finding has a code and a place, and its caret is within the line. A
// document that is not a valid template is an error.
func FuzzDocument(f *testing.F) {
	for _, document := range []string{
		`{}`, `{"adress": "x:1"}`, `{"address": "{{ if .A }}"}`, `{"address": {{ .B }}, "address": 1}`,
		`{"tls_required": false, "root_cert": "{{ $x := .RootCert }}{{ $x }}", "domain": "{{ env X }}"}`,
		"{\n\t\"client_key\": \"-----BEGIN PRIVATE KEY-----\"}", `{"client_auth_required": "false", "client_cert": "{{ index . "a b" }}"}`, `[`, `{"address": "{{ .`,
		`{"tls_required": "{{ oops }}", "address": "{{ .Address }}"}`, `{"client_auth_required": "{{ if }}", "address": "{{ .Address }}"}`,
	} {
		f.Add(document)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found, _ := document("c", []byte(text), 2, time.Now())
		for _, finding := range found {
			if finding.Code == "" || !strings.HasPrefix(finding.Place, "c") {
				t.Errorf("found %+v", finding)
			}
			if len(finding.Excerpt) == 2 && len([]rune(finding.Excerpt[1])) > len([]rune(finding.Excerpt[0]))+1 {
				t.Errorf("the caret is outside the line: %q", finding.Excerpt)
			}
		}
		_, err := template.Parse("c", []byte(text))
		if err != nil && finding.Count(found, finding.Error) == 0 {
			t.Errorf("%v, and nothing was found", err)
		}
	})
}

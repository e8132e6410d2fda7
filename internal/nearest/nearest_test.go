package nearest_test

import (
	"strings"
	"testing"

	"ccaas-template-builder/internal/nearest"
)

func TestName(t *testing.T) {
	keys := []string{"noun", "address", "dial_timeout", "tls_required", "root_cert"}
	for name, want := range map[string]string{
		"dial_timout":            "dial_timeout",
		"onun":                   "noun",
		"Address":                "address",
		"adress":                 "address",
		"rootcert":               "root_cert",
		"tlsRequired":            "tls_required",
		"x":                      "",
		strings.Repeat("x", 400): "",
		"":                       "",
		"something":              "",
		"dial-timeout":           "dial_timeout",
	} {
		if got := nearest.Name(name, keys); got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
}

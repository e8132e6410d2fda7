package nearest_test

import (
	"testing"

	"ccaas-template-builder/internal/nearest"
)

func TestName(t *testing.T) {
	keys := []string{"address", "dial_timeout", "tls_required", "root_cert"}
	for name, want := range map[string]string{
		"dial_timout":  "dial_timeout",
		"Address":      "address",
		"adress":       "address",
		"adderss":      "address",
		"rootcert":     "root_cert",
		"tlsRequired":  "tls_required",
		"x":            "",
		"":             "",
		"something":    "",
		"dial-timeout": "dial_timeout",
	} {
		if got := nearest.Name(name, keys); got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
}

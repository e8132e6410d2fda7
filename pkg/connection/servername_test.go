package connection_test

import (
	"testing"

	"ccaas-template-builder/pkg/connection"
)

// The server name is the host of the address or, with client authentication, the domain if set.
func TestServerName(t *testing.T) {
	for _, test := range []struct {
		address, domain string
		clientAuth      bool
		want            string
	}{
		{"cc:1", "", false, "cc"}, {"cc:1", "", true, "cc"}, {"[::1]:1", "", true, "::1"},
		{"cc:1", "other", false, "cc"}, {"cc:1", "other", true, "other"},
	} {
		c := connection.Connection{Address: test.address, Domain: test.domain, ClientAuthRequired: test.clientAuth}
		if got := c.ServerName(); got != test.want {
			t.Errorf("%+v: got %q", test, got)
		}
	}
}

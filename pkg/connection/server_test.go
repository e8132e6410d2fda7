package connection_test

import (
	"fmt"
	"strings"
	"testing"

	"ccaas-template-builder/pkg/connection"
)

func TestServers(t *testing.T) {
	for _, test := range []struct {
		a, b   string
		shared bool
	}{
		{"cc:9999", "cc:9999", true},
		{"cc:9999", "CC:9999", true},
		{"cc:9999", "cc:9998", false},
		{"cc:9999", "cc2:9999", false},
		{"[::1]:9999", "[0:0:0:0:0:0:0:1]:9999", true},
		{"[::ffff:10.0.0.1]:9999", "10.0.0.1:9999", true},
		{"[2001:DB8::1]:9999", "[2001:db8::1]:9999", true},
		{"localhost:9999", "127.0.0.1:9999", false}, // names are not resolved
		{"cc.example.com:9999", "cc:9999", false},
		{"", "", false},
		{"cc", "cc", false},
		{"cc:0", "cc:0", false},
		{"http://cc:9999", "http://cc:9999", false},
	} {
		servers := connection.Servers{}
		servers.Add("a:1", test.a)
		servers.Add("b:2", test.b)
		if a, b := servers.Shared("a:1", test.a) != nil, servers.Shared("b:2", test.b) != nil; a != test.shared || b != test.shared {
			t.Errorf("%q and %q: shared is %v and %v, want %v", test.a, test.b, a, b, test.shared)
		}
	}
}

// A package does not share an address with itself. Packages with the same label get a different
// hint, because they also share their values.
func TestSharedError(t *testing.T) {
	id := func(label, digit string) string { return label + ":" + strings.Repeat(digit, 64) }
	servers := connection.Servers{}
	servers.Add(id("basic", "1"), "cc:1")
	servers.Add(id("basic", "1"), "cc:1")
	if err := servers.Shared(id("basic", "1"), "cc:1"); err != nil {
		t.Errorf("with itself: %v", err)
	}
	for label, want := range map[string]string{
		"basic":     "make the new one with another label",
		"basic_2.0": "LABEL/CORE_CHAINCODE_ADDRESS",
		"basi":      "LABEL/CORE_CHAINCODE_ADDRESS",
	} {
		err := servers.Shared(id(label, "2"), "CC:1")
		if err == nil || !strings.Contains(err.Hint(), want) {
			t.Errorf("%s: got %v, want the hint %q", label, err, want)
		}
	}
	const said = "has the address CC:1, which is also that of basic:11111111%s, but a chaincode server serves one package ID"
	if got, want := servers.Shared("x:1", "CC:1").Error(), fmt.Sprintf(said, ""); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	servers.Add("y:1", "cc:1")
	servers.Add("z:1", "cc:1")
	if got, want := servers.Shared("x:1", "CC:1").Error(), fmt.Sprintf(said, " and of 2 more"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

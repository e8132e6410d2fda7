package connection_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/testpki"
	"ccaas-template-builder/pkg/connection"
)

// Differences shows certificates by name, expiry and fingerprint, and hides private keys.
// Canonicalize removes text around PEM.
func TestDifferences(t *testing.T) {
	one, err := testpki.CA("one", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	two, err := testpki.CA("two", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	a := connection.Connection{Address: "a:1", DialTimeout: "3s", RootCert: one.Cert, ClientCert: one.Cert, ClientKey: one.Key}
	b := connection.Connection{Address: "b:1", DialTimeout: "3s", RootCert: two.Cert, ClientCert: one.Cert, ClientKey: two.Key}
	var keys []string
	for _, d := range connection.Differences(a, b) {
		keys = append(keys, d.Key)
		switch d.Key {
		case "address":
			if d.A != "a:1" || d.B != "b:1" {
				t.Errorf("got %+v", d)
			}
		case "root_cert":
			if !strings.HasPrefix(d.A, "one until ") || !strings.HasPrefix(d.B, "two until ") || strings.Contains(d.A, "BEGIN") {
				t.Errorf("got %+v", d)
			}
		case "client_key":
			if d.A != "(hidden)" || d.B != "(hidden)" {
				t.Errorf("got %+v", d)
			}
		}
	}
	if want := []string{"address", "root_cert", "client_key"}; !slices.Equal(keys, want) {
		t.Errorf("got %q, want %q", keys, want)
	}
	other := a
	other.ClientCert = two.Cert
	if d := connection.Differences(a, other); len(d) != 1 || !strings.HasPrefix(d[0].B, "two until ") {
		t.Errorf("got %+v", d)
	}

	wordy := a
	wordy.RootCert, wordy.ClientKey = "words\n"+a.RootCert+"words\n", a.ClientKey+"words\n"
	if wordy.Canonicalize(); wordy != a {
		t.Errorf("got %+v, want %+v", wordy, a)
	}
	damaged := connection.Connection{RootCert: "no PEM"}
	if damaged.Canonicalize(); damaged.RootCert != "no PEM" {
		t.Errorf("got %+v", damaged)
	}
}

// A host name has at most 253 bytes, in parts of at most 63 letters, digits, - and _.
func TestHostNames(t *testing.T) {
	part := strings.Repeat("a", 63)
	long := strings.Join([]string{part, part, part, strings.Repeat("a", 61)}, ".")
	for host, valid := range map[string]bool{
		"azAZ09": true, "a_b-c": true, "a.": true, part: true, part + "a": false, long: true, long + "a": false,
		"a@": false, "a[": false, "a`": false, "a{": false, "a/": false, "a;": false, "-a": false, "a-": false, "a..b": false, "é": false,
	} {
		c := connection.Connection{Address: host + ":1", DialTimeout: "3s"}
		if err := c.Validate(); (err == nil) != valid {
			t.Errorf("%q: got %v", host, err)
		}
	}
}

package connection_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/testpki"
	"ccaas-template-builder/pkg/connection"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func ca(t testing.TB) testpki.Identity {
	t.Helper()
	id, err := testpki.CA("ca", now)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func issue(t testing.TB, ca testpki.Identity, expiry time.Time) testpki.Identity {
	t.Helper()
	id, err := ca.Issue("peer0", now, expiry)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func mutual(t testing.TB) connection.Connection {
	t.Helper()
	authority := ca(t)
	client := issue(t, authority, now.AddDate(0, 1, 0))
	return connection.Connection{Address: "cc:9999", DialTimeout: "3s", TLSRequired: true, ClientAuthRequired: true,
		RootCert: authority.Cert, ClientCert: client.Cert, ClientKey: client.Key}
}

func TestAddress(t *testing.T) {
	for address, want := range map[string]string{
		"cc:9999": "", "cc.example.com:1": "", "peer0org1_basic_ccaas:9999": "", "127.0.0.1:65535": "", "[::1]:9999": "",
		"[fe80::1%eth0]:1": "", "cc.:9999": "", "CC-1:80": "",
		"":                                "has no port",
		"cc":                              "has no port",
		"cc:":                             "port from 1 to 65535",
		"cc:0":                            "port from 1 to 65535",
		"cc:65536":                        "port from 1 to 65535",
		"cc:+80":                          "port from 1 to 65535",
		"cc:080":                          "port from 1 to 65535",
		"cc:http":                         "port from 1 to 65535",
		"cc:99 99":                        "port from 1 to 65535",
		":9999":                           "has no host",
		"http://cc:9999":                  "without a scheme",
		"dns:///cc:9999":                  "without a scheme",
		"::1:9999":                        "between [ and ]",
		"cc:80:9999":                      "between [ and ]",
		"[::1]":                           "has no port",
		"[cc]:9999":                       "must have an IPv6 address",
		"[127.0.0.1]:9999":                "must have an IPv6 address",
		"a b:9999":                        "invalid host name",
		"cc/x:9999":                       "invalid host name",
		"-cc:9999":                        "invalid host name",
		"a..b:9999":                       "invalid host name",
		"ä:9999":                          "invalid host name",
		"cc\n:9999":                       "invalid host name",
		strings.Repeat("a", 64) + ":1":    "invalid host name",
		strings.Repeat("a.", 127) + "b:1": "invalid host name",
	} {
		t.Run(address, func(t *testing.T) {
			check(t, connection.Connection{Address: address, DialTimeout: "3s"}.Validate(), "address", want)
		})
	}
}

func TestDialTimeout(t *testing.T) {
	for timeout, want := range map[string]string{
		"3s": "", "500ms": "", "1m30s": "", "5m": "", "1ns": "",
		"": "must be a duration", "10": "must be a duration", "3 s": "must be a duration", "1d": "must be a duration",
		"0s": "more than 0", "-3s": "more than 0", "5m1s": "not be more than 5m0s", "999999h": "not be more than",
	} {
		t.Run(timeout, func(t *testing.T) {
			check(t, connection.Connection{Address: "cc:1", DialTimeout: timeout}.Validate(), "dial_timeout", want)
		})
	}
}

func TestTLS(t *testing.T) {
	good := mutual(t)
	other := issue(t, ca(t), now.AddDate(0, 1, 0))
	block, _ := pem.Decode([]byte(good.ClientKey))
	for name, test := range map[string]struct {
		change func(*connection.Connection)
		key    string
		want   string
	}{
		"good":               {func(*connection.Connection) {}, "", ""},
		"several roots":      {func(c *connection.Connection) { c.RootCert += other.Cert }, "", ""},
		"a chain":            {func(c *connection.Connection) { c.ClientCert += c.RootCert }, "", ""},
		"domain":             {func(c *connection.Connection) { c.Domain = "cc.example.com" }, "", ""},
		"underscores":        {func(c *connection.Connection) { c.Domain = "peer0org1_basic_ccaas" }, "", ""},
		"root a path":        {func(c *connection.Connection) { c.RootCert = "/etc/ca.crt" }, "root_cert", "is a path, not PEM: append _FILE to the name of the variable"},
		"domain with port":   {func(c *connection.Connection) { c.Domain = "cc.example.com:9999" }, "domain", "must be a host name"},
		"domain with scheme": {func(c *connection.Connection) { c.Domain = "https://cc" }, "domain", "must be a host name"},
		"no root":            {func(c *connection.Connection) { c.RootCert = "" }, "root_cert", "is missing: tls_required is true"},
		"no certificate":     {func(c *connection.Connection) { c.ClientCert = "" }, "client_cert", "is missing: client_auth_required is true"},
		"no key":             {func(c *connection.Connection) { c.ClientKey = "" }, "client_key", "is missing: client_auth_required is true"},
		"root no PEM":        {func(c *connection.Connection) { c.RootCert = "x" }, "root_cert", "is not PEM"},
		"root with BOM":      {func(c *connection.Connection) { c.RootCert = "\ufeff" + c.RootCert }, "root_cert", "begins with a byte order mark"},
		"key with BOM":       {func(c *connection.Connection) { c.ClientKey = "\ufeff" + c.ClientKey }, "client_key", "begins with a byte order mark"},
		"root DER":           {func(c *connection.Connection) { c.RootCert = base64.StdEncoding.EncodeToString(der(c.RootCert)) }, "root_cert", "is DER in base64, not PEM: make PEM of the file, by openssl x509 -inform DER"},
		"key DER, wrapped": {func(c *connection.Connection) {
			c.ClientKey = base64.URLEncoding.EncodeToString(der(c.ClientKey)) + "\n"
		}, "client_key", "openssl pkey for a key"},
		"other base64":       {func(c *connection.Connection) { c.RootCert = "MAAAAA" }, "root_cert", "it has no -----BEGIN line"},
		"root damaged":       {func(c *connection.Connection) { c.RootCert = c.RootCert[:200] }, "root_cert", "damaged or cut off"},
		"second damaged":     {func(c *connection.Connection) { c.RootCert += other.Cert[:200] }, "root_cert", "damaged or cut off"},
		"root no DER":        {func(c *connection.Connection) { c.RootCert = encode("CERTIFICATE", []byte("x")) }, "root_cert", "certificate 1 cannot be parsed"},
		"root is a key":      {func(c *connection.Connection) { c.RootCert = other.Key }, "root_cert", "must hold only certificates"},
		"other's key":        {func(c *connection.Connection) { c.ClientKey = other.Key }, "client_key", "does not match client_cert"},
		"key no PEM":         {func(c *connection.Connection) { c.ClientKey = "x" }, "client_key", "is not PEM"},
		"key no DER":         {func(c *connection.Connection) { c.ClientKey = encode("PRIVATE KEY", []byte("x")) }, "client_key", "cannot be parsed"},
		"key is certificate": {func(c *connection.Connection) { c.ClientKey = c.ClientCert }, "client_key", "must hold exactly one private key, but holds 0"},
		"CA first":           {func(c *connection.Connection) { c.ClientCert = c.RootCert + c.ClientCert }, "client_key", "belongs to certificate 2 of client_cert: the peer's own certificate must be the first"},
		"two keys":           {func(c *connection.Connection) { c.ClientKey += other.Key }, "client_key", "must hold exactly one private key, but holds 2"},
		"encrypted":          {func(c *connection.Connection) { c.ClientKey = encode("ENCRYPTED PRIVATE KEY", block.Bytes) }, "client_key", "is encrypted with a password"},
		"encrypted, old": {func(c *connection.Connection) {
			c.ClientKey = string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "x"}, Bytes: block.Bytes}))
		}, "client_key", "is encrypted with a password"},
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			test.change(&c)
			check(t, c.Validate(), test.key, test.want)
		})
	}
}

// A private key may be in any of three encodings, and may follow EC parameters.
func TestKeyEncodings(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(ecKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{
		"PKCS #1":    encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)),
		"SEC 1":      encode("EC PRIVATE KEY", sec1),
		"PKCS #8":    encode("PRIVATE KEY", pkcs8),
		"parameters": encode("EC PARAMETERS", []byte{6, 5, 43, 129, 4, 0, 34}) + encode("EC PRIVATE KEY", sec1),
	} {
		t.Run(name, func(t *testing.T) {
			c := mutual(t)
			c.ClientKey = key // a mismatch as the only failure shows that the key was parsed
			check(t, c.Validate(), "client_key", "does not match client_cert")
		})
	}
}

func der(text string) []byte {
	block, _ := pem.Decode([]byte(text))
	return block.Bytes
}

// The peer skips certificates with PEM headers, so Canonicalize removes the headers.
func TestPEMHeaders(t *testing.T) {
	c := mutual(t)
	want := c
	head := &pem.Block{Type: "CERTIFICATE", Headers: map[string]string{"Subject": "ca"}, Bytes: der(c.RootCert)}
	c.RootCert = string(pem.EncodeToMemory(head))
	if x509.NewCertPool().AppendCertsFromPEM([]byte(c.RootCert)) {
		t.Error("Go reads certificates with headers, so this test is for nothing")
	}
	if c.Canonicalize(); c.RootCert != want.RootCert {
		t.Errorf("got %s", c.RootCert)
	}
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// check fails the test unless err is exactly one failure of key that contains want, or is nil
// if want is "".
func check(t *testing.T, err error, key, want string) {
	t.Helper()
	failures := message.Errors(err)
	if want == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	var failure *connection.Failure
	if len(failures) != 1 || !errors.As(failures[0], &failure) || failure.Key != key || !strings.Contains(failure.Error(), want) {
		t.Errorf("got %v, want one failure of %s with %q", failures, key, want)
	}
}

func TestAllFailuresAreReported(t *testing.T) {
	err := connection.Connection{Address: "x", DialTimeout: "y", Domain: "z z", TLSRequired: true, ClientAuthRequired: true}.Validate()
	var keys []string
	for _, e := range message.Errors(err) {
		var failure *connection.Failure
		if errors.As(e, &failure) {
			keys = append(keys, failure.Key)
		}
	}
	if want := []string{"address", "domain", "dial_timeout", "root_cert", "client_cert", "client_key"}; !reflect.DeepEqual(keys, want) {
		t.Errorf("got %v, want %v", keys, want)
	}
}

func TestWarnings(t *testing.T) {
	good := mutual(t)
	for name, test := range map[string]struct {
		at     time.Time
		change func(*connection.Connection)
		want   []string
	}{
		"none":    {now, func(*connection.Connection) {}, nil},
		"expired": {now.AddDate(0, 2, 0), func(*connection.Connection) {}, []string{"client_cert: certificate "}},
		"both":    {now.AddDate(2, 0, 0), func(*connection.Connection) {}, []string{"root_cert: certificate ", "client_cert: certificate "}},
		"not yet": {now.AddDate(-1, 0, 0), func(c *connection.Connection) { c.ClientCert = "" }, []string{"is not valid before 2026-11-20T11:59:00Z"}},
		"domain":  {now, func(c *connection.Connection) { c.ClientAuthRequired, c.Domain = false, "cc" }, []string{"domain: the peer ignores it"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			test.change(&c)
			warnings := c.Warnings(test.at)
			if len(warnings) != len(test.want) {
				t.Fatalf("got %v, want %v", warnings, test.want)
			}
			for i, want := range test.want {
				if !strings.Contains(warnings[i].Error(), want) {
					t.Errorf("got %q, want it to hold %q", warnings[i], want)
				}
			}
		})
	}
}

// The address on which a server listens, such as 0.0.0.0, is not an address to dial.
func TestUnspecifiedHost(t *testing.T) {
	for address, warns := range map[string]bool{
		"0.0.0.0:9999": true, "[::]:9999": true, "[::0]:1": true, "[0:0:0:0:0:0:0:0]:1": true,
		"[::ffff:0.0.0.0]:1": true, "[::%eth0]:1": true, "[::0.0.0.0]:1": true,
		"127.0.0.1:9999": false, "[::1]:9999": false, "0.0.0.1:1": false, "localhost:1": false, "0.0.0.0.example.com:1": false,
	} {
		t.Run(address, func(t *testing.T) {
			c := connection.Connection{Address: address, DialTimeout: "3s"}
			check(t, c.Validate(), "", "")
			warnings := c.Warnings(now)
			if (len(warnings) == 1 && strings.Contains(warnings[0].Error(), "address: is where a server listens")) != warns {
				t.Errorf("warns: %v", warnings)
			}
		})
	}
}

func TestEncode(t *testing.T) {
	c := connection.Connection{Address: "<cc>&:1", DialTimeout: "3s"}
	want := `{
  "address": "<cc>&:1",
  "dial_timeout": "3s",
  "tls_required": false,
  "client_auth_required": false
}
`
	if got := string(c.Encode()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestKeys(t *testing.T) {
	want := "address domain dial_timeout tls_required client_auth_required root_cert client_cert client_key"
	if got := strings.Join(connection.Keys(), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for key, want := range map[string]string{
		"dial_timout": `did you mean "dial_timeout"`, "Address": `did you mean "address"`, "addreſs": `did you mean "address"`,
		"something_else": "it knows",
	} {
		t.Run(key, func(t *testing.T) {
			if err := connection.CheckKey(key); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", key, err, want)
			}
		})
	}
}

func TestDecode(t *testing.T) {
	for document, want := range map[string]string{
		`{"address":"cc:1","dial_timeout":"3s","tls_required":false,"client_auth_required":false}`: "",
		`{}`:                            "",
		`null`:                          "is not a JSON object",
		`[]`:                            "is not a JSON object",
		``:                              "is not a JSON object",
		`{"address":`:                   "is not valid JSON",
		`{"address":"a"`:                "is not valid JSON",
		`{"address":"a"} {}`:            "trailing data",
		`{"address":"a"} x`:             "trailing data",
		`{"adress":"a"}`:                `did you mean "address"`,
		`{"ADDRESS":"a"}`:               `did you mean "address"`,
		`{"addreſs":"a"}`:               `did you mean "address"`,
		`{"address":"a","address":"b"}`: "address: appears twice",
		`{"address":null}`:              "address: must be a string",
		`{"address":1}`:                 "address: must be a string",
		`{"dial_timeout":10}`:           "nanoseconds",
		`{"tls_required":"true"}`:       "tls_required: is a string, which the peer rejects",
		`{"tls_required":1}`:            "tls_required: must be true or false",
		`{"root_cert":{}}`:              "root_cert: must be a string",
	} {
		t.Run(document, func(t *testing.T) {
			_, err := connection.Decode([]byte(document))
			switch {
			case want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("got %v, want it to hold %q", err, want)
			}
		})
	}
}

func TestRedacted(t *testing.T) {
	c := mutual(t)
	if got := c.Redacted(); got.ClientKey != "(hidden)" || bytes.Contains(got.Encode(), []byte("PRIVATE")) || got.ClientCert != c.ClientCert {
		t.Error("the key is not hidden, or more than the key is")
	}
	if got := (connection.Connection{}).Redacted(); got.ClientKey != "" {
		t.Error("a key that is not there is hidden")
	}
}

// peerConnection is decoded as in the peer (ChaincodeServerUserData and Duration in
// core/container/externalbuilder).
type peerConnection struct {
	Address            string       `json:"address"`
	Domain             string       `json:"domain"`
	DialTimeout        peerDuration `json:"dial_timeout"`
	TLSRequired        bool         `json:"tls_required"`
	ClientAuthRequired bool         `json:"client_auth_required"`
	ClientKey          string       `json:"client_key"`
	ClientCert         string       `json:"client_cert"`
	RootCert           string       `json:"root_cert"`
}

type peerDuration string

func (d *peerDuration) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	*d = peerDuration(s)
	return nil
}

// The peer reads the same connection as Decode from any document that Decode accepts, and both
// read the same connection again from the output of Encode.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"address":"cc:1","dial_timeout":"3s","tls_required":false}`))
	f.Add([]byte(`{"Address":"cc:1","address":"x","domain":null}`))
	f.Add([]byte(`{"tls_required":"true","dial_timeout":10}`))
	f.Add([]byte(`null`))
	f.Add([]byte("{\"address\":\"\xff\\ud800\u2028<\"}"))
	f.Add(mutual(f).Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := connection.Decode(data)
		if err != nil {
			return
		}
		for _, encoded := range [][]byte{data, c.Encode()} {
			var p peerConnection
			if err := json.Unmarshal(encoded, &p); err != nil {
				t.Fatalf("the peer refuses %s: %v", encoded, err)
			}
			if got := (connection.Connection{Address: p.Address, Domain: p.Domain, DialTimeout: string(p.DialTimeout), TLSRequired: p.TLSRequired,
				ClientAuthRequired: p.ClientAuthRequired, ClientKey: p.ClientKey, ClientCert: p.ClientCert, RootCert: p.RootCert}); got != c {
				t.Errorf("%s: the peer reads %+v", encoded, got)
			}
			if again, err := connection.Decode(encoded); err != nil || again != c {
				t.Errorf("%s: decoded again: %+v, %v", encoded, again, err)
			}
		}
	})
}

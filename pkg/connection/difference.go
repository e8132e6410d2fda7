package connection

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// Difference is a key whose values differ between two connections, with both values in
// readable form: a certificate as its name, expiry and fingerprint, and nothing of a private
// key.
type Difference struct {
	Key string `json:"name"`
	A   string `json:"a"`
	B   string `json:"b"`
}

// Differences lists the keys whose values differ between a and b, in the order of Keys.
func Differences(a, b Connection) []Difference {
	found := []Difference{}
	for _, key := range Keys() {
		if a.Value(key) != b.Value(key) {
			found = append(found, Difference{key, a.describe(key), b.describe(key)})
		}
	}
	return found
}

func (c Connection) describe(key string) string {
	v := fmt.Sprint(c.Redacted().Value(key))
	if key == "root_cert" || key == "client_cert" {
		certs, _ := certificates(v)
		return describeCertificates(certs)
	}
	return v
}

func describeCertificates(certificates []*x509.Certificate) string {
	var all []string
	for _, cert := range certificates {
		until := cert.NotAfter.UTC().Format(time.DateOnly)
		all = append(all, fmt.Sprintf("%s until %s %s", cert.Subject.CommonName, until, Fingerprint(cert)))
	}
	return strings.Join(all, ", ")
}

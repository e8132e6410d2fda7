package connection

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

// Difference is a key that two connections have not alike, with the two values
// as people can tell them apart: of a certificate the name, the end and the
// fingerprint, of a private key nothing.
type Difference struct {
	Key string `json:"name"`
	A   string `json:"a"`
	B   string `json:"b"`
}

// Differences lists the keys that a and b have not alike, in the order of Keys.
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
		all = append(all, fmt.Sprintf("%s until %s %s", cert.Subject.CommonName, cert.NotAfter.UTC().Format(time.DateOnly), Fingerprint(cert)))
	}
	return strings.Join(all, ", ")
}

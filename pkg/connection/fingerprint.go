package connection

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"iter"
)

// SHA256 returns a certificate's SHA-256, in hexadecimal.
func SHA256(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:])
}

// Fingerprint returns the beginning of a certificate's SHA-256, enough to identify it.
func Fingerprint(cert *x509.Certificate) string { return SHA256(cert)[:16] + "…" }

// Certificates yields the keys root_cert and client_cert of a valid connection, in this order,
// each with its certificates.
func (c Connection) Certificates() iter.Seq2[string, []*x509.Certificate] {
	return func(yield func(string, []*x509.Certificate) bool) {
		root, _ := certificates(c.RootCert)
		client, _ := certificates(c.ClientCert)
		_ = yield("root_cert", root) && yield("client_cert", client)
	}
}

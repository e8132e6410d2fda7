// Package testpki makes throwaway certificates for tests and for the demo.
package testpki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"
)

// Identity is a certificate with its private key, both in PEM.
type Identity struct {
	Cert, Key string
	cert      *x509.Certificate
	key       crypto.Signer
}

// CA makes a self-signed CA that is valid for a year from now.
func CA(name string, now time.Time) (Identity, error) {
	template := template(name, now, now.AddDate(1, 0, 0))
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	return issue(template, Identity{}, nil)
}

// Issue makes a certificate for a server or client with this name. It is valid from now until
// expiry.
func (ca Identity) Issue(name string, now, expiry time.Time) (Identity, error) {
	return ca.IssueFor(nil, name, now, expiry)
}

// IssueFor does what Issue does, for an existing key.
func (ca Identity) IssueFor(key crypto.Signer, name string, now, expiry time.Time) (Identity, error) {
	return issue(leaf(name, now, expiry), ca, key)
}

// IssueWith does what Issue does, and lets change alter the certificate before it is signed.
// If ca is empty, the certificate is self-signed.
func (ca Identity) IssueWith(change func(*x509.Certificate), name string, now, expiry time.Time) (Identity, error) {
	template := leaf(name, now, expiry)
	change(template)
	return issue(template, ca, nil)
}

func leaf(name string, now, expiry time.Time) *x509.Certificate {
	template := template(name, now, expiry)
	template.DNSNames = []string{name}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	return template
}

func template(name string, from, to time.Time) *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: name}, NotBefore: from.Add(-time.Minute), NotAfter: to}
}

// issue makes a certificate for key, or for a new key if key is nil. It signs with ca, or with
// the certificate's own key if ca is empty.
func issue(template *x509.Certificate, ca Identity, key crypto.Signer) (id Identity, err error) {
	if id.key = key; key == nil {
		if id.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return id, err
		}
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return id, err
	}
	parent, by := ca.cert, ca.key
	if parent == nil {
		parent, by = template, id.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, id.key.Public(), by)
	if err != nil {
		return id, err
	}
	if id.cert, err = x509.ParseCertificate(der); err != nil {
		return id, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(id.key)
	if err != nil {
		return id, err
	}
	id.Cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	id.Key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	return id, nil
}

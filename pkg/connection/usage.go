package connection

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"ccaas-template-builder/internal/pemtext"
)

var (
	errNotForServers = errors.New("its extended key usage lacks server authentication")
	errNotForClients = errors.New("its extended key usage lacks client authentication")
	errNotToSign     = errors.New("its key usage lacks digitalSignature")
)

// checkUsages rejects certificates whose extended key usage excludes their use by the peer.
func (c Connection) checkUsages() (errs []error) {
	if !c.TLSRequired {
		return nil
	}
	roots, _ := certificates(c.RootCert)
	forServers := func(cert *x509.Certificate) bool { return hasUsage(cert, x509.ExtKeyUsageServerAuth) }
	if len(roots) > 0 && !slices.ContainsFunc(roots, forServers) {
		errs = append(errs, fail("root_cert", "verifies no chaincode server: %w", errNotForServers))
	}
	client, _ := certificates(c.ClientCert)
	if c.ClientAuthRequired && len(client) > 0 && !hasUsage(client[0], x509.ExtKeyUsageClientAuth) {
		errs = append(errs, fail("client_cert", "is not for a peer that dials: %w", errNotForClients))
	}
	return errs
}

// hasUsage reports whether Go accepts cert for this usage. A certificate without the extension
// may be used for anything.
func hasUsage(cert *x509.Certificate, usage x509.ExtKeyUsage) bool {
	return !hasExtension(cert) ||
		slices.Contains(cert.ExtKeyUsage, usage) || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// hasExtension reports whether cert has an extended key usage at all.
func hasExtension(cert *x509.Certificate) bool {
	return len(cert.ExtKeyUsage) > 0 || len(cert.UnknownExtKeyUsage) > 0
}

// checkPair checks that a private key belongs to the first of the client certificates.
func checkPair(cert, key string) error {
	if _, err := tls.X509KeyPair([]byte(cert), []byte(key)); err == nil {
		return nil
	}
	blocks, _ := pemtext.Blocks(cert)
	for i := range blocks {
		if _, err := tls.X509KeyPair(pem.EncodeToMemory(blocks[i]), []byte(key)); err == nil {
			return fmt.Errorf("belongs to certificate %d of client_cert: "+
				"the peer's own certificate must be the first", i+1)
		}
	}
	return errors.New("does not match client_cert: the two have different public keys")
}

// ClientFault returns a fault of the client certificate that may be the reason why a chaincode
// server rejects it at the time now, or nil if no fault is known. Servers on Node are the
// strictest: OpenSSL checks both key usage and extended key usage, if present.
func (c Connection) ClientFault(now time.Time) error {
	certs, err := certificates(c.ClientCert)
	if err != nil {
		return err
	}
	if fault := dateFault(certs[0], now); fault != nil {
		return fmt.Errorf("it %w", fault)
	}
	return clientFault(certs[0])
}

func clientFault(cert *x509.Certificate) error {
	const signs = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement
	switch {
	case hasExtension(cert) && !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth):
		return errNotForClients
	case cert.KeyUsage != 0 && cert.KeyUsage&signs == 0:
		return errNotToSign
	}
	return nil
}

// rootFault returns why a certificate in root_cert verifies fewer servers than people expect, or
// nil. An intermediate certificate is not a fault: Go trusts any certificate in root_cert, even
// a server certificate. Whether a certificate may issue others is decided as in
// x509.Certificate.CheckSignatureFrom.
func rootFault(cert *x509.Certificate) error {
	const only = "so the peer trusts only a server that has this very certificate, and no renewed one"
	authority := cert.IsCA || cert.Version < 3 && !cert.BasicConstraintsValid
	selfSigned := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
	switch {
	case !hasUsage(cert, x509.ExtKeyUsageServerAuth):
		return fmt.Errorf("verifies no chaincode server: %w", errNotForServers)
	case !authority && !selfSigned:
		return errors.New("is not a CA's, " + only)
	case authority && cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCertSign == 0:
		return errors.New("is a CA's whose key usage lacks keyCertSign, " + only)
	}
	return nil
}

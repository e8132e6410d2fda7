package connection

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// DateFault is the reason for a warning that a certificate has expired or is not valid yet.
type DateFault struct{ text string }

func (f *DateFault) Error() string { return f.text }

// Warnings lists the problems at the time now that the peer accepts but people should know
// about.
func (c Connection) Warnings(now time.Time) []*Failure {
	var warnings []*Failure
	warn := func(key string, reason error) {
		warnings = append(warnings, &Failure{key, reason})
	}
	if listensThere(c.Address) {
		warn("address", errors.New("is where a server listens, not where a peer dials: "+
			"the peer would look for it on its own machine"))
	}
	if c.Domain != "" && !c.ClientAuthRequired {
		warn("domain", errors.New("the peer ignores it without client_auth_required"))
	}
	for key, certs := range c.Certificates() {
		for i, cert := range certs {
			fault := dateFault(cert, now)
			if fault == nil {
				fault = c.usageFault(key, i, cert)
			}
			if fault != nil {
				warn(key, fmt.Errorf("certificate %s %w", Fingerprint(cert), fault))
			}
		}
	}
	return warnings
}

// listensThere reports whether the host of an address is 0.0.0.0 or ::, in any form.
func listensThere(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().WithZone("").IsUnspecified()
}

func dateFault(cert *x509.Certificate, now time.Time) error {
	switch {
	case now.After(cert.NotAfter):
		return &DateFault{"expired at " + cert.NotAfter.UTC().Format(time.RFC3339)}
	case now.Before(cert.NotBefore):
		return &DateFault{"is not valid before " + cert.NotBefore.UTC().Format(time.RFC3339)}
	}
	return nil
}

// usageFault returns a fault in the usages of cert, which has index i in key. It returns nil if
// the peer does not use cert.
func (c Connection) usageFault(key string, i int, cert *x509.Certificate) error {
	switch {
	case !c.TLSRequired:
	case key == "root_cert":
		return rootFault(cert)
	case c.ClientAuthRequired && i == 0:
		if fault := clientFault(cert); fault != nil {
			return fmt.Errorf("is refused by chaincode servers on Node: %w", fault)
		}
	}
	return nil
}

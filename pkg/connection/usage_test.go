package connection_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/must"
	"ccaas-template-builder/internal/testpki"
	"ccaas-template-builder/pkg/connection"
)

// handshake performs a TLS handshake between a peer and a chaincode server that requires client
// certificates of the CA clients. The peer is configured as in Fabric (internal/pkg/comm).
func handshake(t *testing.T, c connection.Connection, server testpki.Identity, clients string) error {
	t.Helper()
	own := must.Get(tls.X509KeyPair([]byte(server.Cert), []byte(server.Key)))(t)
	pair := must.Get(tls.X509KeyPair([]byte(c.ClientCert), []byte(c.ClientKey)))(t)
	pool := func(certs string) *x509.CertPool {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM([]byte(certs))
		return pool
	}
	listener := must.Get(tls.Listen("tcp", "localhost:0", &tls.Config{Certificates: []tls.Certificate{own},
		ClientCAs: pool(clients), ClientAuth: tls.RequireAndVerifyClientCert}))(t)
	defer listener.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			err = conn.(*tls.Conn).Handshake()
			conn.Close()
		}
		served <- err
	}()
	conn, err := tls.Dial("tcp", listener.Addr().String(),
		&tls.Config{ServerName: "cc", RootCAs: pool(c.RootCert), Certificates: []tls.Certificate{pair}})
	if err == nil {
		defer conn.Close()
	}
	return errors.Join(err, <-served)
}

func usages(all ...x509.ExtKeyUsage) func(*x509.Certificate) {
	return func(cert *x509.Certificate) { cert.ExtKeyUsage = all }
}

func ofCA(change func(*x509.Certificate)) func(*x509.Certificate) {
	return func(cert *x509.Certificate) {
		cert.IsCA, cert.BasicConstraintsValid, cert.KeyUsage, cert.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
		change(cert)
	}
}

func unchanged(*x509.Certificate) {}

// identity returns an identity that is valid now, because TLS uses the current time.
func identity(t *testing.T, ca testpki.Identity, name string, change func(*x509.Certificate)) testpki.Identity {
	t.Helper()
	now := time.Now()
	return must.Get(ca.IssueWith(change, name, now, now.AddDate(0, 1, 0)))(t)
}

// Errors and warnings about a root_cert agree with TLS handshakes with two servers: one with
// this very certificate, and one with a certificate issued by it or by the same CA.
func TestRootUsage(t *testing.T) {
	var none testpki.Identity
	client := identity(t, none, "peer0", unchanged)
	server := func(change func(*x509.Certificate)) testpki.Identity { return identity(t, none, "cc", change) }
	top := server(ofCA(unchanged))
	middle := identity(t, top, "middle", ofCA(unchanged))
	leaf, next := identity(t, top, "cc", unchanged), identity(t, top, "cc", unchanged)
	const signs = x509.KeyUsageDigitalSignature
	mute := server(ofCA(func(cert *x509.Certificate) { cert.KeyUsage = signs }))
	self := server(unchanged)
	toClients := server(ofCA(usages(x509.ExtKeyUsageClientAuth)))
	toServers := server(ofCA(usages(x509.ExtKeyUsageServerAuth)))
	any := server(ofCA(usages(x509.ExtKeyUsageAny)))
	odd := server(ofCA(func(cert *x509.Certificate) { cert.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3, 4}} }))
	clientLeaf := identity(t, top, "cc", usages(x509.ExtKeyUsageClientAuth))
	old := must.Get(none.IssueWith(ofCA(unchanged), "cc", time.Now().Add(-time.Hour), time.Now().Add(-time.Second)))(t)
	issued := func(ca testpki.Identity) testpki.Identity { return identity(t, ca, "cc", unchanged) }

	const notCA, noSign, noServers = "is not a CA's, so the peer trusts only", "lacks keyCertSign, so", "extended key usage lacks server authentication"
	for name, test := range map[string]struct {
		root           string
		itself, other  testpki.Identity
		works, extends bool   // whether handshakes with itself and with other succeed
		warning, err   string // none if empty
	}{
		"CA":                    {top.Cert, none, leaf, false, true, "", ""},
		"intermediate CA":       {middle.Cert, none, issued(middle), false, true, "", ""},
		"server's certificate":  {leaf.Cert, leaf, next, true, false, notCA, ""},
		"self-signed":           {self.Cert, self, leaf, true, false, "", ""},
		"CA that may not sign":  {mute.Cert, mute, issued(mute), true, false, noSign, ""},
		"CA for clients":        {toClients.Cert, toClients, issued(toClients), false, false, noServers, noServers},
		"CA for servers":        {toServers.Cert, none, issued(toServers), false, true, "", ""},
		"CA for anything":       {any.Cert, none, issued(any), false, true, "", ""},
		"CA for something odd":  {odd.Cert, odd, issued(odd), false, false, noServers, noServers},
		"client's certificate":  {clientLeaf.Cert, clientLeaf, next, false, false, noServers, noServers},
		"expired CA":            {old.Cert, none, issued(old), false, false, "expired at", ""},
		"server's and CA":       {leaf.Cert + top.Cert, leaf, next, true, true, notCA, ""},
		"CAs of both":           {toClients.Cert + top.Cert, none, leaf, false, true, noServers, ""},
		"CA and its root, both": {middle.Cert + top.Cert, none, leaf, false, true, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := connection.Connection{Address: "cc:1", DialTimeout: "3s", TLSRequired: true, ClientAuthRequired: true,
				RootCert: test.root, ClientCert: client.Cert, ClientKey: client.Key}
			said(t, c, "root_cert", test.warning, test.err)
			for _, s := range []struct {
				server testpki.Identity
				works  bool
			}{{test.itself, test.works}, {test.other, test.extends}} {
				if s.server.Cert == "" {
					continue
				}
				if err := handshake(t, c, s.server, client.Cert); (err == nil) != s.works {
					t.Errorf("the handshake: %v, want success: %v", err, s.works)
				}
			}
			c.TLSRequired = false // certificates that are not used cause no errors or warnings
			if test.warning != "expired at" {
				said(t, c, "root_cert", "", "")
			}
		})
	}
}

// Errors about a client_cert agree with TLS handshakes with a Go server. The warnings are about
// OpenSSL; internal/e2e has servers on Node.
func TestClientUsage(t *testing.T) {
	var none testpki.Identity
	server, authority := identity(t, none, "cc", unchanged), identity(t, none, "clients", ofCA(unchanged))
	keyUsage := func(usage x509.KeyUsage) func(*x509.Certificate) {
		return func(cert *x509.Certificate) { cert.KeyUsage = usage }
	}
	const noClients, onNode = "extended key usage lacks client authentication", "is refused by chaincode servers on Node: its "
	for name, test := range map[string]struct {
		change       func(*x509.Certificate)
		works        bool
		warning, err string
	}{
		"both":         {unchanged, true, "", ""},
		"clients":      {usages(x509.ExtKeyUsageClientAuth), true, "", ""},
		"no usage":     {usages(), true, "", ""},
		"no key usage": {keyUsage(0), true, "", ""},
		"servers":      {usages(x509.ExtKeyUsageServerAuth), false, onNode + noClients, noClients},
		"code signing": {usages(x509.ExtKeyUsageCodeSigning), false, onNode + noClients, noClients},
		"odd": {func(cert *x509.Certificate) {
			cert.ExtKeyUsage, cert.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{1, 2, 3}}
		}, false, onNode + noClients, noClients},
		"anything":         {usages(x509.ExtKeyUsageAny), true, onNode + noClients, ""},
		"key encipherment": {keyUsage(x509.KeyUsageKeyEncipherment), true, onNode + "key usage lacks digitalSignature", ""},
		"key agreement":    {keyUsage(x509.KeyUsageKeyAgreement), true, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			client := identity(t, authority, "peer0", test.change)
			c := connection.Connection{Address: "cc:1", DialTimeout: "3s", TLSRequired: true, ClientAuthRequired: true,
				RootCert: server.Cert, ClientCert: client.Cert + authority.Cert, ClientKey: client.Key}
			said(t, c, "client_cert", test.warning, test.err)
			if fault := c.ClientFault(time.Now()); (fault != nil) != (test.warning != "") {
				t.Errorf("its fault is %v", fault)
			}
			if err := handshake(t, c, server, authority.Cert); (err == nil) != test.works {
				t.Errorf("the handshake: %v, want success: %v", err, test.works)
			}
			c.ClientAuthRequired = false // certificates that are not presented cause no errors or warnings
			said(t, c, "client_cert", "", "")
			c.ClientAuthRequired, c.TLSRequired = true, false
			said(t, c, "client_cert", "", "")
		})
	}
}

// said fails the test unless Warnings and Validate return only this warning and this failure of
// key, or none where the text is "".
func said(t *testing.T, c connection.Connection, key, warning, failure string) {
	t.Helper()
	check(t, c.Validate(), key, failure)
	warnings := c.Warnings(time.Now())
	switch {
	case warning == "" && len(warnings) > 0:
		t.Errorf("warns: %v", warnings)
	case warning != "" && (len(warnings) != 1 || warnings[0].Key != key || !strings.Contains(warnings[0].Error(), warning)):
		t.Errorf("warns: %v, want %s: %q", warnings, key, warning)
	}
}

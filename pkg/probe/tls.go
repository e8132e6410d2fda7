package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// config returns the TLS configuration that the peer uses (internal/pkg/comm of Fabric). It
// also records whether the server asks for a certificate.
func (d *dial) config() (*tls.Config, error) {
	c := d.Connection
	config := &tls.Config{ServerName: d.Connection.ServerName(), RootCAs: x509.NewCertPool(), NextProtos: []string{"h2"}}
	config.RootCAs.AppendCertsFromPEM([]byte(c.RootCert))
	certificate := tls.Certificate{}
	if c.ClientAuthRequired {
		pair, err := tls.X509KeyPair([]byte(c.ClientCert), []byte(c.ClientKey))
		if err != nil {
			return nil, fail("", "client_cert and client_key do not match")
		}
		certificate = pair
	}
	config.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		d.asked = true
		if request.SupportsCertificate(&certificate) != nil {
			return &tls.Certificate{}, nil // sends no certificate, as Go and so the peer does
		}
		d.sent = true
		return &certificate, nil
	}
	return config, nil
}

// handshake does the TLS handshake as the peer does it.
func (d *dial) handshake(ctx context.Context) (string, error) {
	config, err := d.config()
	if err != nil {
		return "", err
	}
	conn := tls.Client(d.conn, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		var unverified *tls.CertificateVerificationError
		if errors.As(err, &unverified) && len(unverified.UnverifiedCertificates) > 0 {
			d.notAfter = unverified.UnverifiedCertificates[0].NotAfter.UTC()
		}
		return "", d.tlsFailure(err)
	}
	state := conn.ConnectionState()
	d.notAfter = state.PeerCertificates[0].NotAfter.UTC()
	if state.NegotiatedProtocol != "h2" {
		return "", fail("is a chaincode server listening on this port?",
			"the server speaks TLS, but not HTTP/2 over it")
	}
	ahead, err := d.verdict(ctx, conn)
	if err != nil {
		return "", err
	}
	d.conn = &watched{Conn: conn, ahead: ahead}
	server := state.PeerCertificates[0]
	return fmt.Sprintf("%s, server %q until %s, %s%s", tls.VersionName(state.Version), d.Connection.ServerName(),
		server.NotAfter.UTC().Format(time.DateOnly), d.clientCertificate(), d.beforeFabric3(server)), nil
}

// beforeFabric3 says that a peer before Fabric 3 rejects the server's certificate, or returns "".
// Such a peer ignores domain.
func (d *dial) beforeFabric3(server *x509.Certificate) string {
	host := d.Connection.Host()
	if server.VerifyHostname(host) == nil {
		return ""
	}
	return fmt.Sprintf("; a peer before Fabric 3 rejects its certificate, which is not for %q", host)
}

// verdict waits up to a second for the server to accept or reject the client's certificate, if
// it has asked for one. With TLS 1.3 a server does so only after the handshake, when gRPC
// already writes and may miss it. A server that accepts the certificate begins with HTTP/2's
// settings, which verdict returns as ahead.
func (d *dial) verdict(ctx context.Context, conn *tls.Conn) (ahead []byte, err error) {
	if !d.asked {
		return nil, nil
	}
	const moment = time.Second
	deadline := time.Now().Add(moment)
	if end, ok := ctx.Deadline(); ok { // leave half of the time for gRPC
		deadline = time.Now().Add(min(moment, time.Until(end)/2))
	}
	if err := conn.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	ahead = make([]byte, 64)
	n, err := conn.Read(ahead)
	if err != nil && !os.IsTimeout(err) {
		return nil, d.tlsFailure(err)
	}
	d.accepted = d.sent && n > 0
	return ahead[:n], conn.SetReadDeadline(time.Time{})
}

// clientCertificate says what happened to the client's certificate.
func (d *dial) clientCertificate() string {
	switch {
	case d.accepted:
		return "client certificate accepted"
	case d.sent:
		return "client certificate sent"
	case d.asked && d.Connection.ClientAuthRequired:
		return "client certificate from another CA requested, none sent"
	case d.asked:
		return "client certificate requested, none configured"
	case d.Connection.ClientAuthRequired:
		return "client certificate not requested"
	}
	return "no client certificate"
}

// tlsFailure says why a handshake, or reading just after it, failed.
func (d *dial) tlsFailure(err error) error {
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &name):
		return fail("the address's host must be a name in the certificate; "+
			"or set domain, which peers honour only from v3 on and with client_auth_required",
			"the server's certificate is for %s, not for %q", names(name.Certificate), d.Connection.ServerName())
	case errors.As(err, &authority):
		return fail("root_cert must hold the CA of the chaincode server, not of the peer; "+
			"if it is an intermediate CA, the server must send that CA's certificate too",
			"root_cert lacks %q, the CA that issued the server's certificate",
			short(authority.Cert.Issuer.CommonName))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fail("give the chaincode server a new certificate, and check the clocks",
			"the server's certificate is valid only from %s to %s",
			invalid.Cert.NotBefore.UTC().Format(time.RFC3339), invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage &&
		slices.Contains(invalid.Cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth):
		return fail("root_cert must hold a CA that may issue certificates for server authentication",
			"the CA of the server's certificate is not for servers")
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return fail("give the chaincode server a certificate for server authentication",
			"the server's certificate is not for servers")
	case errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err):
		return fail("does the chaincode server speak TLS, and is it the one listening on this port?",
			"the server accepts the connection but says nothing")
	case errors.As(err, &record):
		return fail("start the chaincode server with TLS, or set tls_required to false", "the server does not speak TLS")
	case errors.As(err, &alert):
		return d.refused(alert.Error())
	case strings.Contains(err.Error(), "remote error: tls: "):
		_, alert, _ := strings.Cut(err.Error(), "remote error: ")
		return d.refused(alert)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		if d.asked {
			return d.refused("the connection was closed")
		}
		return fail("does the chaincode server speak TLS?", "the server closed the connection during the TLS handshake")
	}
	return fail("does the chaincode server speak TLS?", "the TLS handshake failed: %s", cause(err))
}

// refused says why the server rejects this client.
func (d *dial) refused(alert string) error {
	const cacert = "the server's client CA file (CORE_CHAINCODE_TLS_CLIENT_CACERT_FILE on Node) " +
		"must hold the CA that issued client_cert"
	switch {
	case strings.Contains(alert, "protocol version"):
		return fail("the peer speaks TLS 1.2 and later", "the server speaks no TLS version that the peer speaks (%s)", alert)
	case d.asked && strings.Contains(alert, "expired"):
		return fail("give this peer a new client certificate",
			"the server rejects the client certificate: it has expired (%s)", alert)
	case d.asked && !d.Connection.ClientAuthRequired:
		return fail("set client_auth_required to true, with client_cert and client_key",
			"the server asks for a client certificate, but none is configured (%s)", alert)
	case d.asked && !d.sent:
		return fail(cacert, "the server rejects the client certificate: "+
			"it asks for one from other CAs, so the peer sends none (%s)", alert)
	case d.asked:
		fault := d.Connection.ClientFault(time.Now())
		if fault != nil && !strings.Contains(alert, "authority") {
			return fail("give this peer another client certificate",
				"the server rejects the client certificate: %s (%s)", fault, alert)
		}
		return fail(cacert, "the server rejects the client certificate (%s)", alert)
	}
	return fail("is a chaincode server listening on this port?", "the server rejects the TLS handshake (%s)", alert)
}

func names(cert *x509.Certificate) string {
	all := cert.DNSNames
	for _, ip := range cert.IPAddresses {
		all = append(all, ip.String())
	}
	const shown = 5
	switch {
	case len(all) == 0:
		return fmt.Sprintf("no host (its subject is %q)", short(cert.Subject.CommonName))
	case len(all) > shown:
		return short(fmt.Sprintf("%q", all[:shown])) + fmt.Sprintf(" and %d more", len(all)-shown)
	}
	return short(fmt.Sprintf("%q", all))
}

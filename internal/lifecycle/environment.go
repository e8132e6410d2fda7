package lifecycle

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/safefile"
)

// Variables of the peer CLI that are read here.
const (
	addressVariable    = "CORE_PEER_ADDRESS"
	mspIDVariable      = "CORE_PEER_LOCALMSPID"
	mspVariable        = "CORE_PEER_MSPCONFIGPATH"
	tlsVariable        = "CORE_PEER_TLS_ENABLED"
	rootsVariable      = "CORE_PEER_TLS_ROOTCERT_FILE"
	hostVariable       = "CORE_PEER_TLS_SERVERHOSTOVERRIDE"
	mutualVariable     = "CORE_PEER_TLS_CLIENTAUTHREQUIRED"
	clientCertVariable = "CORE_PEER_TLS_CLIENTCERT_FILE"
	clientKeyVariable  = "CORE_PEER_TLS_CLIENTKEY_FILE"
)

// maxPEM is the maximum size of a file with certificates or a key, in bytes.
const maxPEM = 1 << 20

// environment is the environment of the peer CLI.
type environment map[string]string

func unset(variable string) error {
	return message.WithHint(fmt.Errorf("%s is not set", variable), "set the environment of the peer CLI")
}

// path returns the path in a variable. As in the peer CLI, a relative path is relative to the
// folder of core.yaml.
func (e environment) path(variable string) (string, error) {
	path := e[variable]
	if path == "" {
		return "", unset(variable)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(e["FABRIC_CFG_PATH"], path)
	}
	return path, nil
}

// file returns the content of the file whose path is in a variable.
func (e environment) file(variable string) ([]byte, error) {
	path, err := e.path(variable)
	if err != nil {
		return nil, err
	}
	return readPEM(variable, path)
}

func readPEM(what, path string) ([]byte, error) {
	data, err := safefile.ReadOperators(path, maxPEM)
	if err != nil {
		return nil, fmt.Errorf("%s: %q: %w", what, path, err)
	}
	return data, nil
}

// enabled returns the value of a variable that must be true or false. It is false if not set.
func (e environment) enabled(variable string) (bool, error) {
	if e[variable] == "" {
		return false, nil
	}
	is, err := strconv.ParseBool(e[variable])
	if err != nil {
		return false, fmt.Errorf("%s must be true or false, not %q", variable, e[variable])
	}
	return is, nil
}

// roots returns a pool of the CA certificates in a file. what is the name of the file in
// errors.
func roots(what string, pem []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", what)
	}
	return pool, nil
}

// clientCertificate returns the certificate for peers that require mutual TLS, or nil.
func (e environment) clientCertificate() (*tls.Certificate, error) {
	mutual, err := e.enabled(mutualVariable)
	if err != nil || !mutual {
		return nil, err
	}
	cert, certErr := e.file(clientCertVariable)
	key, keyErr := e.file(clientKeyVariable)
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s are not a certificate and its key: %w",
			clientCertVariable, clientKeyVariable, err)
	}
	return &pair, nil
}

// hashOf returns the hash of the client certificate, which discovery requires with mutual TLS.
func hashOf(client *tls.Certificate) []byte {
	if client == nil {
		return nil
	}
	hash := sha256.Sum256(client.Certificate[0])
	return hash[:]
}

// target says how to reach a peer that has not answered yet.
type target struct {
	name    string // empty if not known
	address string
	roots   *x509.CertPool // the CAs of its TLS certificate; nil: no TLS
	host    string         // the host name in its certificate, if the address has another
	from    string         // the variable, flag or file that roots come from
	others  bool           // whether it is known to belong to another organisation
}

// String returns the name of the peer for an error.
func (t target) String() string {
	if t.name == "" || t.name == t.address {
		return t.address
	}
	return fmt.Sprintf("%s (%s)", t.name, t.address)
}

func checkAddress(what, address string) error {
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
		return fmt.Errorf("%s must be HOST:PORT, not %q", what, address)
	}
	return nil
}

// own returns the peer that the environment names.
func (e environment) own() (target, error) {
	t := target{address: e[addressVariable], host: e[hostVariable], from: rootsVariable}
	if t.address == "" {
		return t, message.WithHint(fmt.Errorf("%s is not set", addressVariable),
			"set the environment of the peer CLI, or give --peerAddresses or --connection-profile")
	}
	if err := checkAddress(addressVariable, t.address); err != nil {
		return t, err
	}
	withTLS, err := e.enabled(tlsVariable)
	if err != nil || !withTLS {
		return t, err
	}
	pem, err := e.file(rootsVariable)
	if err == nil {
		t.roots, err = roots(rootsVariable, pem)
	}
	return t, err
}

// given returns the peers in --peerAddresses, each with its file in --tlsRootCertFiles.
func (e environment) given(addresses, files []string) ([]target, error) {
	withTLS, err := e.enabled(tlsVariable)
	if err != nil {
		return nil, err
	}
	if withTLS && len(files) != len(addresses) || !withTLS && len(files) > 0 {
		return nil, message.WithHint(fmt.Errorf("%d --peerAddresses and %d --tlsRootCertFiles, with %s=%q",
			len(addresses), len(files), tlsVariable, e[tlsVariable]), "with TLS, each address needs its file, in the same order")
	}
	var targets []target
	for i, address := range addresses {
		t := target{address: address, host: e[hostVariable], from: "--tlsRootCertFiles"}
		if err := checkAddress("--peerAddresses", address); err != nil {
			return nil, err
		}
		if withTLS {
			pem, err := readPEM(t.from, files[i])
			if err != nil {
				return nil, err
			}
			t.from = fmt.Sprintf("%s %q", t.from, files[i])
			if t.roots, err = roots(t.from, pem); err != nil {
				return nil, err
			}
		}
		targets = append(targets, t)
	}
	return targets, nil
}

package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/environ"
)

// NotHere replaces, in a connection, a certificate or key whose file is not on this machine.
const NotHere = "(not here)"

// StandIns has a certificate and its key. They are used in place of certificates and keys that
// are on a peer's machine but not on this one.
type StandIns struct {
	cert, key string
	signer    *ecdsa.PrivateKey
	originals map[string]string // the certificates that like has copied, by their copies
}

// NewStandIns makes a certificate that can serve as that of a CA and of a client. It is valid
// for a day from now.
func NewStandIns(now time.Time) (*StandIns, error) {
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		return nil, err
	}
	s := &StandIns{signer: signer, originals: map[string]string{}}
	s.key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stand-in"},
		NotBefore: now.Add(-time.Minute), NotAfter: now.AddDate(0, 0, 1),
		IsCA: true, BasicConstraintsValid: true, // without usages, so that any is allowed
	}
	s.cert, err = s.issue(template, template)
	return s, err
}

func (s *StandIns) issue(template, parent *x509.Certificate) (string, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, s.signer.Public(), s.signer)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), err
}

// Replace returns env with stand-ins for the certificates and keys that are not on this
// machine. It looks at the variables whose names end in CERT_FILE and KEY_FILE, and writes the
// stand-ins to dir, a folder that it makes. A key must match its certificate. So if only one
// of NAME_CERT_FILE and NAME_KEY_FILE is missing, both are replaced: an existing certificate
// by a copy of it with another key.
func (s *StandIns) Replace(env map[string]string, dir string) (map[string]string, error) {
	replaced := maps.Clone(env)
	errs := []error{os.Mkdir(dir, 0o700)}
	put := func(name, content string) {
		replaced[name] = filepath.Join(dir, name)
		errs = append(errs, os.WriteFile(replaced[name], []byte(content), 0o600))
	}
	for name, file := range env {
		certs, isCert := strings.CutSuffix(name, certFile)
		keys, isKey := strings.CutSuffix(name, keyFile)
		switch {
		case isCert && absent(file):
			put(name, s.cert)
		case isCert && absent(env[certs+keyFile]):
			if like, err := s.like(file); err == nil { // the builder reports what is wrong with the file
				put(name, like)
			}
		case isKey && (absent(file) || absent(env[keys+certFile])):
			put(name, s.key)
		}
	}
	return replaced, errors.Join(errs...)
}

const certFile, keyFile = "CERT_FILE", "KEY_FILE"

// absent reports whether a file is not on this machine. A path that is not absolute is an
// error that the builder reports.
func absent(file string) bool {
	_, err := os.Stat(file)
	return filepath.IsAbs(file) && errors.Is(err, fs.ErrNotExist)
}

// like returns a copy of the first certificate in a file, with the key of s instead of its
// own. The rest of the file stays.
func (s *StandIns) like(file string) (string, error) {
	data, err := safefile.ReadOperators(file, environ.MaxValue)
	if err != nil {
		return "", err
	}
	block, rest := pem.Decode(data)
	if block == nil {
		return "", errors.New("is not PEM")
	}
	template, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	template.SignatureAlgorithm = x509.UnknownSignatureAlgorithm // chosen by the kind of the key
	made, err := s.issue(template, &x509.Certificate{RawSubject: template.RawIssuer})
	s.originals[made] = string(pem.EncodeToMemory(block))
	return made + string(rest), err
}

// Hide undoes in a connection what Replace has done. It puts NotHere in place of stand-ins,
// and the original in place of a copied certificate. It returns the keys of the connection
// whose values are not on this machine.
func (s *StandIns) Hide(c *connection.Connection) (notHere []string) {
	fields := map[string]*string{"root_cert": &c.RootCert, "client_cert": &c.ClientCert, "client_key": &c.ClientKey}
	for key, value := range fields {
		if strings.Contains(*value, s.cert) || strings.Contains(*value, s.key) {
			*value, notHere = NotHere, append(notHere, key)
		}
	}
	for made, original := range s.originals {
		c.ClientCert = strings.Replace(c.ClientCert, made, original, 1)
	}
	slices.Sort(notHere)
	return notHere
}

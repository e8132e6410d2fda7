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

// NotHere stands in a connection for a certificate or a key whose file this machine lacks.
const NotHere = "(not here)"

// StandIns are a certificate and its key, used in place of those whose files are on a
// peer's machine and not on this one.
type StandIns struct {
	cert, key string
	signer    *ecdsa.PrivateKey
	originals map[string]string // of the certificates that have been made like others
}

// NewStandIns makes a certificate that is a CA's and a client's, valid for a day from now.
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
		IsCA: true, BasicConstraintsValid: true, // and no usages: it is any of them
	}
	s.cert, err = s.issue(template, template)
	return s, err
}

func (s *StandIns) issue(template, parent *x509.Certificate) (string, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, s.signer.Public(), s.signer)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), err
}

// Replace returns env with files in dir, a folder that it makes, for the certificates and keys that are
// not here. They are those that variables ending in CERT_FILE and KEY_FILE name. Since a
// key must fit its certificate, the two that have one name but for that end are replaced
// together: then the certificate by one that is like it but for the key.
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
			if like, err := s.like(file); err == nil { // what is wrong with the file, the builder will say
				put(name, like)
			}
		case isKey && (absent(file) || absent(env[keys+certFile])):
			put(name, s.key)
		}
	}
	return replaced, errors.Join(errs...)
}

const certFile, keyFile = "CERT_FILE", "KEY_FILE"

// absent reports whether a file is not here. What is no absolute path is none, and an
// error that the builder reports.
func absent(file string) bool {
	_, err := os.Stat(file)
	return filepath.IsAbs(file) && errors.Is(err, fs.ErrNotExist)
}

// like makes a certificate like the first one of a file, but for the key of s; what
// follows it in the file follows it here too.
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
	template.SignatureAlgorithm = x509.UnknownSignatureAlgorithm // that of the key
	made, err := s.issue(template, &x509.Certificate{RawSubject: template.RawIssuer})
	s.originals[made] = string(pem.EncodeToMemory(block))
	return made + string(rest), err
}

// Hide replaces in a connection what stands in for something that is not here by
// NotHere, and a certificate made like another by that one. It returns the keys of what
// is not here.
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

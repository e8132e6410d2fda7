package lifecycle

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/identity"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/safefile"
)

// administrator returns the identity that signs: the certificate in signcerts of the MSP
// folder, and its key in keystore. No error contains a key.
func (e environment) administrator(mspID string, now time.Time) (identity.SigningIdentity, error) {
	if e["CORE_PEER_BCCSP_DEFAULT"] == "PKCS11" {
		return nil, message.WithHint(errors.New("CORE_PEER_BCCSP_DEFAULT is PKCS11: a key in an HSM cannot be used here"),
			"use the peer CLI, or an administrator whose key is in the keystore of its MSP folder")
	}
	dir, err := e.path(mspVariable)
	if err != nil {
		return nil, err
	}
	cert, err := signingCertificate(dir)
	if err == nil {
		err = checkValidity(cert, now)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mspVariable, err)
	}
	key, err := signingKey(dir, cert)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", mspVariable, err)
	}
	return identity.NewPrivateKeySigningIdentity(mspID, cert, key)
}

func checkValidity(cert *x509.Certificate, now time.Time) error {
	if now.After(cert.NotAfter) || now.Before(cert.NotBefore) {
		return message.WithHint(fmt.Errorf("the certificate of %q is valid only from %s to %s",
			cert.Subject.CommonName, cert.NotBefore.UTC().Format(time.RFC3339), cert.NotAfter.UTC().Format(time.RFC3339)),
			"enroll the administrator again, and check the clock")
	}
	return nil
}

// signingCertificate returns the first certificate in signcerts, as Fabric does.
func signingCertificate(dir string) (*x509.Certificate, error) {
	blocks, err := pemBlocksIn(filepath.Join(dir, "signcerts"))
	for _, block := range blocks {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, message.WithHint(fmt.Errorf("no certificate in %q", filepath.Join(dir, "signcerts")),
		"name the msp folder of an administrator, such as users/Admin@org1.example.com/msp")
}

// signingKey returns the key in keystore that belongs to the certificate.
func signingKey(dir string, cert *x509.Certificate) (crypto.PrivateKey, error) {
	keystore := filepath.Join(dir, "keystore")
	blocks, err := pemBlocksIn(keystore)
	found := 0
	for _, block := range blocks {
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, fmt.Errorf("the key in %q is encrypted, which Fabric does not read either", block.path)
		}
		key := privateKey(block.Block)
		if key == nil {
			continue
		}
		if found++; !key.PublicKey.Equal(cert.PublicKey) {
			continue
		}
		return key, nil
	}
	if err != nil {
		return nil, err
	}
	const hint = "copy the key that belongs to the certificate there; one that is in an HSM cannot be used here"
	if found > 0 {
		err := fmt.Errorf("no key in %q belongs to the certificate of %q", keystore, cert.Subject.CommonName)
		return nil, message.WithHint(err, hint)
	}
	return nil, message.WithHint(fmt.Errorf("no ECDSA key in %q", keystore), hint)
}

// privateKey returns the ECDSA key in a block, or nil.
func privateKey(block *pem.Block) *ecdsa.PrivateKey {
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key
	}
	key, _ := x509.ParsePKCS8PrivateKey(block.Bytes)
	ec, _ := key.(*ecdsa.PrivateKey)
	return ec
}

// pemBlock is a PEM block and the path of its file.
type pemBlock struct {
	*pem.Block
	path string
}

// pemBlocksIn returns the PEM blocks in the files of a folder, in the order of the files' names.
// Like Fabric, it goes on if a file cannot be read. The error is about the first such file, or
// about the folder.
func pemBlocksIn(dir string) (blocks []pemBlock, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%q: %w", dir, safefile.Reason(err))
	}
	err = nil
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") || entry.IsDir() { // a hidden name may be Kubernetes' ..data
			continue
		}
		path := filepath.Join(dir, entry.Name())
		data, readErr := safefile.ReadOperators(path, maxPEM)
		if readErr != nil && err == nil {
			err = fmt.Errorf("%q: %w", path, readErr)
		}
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			blocks = append(blocks, pemBlock{block, path})
		}
	}
	return blocks, err
}

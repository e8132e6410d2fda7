// Package pemtext reads PEM strictly: damaged PEM is an error, not skipped.
package pemtext

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"strings"
)

// Begin is how each PEM block begins, and PrivateKey is how the type of each
// private key ends.
const (
	Begin      = "-----BEGIN "
	PrivateKey = "PRIVATE KEY"
)

// Blocks decodes the blocks of text, at least one; it ignores what is between them.
// The error holds nothing of the text.
func Blocks(text string) ([]*pem.Block, error) {
	var blocks []*pem.Block
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		blocks = append(blocks, block)
	}
	switch begun := strings.Count(text, Begin); {
	case begun == 0 && strings.HasPrefix(text, "/"):
		return nil, errors.New("is a path, not PEM: " +
			"append _FILE to the name of the variable, or read the file with envFile")
	case strings.HasPrefix(text, "\ufeff"):
		return nil, errors.New("begins with a byte order mark: save the file without one")
	case begun == 0 && isBase64OfDER(text):
		return nil, errors.New("is DER in base64, not PEM: make PEM of the file, " +
			"by openssl x509 -inform DER -in FILE for a certificate, openssl pkey for a key")
	case begun == 0:
		return nil, errors.New("is not PEM: it has no -----BEGIN line")
	case begun != len(blocks):
		return nil, errors.New("is not valid PEM: a block in it is damaged or cut off")
	}
	return blocks, nil
}

// isBase64OfDER reports whether text is the base64 of one ASN.1 sequence, as
// certificates and keys are.
func isBase64OfDER(text string) bool {
	decoded, ok := decodeBase64(text)
	var whole asn1.RawValue
	rest, err := asn1.Unmarshal([]byte(decoded), &whole)
	return ok && err == nil && len(rest) == 0 && whole.FullBytes[0] == sequence
}

// Canonical returns the blocks of text and nothing else, each as encoding/pem
// encodes it. Certificates have no headers then: Go passes over those that have some.
func Canonical(text string) (string, error) {
	blocks, err := Blocks(text)
	if err != nil {
		return "", err
	}
	var canonical strings.Builder
	for _, block := range blocks {
		if block.Type == "CERTIFICATE" {
			block.Headers = nil
		}
		canonical.Write(pem.EncodeToMemory(block)) // it fails for no block that has been decoded
	}
	return canonical.String(), nil
}

// IsPrivateKey reports whether der is a private key in one of the encodings that
// PEM private keys have: PKCS #8, SEC 1 or PKCS #1.
func IsPrivateKey(der []byte) bool {
	_, pkcs8 := x509.ParsePKCS8PrivateKey(der)
	_, ec := x509.ParseECPrivateKey(der)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(der)
	return pkcs8 == nil || ec == nil || pkcs1 == nil
}

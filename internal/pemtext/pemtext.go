// Package pemtext reads PEM strictly: it rejects damaged PEM and does not skip it.
package pemtext

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"strings"
)

// Begin is the beginning of each PEM block, and PrivateKey is the end of the type of each
// private key.
const (
	Begin      = "-----BEGIN "
	PrivateKey = "PRIVATE KEY"
)

// Blocks decodes the PEM blocks of text, which must have at least one, and ignores any other
// text. Its error contains nothing from text.
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

// isBase64OfDER reports whether text is the base64 of exactly one ASN.1 sequence, such as a
// certificate or a key.
func isBase64OfDER(text string) bool {
	decoded, ok := decodeBase64(text)
	var whole asn1.RawValue
	rest, err := asn1.Unmarshal([]byte(decoded), &whole)
	return ok && err == nil && len(rest) == 0 && whole.FullBytes[0] == sequence
}

// Canonical returns only the PEM blocks of text, each as encoding/pem encodes it. It removes
// the headers of certificates, because Go skips certificates with headers.
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
		canonical.Write(pem.EncodeToMemory(block)) // cannot fail for a decoded block
	}
	return canonical.String(), nil
}

// IsPrivateKey reports whether der is a private key in one of the encodings used in PEM:
// PKCS #8, SEC 1 or PKCS #1.
func IsPrivateKey(der []byte) bool {
	_, pkcs8 := x509.ParsePKCS8PrivateKey(der)
	_, ec := x509.ParseECPrivateKey(der)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(der)
	return pkcs8 == nil || ec == nil || pkcs1 == nil
}

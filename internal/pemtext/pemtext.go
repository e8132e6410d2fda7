// Package pemtext reads PEM strictly: damaged PEM is an error, not skipped.
package pemtext

import (
	"crypto/x509"
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
	case begun == 0:
		return nil, errors.New("is not PEM: it has no -----BEGIN line")
	case begun != len(blocks):
		return nil, errors.New("is not valid PEM: a block in it is damaged or cut off")
	}
	return blocks, nil
}

// Canonical returns the blocks of text and nothing else, each as encoding/pem
// encodes it.
func Canonical(text string) (string, error) {
	blocks, err := Blocks(text)
	if err != nil {
		return "", err
	}
	var canonical strings.Builder
	for _, block := range blocks {
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

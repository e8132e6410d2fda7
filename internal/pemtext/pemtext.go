// Package pemtext reads PEM strictly: what is damaged is an error, not skipped.
package pemtext

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
)

// Begin is what each PEM block begins with, and PrivateKey what the type of each
// that is a private key ends with.
const (
	Begin      = "-----BEGIN "
	PrivateKey = "PRIVATE KEY"
)

// Blocks decodes the blocks of text, one at least; what stands between them is
// passed over. The error holds nothing of the text.
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
		return nil, errors.New("is a path and not PEM: a file is named by the variable with _FILE appended, or read by envFile")
	case begun == 0:
		return nil, errors.New("is not PEM: it has no -----BEGIN line")
	case begun != len(blocks):
		return nil, errors.New("is not valid PEM: a block in it is damaged or cut off")
	}
	return blocks, nil
}

// IsPrivateKey tells whether der is a private key in one of the encodings that
// PEM private keys have: PKCS #8, SEC 1 or PKCS #1.
func IsPrivateKey(der []byte) bool {
	if len(der) == 0 || der[0] != 0x30 {
		return false
	}
	_, pkcs8 := x509.ParsePKCS8PrivateKey(der)
	_, ec := x509.ParseECPrivateKey(der)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(der)
	return pkcs8 == nil || ec == nil || pkcs1 == nil
}

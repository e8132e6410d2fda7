package pemtext

import (
	"encoding/asn1"
	"strings"
)

// DER tags at the beginning of private keys.
const (
	integer     = 0x02
	octetString = 0x04
	oid         = 0x06
	sequence    = 0x30
)

// holdsDER reports whether a private key in DER begins anywhere in v.
func holdsDER(v string) bool {
	for {
		_, after, ok := strings.Cut(v, "\x30")
		if !ok {
			return false
		}
		if beginsKey(v[len(v)-len(after)-1:]) {
			return true
		}
		v = after
	}
}

// beginsKey reports whether der begins like a private key in PKCS #8 (encrypted or not),
// SEC 1, PKCS #1 or PKCS #12, even for curves that Go does not support. A small integer at the
// beginning is not enough: certificates, certificate requests and revocation lists contain
// one too.
func beginsKey(der string) bool {
	const pkcs = "\x2a\x86\x48\x86\xf7\x0d\x01"
	body, _ := element(der, sequence)
	if algorithm, _ := element(body, sequence); algorithm != "" {
		id, _ := element(algorithm, oid)
		return strings.HasPrefix(id, pkcs+"\x05") || strings.HasPrefix(id, pkcs+"\x0c") // encrypted with a password
	}
	version, body := element(body, integer)
	if len(version) != 1 || len(body) < 2 {
		return false
	}
	switch body[0] {
	case octetString: // SEC 1
		return version[0] == 1
	case integer: // PKCS #1, whose modulus is long
		return version[0] <= 1 && body[1] >= 0x20
	}
	algorithm, rest := element(body, sequence)
	id, _ := element(algorithm, oid)
	if version[0] == 3 { // PKCS #12
		return strings.HasPrefix(id, pkcs+"\x07")
	}
	return version[0] <= 1 && id != "" && (rest == "" || rest[0] == octetString)
}

// isWhole reports whether the first element of der is complete.
func isWhole(der string) bool {
	var first asn1.RawValue
	_, err := asn1.Unmarshal([]byte(der), &first)
	return err == nil
}

// element returns the content of the first element of der, if it has the tag, and the bytes
// that follow it. Either may be cut off.
func element(der string, tag byte) (content, rest string) {
	rest, ok := strings.CutPrefix(der, string(tag))
	if !ok || rest == "" {
		return "", ""
	}
	length, rest := int(rest[0]), rest[1:]
	if length == 0x80 { // indefinite length: an end marker follows the content
		return rest, ""
	}
	if more := length &^ 0x80; more != length { // this many bytes of length follow
		if more > 4 {
			return "", ""
		}
		digits := rest[:min(more, len(rest))]
		rest = rest[len(digits):]
		length = 0
		for _, b := range []byte(digits) {
			length = length<<8 | int(b)
		}
	}
	length = min(length, len(rest))
	return rest[:length], rest[length:]
}

package pemtext_test

import (
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"ccaas-template-builder/internal/pemtext"
)

// block returns PEM of this type with three bytes in it.
func block(kind string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("abc")}))
}

// The error for invalid PEM says what is wrong, and contains nothing from the text.
func TestBlocks(t *testing.T) {
	one, two := block("ONE"), block("TWO")
	for text, want := range map[string]string{
		one + two:                        "",
		"a: 1\n" + one + "b: 2\n" + two:  "",
		"/" + one:                        "is not valid PEM", // its block does not begin at the start of a line
		"/secret/path":                   "is a path, not PEM",
		"secret":                         "is not PEM: it has no -----BEGIN line",
		"":                               "is not PEM: it has no -----BEGIN line",
		one + two[:len(two)-20]:          "is not valid PEM: a block in it is damaged or cut off",
		encode("0\x03\x02\x01\x05"):      "is DER in base64, not PEM",
		encode("0\x03\x02\x01\x05a"):     "is not PEM", // a byte follows the sequence
		encode("\x02\x01\x05"):           "is not PEM", // an integer, not a sequence
		"-----BEGIN secret\n" + one:      "is not valid PEM: a block in it is damaged or cut off",
		strings.Replace(one, "Y", "", 1): "is not valid PEM: a block in it is damaged or cut off",
	} {
		blocks, err := pemtext.Blocks(text)
		canonical, canonicalErr := pemtext.Canonical(text)
		if want == "" {
			if err != nil || len(blocks) != 2 || blocks[1].Type != "TWO" || canonicalErr != nil || canonical != one+two {
				t.Errorf("%q: got %v, %v, canonical %q, %v", text, blocks, err, canonical, canonicalErr)
			}
			continue
		}
		for _, err := range []error{err, canonicalErr} {
			if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%q: got %v", text, err)
			}
		}
	}
}

// Canonical removes headers from certificates, because Go skips certificates with headers. It
// keeps the headers of other blocks, which may need them.
func TestCanonicalHeaders(t *testing.T) {
	for kind, kept := range map[string]bool{"CERTIFICATE": false, "EC PRIVATE KEY": true} {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Headers: map[string]string{"Name": "x"}, Bytes: []byte("abc")})
		got, err := pemtext.Canonical(string(text))
		if err != nil || strings.Contains(got, "Name: x") != kept {
			t.Errorf("%s: got %q, %v", kind, got, err)
		}
	}
}

// FromVariable returns the PEM of a variable in any of these forms, and returns anything else,
// including damaged PEM, unchanged.
func TestFromVariable(t *testing.T) {
	one := block("ONE")
	encoded := base64.StdEncoding.EncodeToString([]byte("# a\n" + one))
	for form, v := range map[string]string{
		"PEM": one, "text around": "# a\n" + one + "# b", "CRLF": strings.ReplaceAll(one, "\n", "\r\n"),
		"written out": strings.ReplaceAll(one, "\n", `\n`), "CRLF written out": strings.ReplaceAll(one, "\n", `\r\n`),
		"base64": encoded, "not padded": strings.TrimRight(encoded, "="), "wrapped": wrap(encoded, 20, "\n"),
		"base64 of URLs":           base64.URLEncoding.EncodeToString([]byte("?>~\n" + one)),
		"base64 of PEM with \\n's": encode(strings.ReplaceAll(one, "\n", `\n`)),
	} {
		if got := pemtext.FromVariable(v); got != one {
			t.Errorf("%s: got %q", form, got)
		}
	}
	for _, v := range []string{
		"", "=", "host:1", "abcd", "/a/path", encode("text"), encode(encode(one)),
		one[:len(one)-9], one + "-----BEGIN TWO-----", encode(one[:len(one)-9]), " " + "-----BEGIN\n",
	} {
		if got := pemtext.FromVariable(v); got != v {
			t.Errorf("%q became %q", v, got)
		}
	}
}

// A whole key is a complete PEM block, or base64 of a complete key in DER.
func TestIsWholeKey(t *testing.T) {
	for kind, der := range keys(t) {
		std := base64.StdEncoding.EncodeToString(der)
		for form, v := range map[string]string{"base64": std, "wrapped": wrap(std, 64, "\n")} {
			if want := kind != "OpenSSH"; pemtext.IsWholeKey(v) != want {
				t.Errorf("%s, %s: got %t", kind, form, !want)
			}
		}
		for form, v := range map[string]string{
			"half": std[:len(std)/8*4], "other half": std[len(std)/8*4:], "behind =": "key=" + std, "raw": string(der),
		} {
			if pemtext.IsWholeKey(v) {
				t.Errorf("%s, %s: is taken for whole", kind, form)
			}
		}
	}
	private, public := block("EC "+pemtext.PrivateKey), block("PUBLIC KEY")
	for text, want := range map[string]bool{
		private: true, public + private: true, public: false, private[:len(private)-9]: false, "": false,
	} {
		if pemtext.IsWholeKey(text) != want {
			t.Errorf("%q: got %t", text, !want)
		}
	}
}

// IsPrivateKey accepts the three encodings of private keys in PEM.
func TestIsPrivateKey(t *testing.T) {
	for kind, der := range keys(t) {
		unknown := strings.Contains(kind, "encrypted") || strings.Contains(kind, "explicit") ||
			strings.Contains(kind, "DSA") || strings.Contains(kind, "PSS") || strings.Contains(kind, "secp256k1")
		if want := !unknown && kind != "PKCS #12" && kind != "OpenSSH"; pemtext.IsPrivateKey(der) != want {
			t.Errorf("%s: got %t", kind, !want)
		}
		if pemtext.IsPrivateKey(der[:len(der)-1]) {
			t.Errorf("%s, cut off: is taken for a private key", kind)
		}
	}
	for kind, der := range vectors(t, "public.txt") {
		if pemtext.IsPrivateKey(der) {
			t.Errorf("%s: is taken for a private key", kind)
		}
	}
}

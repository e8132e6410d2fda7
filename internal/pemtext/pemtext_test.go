package pemtext_test

import (
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"ccaas-template-builder/internal/pemtext"
)

// block is PEM of this type with three bytes in it.
func block(kind string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("abc")}))
}

// What is not PEM from its first block to its last is an error that says what is
// wrong with it, and nothing of what it holds.
func TestBlocks(t *testing.T) {
	one, two := block("ONE"), block("TWO")
	for text, want := range map[string]string{
		one + two:                        "",
		"a: 1\n" + one + "b: 2\n" + two:  "",
		"/" + one:                        "is not valid PEM", // its block does not begin a line
		"/secret/path":                   "is a path, not PEM",
		"secret":                         "is not PEM: it has no -----BEGIN line",
		"":                               "is not PEM: it has no -----BEGIN line",
		one + two[:len(two)-20]:          "is not valid PEM: a block in it is damaged or cut off",
		encode("0\x03\x02\x01\x05"):      "is DER in base64, not PEM",
		encode("0\x03\x02\x01\x05a"):     "is not PEM", // for there is more behind it
		encode("\x02\x01\x05"):           "is not PEM", // but a number
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

// Go passes over certificates that have headers; what else has some may need them.
func TestCanonicalHeaders(t *testing.T) {
	for kind, kept := range map[string]bool{"CERTIFICATE": false, "EC PRIVATE KEY": true} {
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Headers: map[string]string{"Name": "x"}, Bytes: []byte("abc")})
		got, err := pemtext.Canonical(string(text))
		if err != nil || strings.Contains(got, "Name: x") != kept {
			t.Errorf("%s: got %q, %v", kind, got, err)
		}
	}
}

// What an operator puts into a variable is PEM if it is in one of these forms. All
// else, and PEM that is damaged, stays as it is.
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

// A key that is whole is PEM, or DER in base64, from its first byte to its last.
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

// A private key can be parsed in any of the three encodings that PEM has for keys.
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

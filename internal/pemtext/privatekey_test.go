package pemtext_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"mime/quotedprintable"
	"net/url"
	"os"
	"strings"
	"testing"

	"ccaas-template-builder/internal/pemtext"
)

// vectors returns the bytes in a file in testdata, keyed by name. Each line is NAME: BASE64.
func vectors(t testing.TB, file string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue // a comment
		}
		if all[name], err = base64.StdEncoding.DecodeString(value); err != nil {
			t.Fatal(name, err)
		}
	}
	return all
}

// keys returns private keys in each encoding, keyed by the name of the encoding.
func keys(t testing.TB) map[string][]byte {
	t.Helper()
	all := vectors(t, "keys.txt")
	must := func(name string, der []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
		all[name] = der
	}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	der, err := x509.MarshalPKCS8PrivateKey(ed)
	must("PKCS #8, Ed25519", der, err)
	large, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err = x509.MarshalPKCS8PrivateKey(large)
	must("PKCS #8, RSA", der, err)
	must("PKCS #1", x509.MarshalPKCS1PrivateKey(large), nil)
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err = x509.MarshalPKCS8PrivateKey(key)
		must("PKCS #8, "+curve.Params().Name, der, err)
		der, err = x509.MarshalECPrivateKey(key)
		must("SEC 1, "+curve.Params().Name, der, err)
	}
	return all
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// wrap breaks text into lines of this width.
func wrap(text string, width int, newline string) string {
	var b strings.Builder
	for ; len(text) > width; text = text[width:] {
		b.WriteString(text[:width] + newline)
	}
	return b.String() + text
}

// each returns every byte in hexadecimal, between before and after.
func each(der []byte, before, after string) string {
	var b strings.Builder
	for _, c := range der {
		b.WriteString(before + hex.EncodeToString([]byte{c}) + after)
	}
	return b.String()
}

func quotedPrintable(text string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return b.String()
}

// HoldsKey recognises a private key in any form in which people put it into a value, even by
// accident, and not only in the forms that a client_key may have.
func TestHoldsKey(t *testing.T) {
	escapes := strings.NewReplacer("+", `\u002b`, "/", `\/`, "=", `\u003d`)
	for kind, der := range keys(t) {
		std := base64.StdEncoding.EncodeToString(der)
		for form, v := range map[string]string{
			"base64":                   std,
			"base64 of URLs":           base64.RawURLEncoding.EncodeToString(der),
			"behind =":                 "key=" + std,
			"behind /":                 "keys/" + std,
			"behind -":                 "key-" + std,
			"behind _":                 "client_key_" + std,
			"behind +":                 "a+" + std,
			"behind letters":           "key" + std,
			"line of an env file":      "A=b\nexport TLS=" + std + "\nC=d\n",
			"connection string":        "AccountName=x;AccountKey=" + std + ";x=1",
			"query":                    "https://example.com/?k=" + url.QueryEscape(std) + "&x=1",
			"query of URLs' base64":    "https://example.com/?k=" + base64.RawURLEncoding.EncodeToString(der) + "&x=1",
			"path":                     "https://example.com/keys/" + url.PathEscape(std),
			"base64 of a line":         encode("k=" + std),
			"base64 of a long line":    encode("key-of-peer0=" + std + ";"),
			"URL base64 of a line":     base64.RawURLEncoding.EncodeToString([]byte("key?>" + std)),
			"base64 of that":           encode("x=" + encode("k="+std)),
			"base64 of that behind =":  "config=" + encode("k="+std),
			"base64 of other bytes":    encode("key:" + string(der)),
			"wrapped":                  "k=" + wrap(std, 64, "\n") + "\n",
			"wrapped, 20":              "k=" + wrap(std, 20, "\r\n"),
			"wrapped and indented":     "key: |\n  " + wrap(std, 76, "\n  "),
			"wrapped, written out":     `k="` + wrap(std, 64, `\n`) + `"`,
			"wrapped base64 of a line": wrap(encode("k="+std), 60, "\n"),
			"strings added":            `"` + wrap(std, 64, `" + "`) + `"`,
			"quoted-printable":         quotedPrintable("tls=" + std),
			"JSON":                     `{"k":"k=` + escapes.Replace(std) + `"}`,
			"YAML":                     `k: "x=` + wrap(std, 64, "\\\n  \\") + `"`,
			"hex":                      "key=" + hex.EncodeToString(der),
			"hex in capitals":          "key=" + strings.ToUpper(hex.EncodeToString(der)),
			"hex behind letters":       "code" + hex.EncodeToString(der),
			"hex, 0x":                  "0x" + hex.EncodeToString(der),
			"hex, colons":              "key: " + each(der, "", ":"),
			"hex, wrapped":             "key:\n    " + wrap(each(der, "", ":"), 45, "\n    "),
			"hex, spaces":              each(der, "", " "),
			"hex, hyphens":             each(der, "", "-"),
			"hex, array of C":          "{" + each(der, "0x", ", ") + "}",
			"hex, a string of C":       each(der, `\x`, ""),
			"hex, dump":                "00000000: " + wrap(each(der, "", " "), 48, " ................\n00000010: "),
			"hex of a line":            hex.EncodeToString([]byte("k=" + std)),
			"escaped as a URL":         "k=" + each(der, "%", ""),
			"base64 of hex":            encode("key=" + hex.EncodeToString(der)),
			"raw":                      "key:\x00" + string(der),
		} {
			if !pemtext.HoldsKey(v) {
				t.Errorf("%s, %s: not recognised in %q", kind, form, v)
			}
		}
	}
}

// The first bytes are enough to recognise a private key, with lengths as in DER or BER.
func TestKeyBegins(t *testing.T) {
	const rsa, pkcs = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", "\x2a\x86\x48\x86\xf7\x0d\x01"
	for name, der := range map[string]string{
		"SEC 1":                       "\x30\x74\x02\x01\x01\x04\x20",
		"SEC 1, long length":          "\x30\x81\x74\x02\x01\x01\x04\x20",
		"SEC 1, longest length":       "\x30\x84\x00\x00\x00\x74\x02\x01\x01\x04\x20",
		"SEC 1, no length":            "\x30\x80\x02\x01\x01\x04\x20",
		"PKCS #1, shortest modulus":   "\x30\x3f\x02\x01\x00\x02\x20",
		"PKCS #1, three primes":       "\x30\x82\x04\xa4\x02\x01\x01\x02\x82",
		"PKCS #8":                     "\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70",
		"PKCS #8, with public key":    "\x30\x52\x02\x01\x01\x30\x05\x06\x03\x2b\x65\x70\x04\x22",
		"PKCS #8, RSA":                "\x30\x82\x04\xbe\x02\x01\x00\x30\x0d" + rsa + "\x05\x00\x04",
		"PKCS #8, lengths of 2 bytes": "\x30\x81\x9e\x02\x01\x00\x30\x81\x8d" + rsa,
		"PKCS #8, PBES1":              "\x30\x57\x30\x1b\x06\x09" + pkcs + "\x05",
		"PKCS #8, by PKCS #12":        "\x30\x58\x30\x1c\x06\x0a" + pkcs + "\x0c",
		"PKCS #12":                    "\x30\x82\x03\x66\x02\x01\x03\x30\x82\x03\x1c\x06\x09" + pkcs + "\x07",
		"PKCS #12, BER":               "\x30\x80\x02\x01\x03\x30\x80\x06\x09" + pkcs + "\x07",
	} {
		for _, before := range []string{"", "\x30", "\x30\x30", "text 0"} {
			if !pemtext.HoldsKey(before + der) {
				t.Errorf("%s behind %q: not recognised", name, before)
			}
		}
	}
}

// At most 12 bytes may separate the words PRIVATE and KEY.
func TestHoldsWords(t *testing.T) {
	for text, want := range map[string]bool{
		"PRIVATEKEY": true, "PRIVATE KEY": true, `PRIVATE\\u0020KEY`: true, "PRIVATE KE": false,
		"PRIVATE" + strings.Repeat("-", 12) + "KEY":          true,
		"PRIVATE" + strings.Repeat("-", 13) + "KEY":          false,
		"PRIVATE, it says, but it is a PRIVATE_KEY":          true,
		"PRIVATE data, and what lies behind it has its KEY.": false,
		"KEY PRIVATE": false,
	} {
		if got := pemtext.HoldsKey(text); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}

// A key encoded three times is found, but not a key encoded four times, because each level
// multiplies the work.
func TestHowDeepKeysAreFound(t *testing.T) {
	toHex := func(v string) string { return hex.EncodeToString([]byte(v)) }
	for name, wrapped := range map[string]func(string) string{"base64": encode, "hex": toHex} {
		v := "-----BEGIN " + pemtext.PrivateKey + "-----"
		for times := range 5 {
			if got, want := pemtext.HoldsKey(v), times <= 3; got != want {
				t.Errorf("%d times %s: got %t", times, name, got)
			}
			v = wrapped(v)
		}
	}
}

// In text, the name of a variable is not a key, and JSON escapes are decoded.
func TestTextHoldsKey(t *testing.T) {
	for text, want := range map[string]bool{
		`{{ env "TLS_PRIVATE_KEY_1" }}`:                          false,
		`{{ env "PRIVATE_KEY" }}-----BEGIN PRIVATE KEY-----`:     true,
		`"-----BEGIN \u0050RIVATE KEY-----"`:                     true,
		`"-----BEGIN PRIVATE\/KEY-----"`:                         true,
		`"C:\\Users\q\u12"`:                                      false,
		"-----BEGIN PRIVATE KEY-----":                            true,
		`"\u004d\u0048\u0051CAQEEIPrcf++CZUjlf1KR+ou2CDTGttpni"`: true,
	} {
		if got := pemtext.TextHoldsKey(text); got != want {
			t.Errorf("%s: got %t", text, got)
		}
	}
}

// Values without a private key are not taken for one, in any encoding.
func TestHoldsNoKey(t *testing.T) {
	values := map[string]string{
		"host names": "peer0.org1.example.com,orderer-0.example.com:7050",
		"package ID": "basic_1.0:" + strings.Repeat("3082020100", 6) + "abcd",
		"UUID":       "30820201-0030-0d06-092a-864886f70d01",
		"JWT": base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256"}`)) + "." +
			base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"MIGHT"}`)) + "." + strings.Repeat("Ab-_", 22),
		"path":         "/etc/hyperledger/fabric/tls/MIGHAgEA/server.crt",
		"connection":   "Endpoint=sb://example.com/;SharedAccessKeyName=Root;EntityPath=a-b_c",
		"openssh":      "keys begin with openssh-key-v1, in base64",
		"JSON":         `{"a":"MIIB","n":[48,2,1,0],"u":"\u0030\u0081"}`,
		"two numbers":  encode("cc\x30\x06\x02\x01\x00\x02\x01\x05"),
		"short number": encode("cc\x30\x25\x02\x01\x00\x02\x1f\x05"),
		"two versions": encode("cc\x30\x2e\x02\x02\x00\x01\x04\x20\x05\x06"),
		"SEC 1, 0":     encode("cc\x30\x2e\x02\x01\x00\x04\x20\x05\x06"),
		"PKCS #1, 2":   encode("cc\x30\x82\x04\x00\x02\x01\x02\x02\x82\x01\x00"),
		"5 of length":  encode("cc\x30\x85\x00\x00\x00\x00\x74\x02\x01\x01\x04\x20"),
		"version 2":    encode("cc\x30\x0c\x02\x01\x02\x30\x05\x06\x03\x2b\x65\x70\x04\x00"),
		"no algorithm": encode("cc\x30\x09\x02\x01\x00\x30\x02\x04\x00\x04\x00"),
		"SNMP":         encode("cc\x30\x26\x02\x01\x00\x04\x06public\xa0\x19"),
	}
	for kind, der := range vectors(t, "public.txt") {
		std := base64.StdEncoding.EncodeToString(der)
		block := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		values[kind+", base64"] = std
		values[kind+", PEM"] = block
		values[kind+", base64 of PEM"] = encode(block)
		values[kind+", behind ="] = "cert=" + std + ";x=1"
		values[kind+", base64 of a line"] = encode("c=" + std)
		values[kind+", hex"] = hex.EncodeToString(der)
		values[kind+", colons"] = each(der, "", ":")
		values[kind+", raw"] = string(der)
		digest := sha256.Sum256(der)
		values[kind+", digest"] = hex.EncodeToString(digest[:])
		values[kind+", fingerprint"] = "SHA256:" + strings.ToUpper(each(digest[:], "", ":"))
	}
	random := make([]byte, 48<<10)
	rand.Read(random)
	values["random"] = base64.StdEncoding.EncodeToString(random)
	for name, v := range values {
		if pemtext.HoldsKey(v) {
			t.Errorf("%s: is taken for a key: %q", name, v[:min(len(v), 300)])
		}
		if strings.Contains(v, "\\") && pemtext.TextHoldsKey(v) {
			t.Errorf("%s: is taken for a key as text", name)
		}
	}
}

// hostile returns texts of 64 KiB each that HoldsKey decodes again and again.
func hostile() map[string]string {
	const size = 64 << 10
	nested := "no key"
	for len(nested) < size {
		nested = encode(nested)
	}
	texts := map[string]string{"nested base64": nested[:size], "nested hex": strings.Repeat("3330", size/4)}
	for _, unit := range []string{
		"A", "V", "U", "0", "M", "MIGH", "QUFB", "RERE", "FBUV", "0x", "30820201",
		`\`, `\n`, "PRIVATE", "0\x84", "VVVVVVVVVVVVV=",
	} {
		texts[unit] = strings.Repeat(unit, size/len(unit))
	}
	return texts
}

func BenchmarkHoldsKey(b *testing.B) {
	for name, v := range hostile() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(v)))
			for b.Loop() {
				pemtext.HoldsKey(v)
			}
		})
	}
}

// A key is recognised with any text around it.
func FuzzHoldsKey(f *testing.F) {
	for _, before := range []string{
		"", "key=", "a/", "a-b_", "?k=", "x", "xy", "0x", `\`, "%3D", "=3D", "0", "a:\n", "\xff",
	} {
		f.Add(before, "")
		f.Add(before, ";x=1")
	}
	all := keys(f)
	f.Fuzz(func(t *testing.T, before, after string) {
		for kind, der := range all {
			std, digits := base64.StdEncoding.EncodeToString(der), hex.EncodeToString(der)
			urls := base64.RawURLEncoding.EncodeToString(der)
			for _, v := range []string{std, urls, digits, each(der, "", ":"), string(der)} {
				if !pemtext.HoldsKey(before + v + after) {
					t.Errorf("%s: not recognised in %q", kind, before+v+after)
				}
			}
			if v := encode(before + std + after); !pemtext.HoldsKey(v) {
				t.Errorf("%s: not recognised in %q", kind, v)
			}
		}
	})
}

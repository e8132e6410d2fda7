package environ

import (
	"encoding/base64"
	"encoding/pem"
	"slices"
	"strings"

	"ccaas-template-builder/internal/pemtext"
)

// canonicalPEM returns v as PEM blocks and nothing else where it is PEM in one
// of the forms people put into variables: PEM, PEM with \n written out, or
// base64 of PEM. Anything else comes back as it is, PEM that is damaged too.
func canonicalPEM(v string) string {
	text := v
	if decoded, ok := decodeBase64(text); ok && strings.Contains(decoded, pemtext.Begin) {
		text = decoded
	}
	if !strings.Contains(text, pemtext.Begin) {
		return v
	}
	blocks, err := pemtext.Blocks(strings.NewReplacer(`\r`, "", `\n`, "\n", "\r", "").Replace(text))
	if err != nil {
		return v
	}
	var canonical strings.Builder
	for _, block := range blocks {
		if pem.Encode(&canonical, block) != nil {
			return v
		}
	}
	return canonical.String()
}

// holdsPrivateKey tells whether v holds a private key: PEM of one anywhere in
// it, in any of the forms, also encoded in base64 more than once, or the bytes
// of one in base64. It would rather take too much for a key than too little.
func holdsPrivateKey(v string) bool {
	for range 4 {
		if strings.Contains(v, pemtext.PrivateKey) || containsAny(compact(v), base64Markers[:]) {
			return true
		}
		decoded, ok := decodeBase64(v)
		if !ok {
			return false
		}
		if pemtext.IsPrivateKey([]byte(decoded)) {
			return true
		}
		v = decoded
	}
	return false
}

func containsAny(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// base64Markers are what pemtext.PrivateKey looks like inside base64, by where in a
// group of three bytes it begins.
var base64Markers = [3]string{
	base64.RawStdEncoding.EncodeToString([]byte(pemtext.PrivateKey))[:14],
	base64.RawStdEncoding.EncodeToString([]byte("-" + pemtext.PrivateKey))[2:16],
	base64.RawStdEncoding.EncodeToString([]byte("--" + pemtext.PrivateKey))[3:17],
}

// decodeBase64 decodes v if all of it is base64, of either alphabet, with or
// without padding and line breaks.
func decodeBase64(v string) (string, bool) {
	text := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(compact(v), "="))
	if text == "" {
		return "", false
	}
	decoded, err := base64.RawStdEncoding.DecodeString(text)
	return string(decoded), err == nil
}

// compact drops white space, also where it is written out.
func compact(v string) string {
	return strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", `\n`, "", `\r`, "").Replace(v)
}

package pemtext

import (
	"encoding/base64"
	"strings"
)

// These are shared by all values, because a Replacer builds its tables on first use.
var (
	writtenOut     = strings.NewReplacer(`\r`, "", `\n`, "\n", "\r", "")
	standardBase64 = strings.NewReplacer("-", "+", "_", "/")
	whiteSpace     = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", `\n`, "", `\r`, "")
	betweenDigits  = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", "0x", "", "0X", "", `\x`, "", `\n`, "",
		`\`, "", ":", "", ",", "", "-", "", "%", "")
)

// FromVariable returns only the PEM blocks of v if v is in one of the forms that people put
// into variables: PEM, PEM with \n written out, or base64 of PEM. It returns anything else,
// including damaged PEM, unchanged.
func FromVariable(v string) string {
	text := v
	if decoded, ok := decodeBase64(text); ok && strings.Contains(decoded, Begin) {
		text = decoded
	}
	if !strings.Contains(text, Begin) {
		return v
	}
	canonical, err := Canonical(writtenOut.Replace(text))
	if err != nil {
		return v
	}
	return canonical
}

// decodeBase64 decodes v if all of it is base64, in either alphabet, with or
// without padding and line breaks.
func decodeBase64(v string) (string, bool) {
	text := standardBase64.Replace(strings.TrimRight(compact(v), "="))
	if text == "" {
		return "", false
	}
	decoded, err := base64.RawStdEncoding.DecodeString(text)
	return string(decoded), err == nil
}

// compact removes white space, including \n and \r written out.
func compact(v string) string {
	return whiteSpace.Replace(v)
}

package pemtext

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
)

// HoldsKey reports whether v holds a private key or a recognisable part of one: the words
// PRIVATE KEY, as in PEM, or the first bytes of a key, anywhere in v, raw, in base64 or in
// hexadecimal, a few levels deep. It prefers false positives to false negatives. The time it
// takes is proportional to the length of v.
func HoldsKey(v string) bool { return holdsKey(v, 4) }

// These are compiled on first use and not when build starts, because build rarely needs them.
var (
	// variableName matches the name of a variable for a private key. The name is not a key.
	variableName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\b[A-Z0-9_]*PRIVATE_KEY[A-Z0-9_]*\b`)
	})
	// jsonEscape matches an escape sequence of JSON.
	jsonEscape = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\\(?:u[0-9A-Fa-f]{4}|[^u])`) })
)

// TextHoldsKey reports whether text, a template or another file of a package, holds a private
// key. Unlike HoldsKey, it ignores names of variables, and decodes JSON escapes, which may
// represent parts of a key.
func TextHoldsKey(text string) bool {
	if strings.Contains(text, "PRIVATE_KEY") {
		text = variableName().ReplaceAllString(text, "")
	}
	if HoldsKey(text) {
		return true
	}
	return strings.Contains(text, `\`) && HoldsKey(jsonEscape().ReplaceAllStringFunc(text, unescape))
}

func unescape(escape string) string {
	var s string
	if json.Unmarshal([]byte(`"`+escape+`"`), &s) != nil {
		return escape
	}
	return s
}

func holdsKey(v string, depth int) bool {
	const shortest = 7 // length of the shortest beginning of a key, such as in SEC 1
	if depth == 0 || len(v) < shortest {
		return false
	}
	if saysPrivateKey(v) || holdsDER(v) {
		return true
	}
	// A key may begin anywhere in a run, after other text and a separator such as /. But each
	// run can be divided into groups in only four ways in base64, and in two in hexadecimal.
	letters := standardBase64.Replace(strings.ReplaceAll(compact(v), "=", ""))
	for run := range strings.FieldsFuncSeq(letters, notBase64) {
		for skip := range min(4, len(run)) {
			decoded, _ := base64.RawStdEncoding.DecodeString(run[skip:]) // an error means an incomplete last group
			if holdsKey(string(decoded), depth-1) {
				return true
			}
		}
	}
	for run := range strings.FieldsFuncSeq(betweenDigits.Replace(v), notHex) {
		for skip := range min(2, len(run)) {
			decoded, _ := hex.DecodeString(run[skip:])
			if holdsKey(string(decoded), depth-1) {
				return true
			}
		}
	}
	return false
}

// saysPrivateKey reports whether v contains PRIVATE KEY, with the space in any form, or the
// beginning of a key in OpenSSH's own format.
func saysPrivateKey(v string) bool {
	const separator = 12 // the maximum length of the space, such as &#x20; or \\u0020
	for rest := v; ; {
		_, after, ok := strings.Cut(rest, "PRIVATE")
		if !ok {
			break
		}
		if strings.Contains(after[:min(len(after), separator+len("KEY"))], "KEY") {
			return true
		}
		rest = after
	}
	return strings.Contains(v, "openssh-key-v1\x00")
}

// IsWholeKey reports whether v is PEM with a private key, or base64 that begins with a complete
// private key in DER.
func IsWholeKey(v string) bool {
	if blocks, err := Blocks(v); err == nil {
		for _, block := range blocks {
			if strings.HasSuffix(block.Type, PrivateKey) {
				return true
			}
		}
	}
	decoded, ok := decodeBase64(v)
	return ok && beginsKey(decoded) && isWhole(decoded)
}

func notBase64(r rune) bool { return !isDigitOrLetter(r, 'z') && r != '+' && r != '/' }

func notHex(r rune) bool { return !isDigitOrLetter(r, 'f') }

// isDigitOrLetter reports whether r is a digit, or a letter up to last in either case.
func isDigitOrLetter(r, last rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= last
}

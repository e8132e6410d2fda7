package pemtext

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
)

// HoldsKey reports whether v holds a private key or a recognisable part of
// one: the words that PEM uses for it anywhere in v; or its bytes as a whole word
// of v, raw, in base64 or in hexadecimal; or any of these in base64 again, a few
// levels deep. It prefers false positives to false negatives.
func HoldsKey(v string) bool { return holdsKey(v, 4) }

// These are not compiled when build starts, because it rarely needs them.
var (
	// variableName is the name of a variable for a key, which is not itself a key.
	variableName = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\b[A-Z0-9_]*PRIVATE_KEY[A-Z0-9_]*\b`)
	})
	// jsonEscape is an escape sequence of JSON.
	jsonEscape = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\\(?:u[0-9A-Fa-f]{4}|[^u])`) })
)

// TextHoldsKey is HoldsKey for text that somebody wrote, a template
// or another file of a package: names of variables in it are not keys, and JSON
// escapes may represent parts of one.
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
	if depth == 0 || len(v) < len("PRIVATE KEY") {
		return false
	}
	if saysPrivateKey(v) || MayBePrivateKey([]byte(v)) {
		return true
	}
	if decoded, ok := decodeBase64(v); ok && holdsKey(decoded, depth-1) {
		return true
	}
	const shortest = 40 // length of a word that could hold a key
	for _, word := range strings.FieldsFunc(v, func(r rune) bool { return !isBase64(r) }) {
		if len(word) < shortest || len(word) == len(v) {
			continue
		}
		if decoded, ok := decodeBase64(word); ok && holdsKey(decoded, depth-1) {
			return true
		}
		if decoded, err := hex.DecodeString(word); err == nil && holdsKey(string(decoded), depth-1) {
			return true
		}
	}
	decoded, err := hex.DecodeString(compact(v))
	return err == nil && holdsKey(string(decoded), depth-1)
}

// saysPrivateKey finds PRIVATE KEY, whatever represents the space between the
// words, and the base64 form of the two.
func saysPrivateKey(v string) bool {
	const separator = 12 // the longest form of a space, such as &#x20; or \\u0020
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
	text := compact(v)
	for _, marker := range base64Markers {
		if strings.Contains(text, marker) {
			return true
		}
	}
	return false
}

// base64Markers are the words as they appear in base64, by where in a group of
// three bytes they begin.
var base64Markers = [3]string{
	base64.RawStdEncoding.EncodeToString([]byte(PrivateKey))[:14],
	base64.RawStdEncoding.EncodeToString([]byte("-" + PrivateKey))[2:16],
	base64.RawStdEncoding.EncodeToString([]byte("--" + PrivateKey))[3:17],
}

// IsWholeKey reports whether v holds a whole private key, not only part of one.
func IsWholeKey(v string) bool {
	if blocks, err := Blocks(v); err == nil {
		for _, block := range blocks {
			if strings.HasSuffix(block.Type, PrivateKey) {
				return true
			}
		}
	}
	decoded, ok := decodeBase64(v)
	return ok && MayBePrivateKey([]byte(decoded))
}

func isBase64(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("+/-_=", r)
}

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
// one: the words that PEM uses for it, or the bytes that it begins with, anywhere in v,
// raw, in base64 or in hexadecimal, a few levels deep. It prefers false positives to
// false negatives. The time it takes is proportional to the length of v.
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
	const shortest = 7 // what all keys of SEC 1 begin with
	if depth == 0 || len(v) < shortest {
		return false
	}
	if saysPrivateKey(v) || holdsDER(v) {
		return true
	}
	// A key may begin at any letter of a run, behind others and what separates it
	// from them, but each run has only so many ways to be divided into groups.
	letters := standardBase64.Replace(strings.ReplaceAll(compact(v), "=", ""))
	for run := range strings.FieldsFuncSeq(letters, notBase64) {
		for skip := range min(4, len(run)) {
			decoded, _ := base64.RawStdEncoding.DecodeString(run[skip:]) // at its end, an incomplete group
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

// saysPrivateKey finds PRIVATE KEY, whatever represents the space between the
// words, and what OpenSSH's own format begins with.
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
	return strings.Contains(v, "openssh-key-v1\x00")
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
	return ok && beginsKey(decoded) && isWhole(decoded)
}

func notBase64(r rune) bool { return !isLetter(r, 'z') && r != '+' && r != '/' }

func notHex(r rune) bool { return !isLetter(r, 'f') }

// isLetter reports whether r is a digit or a letter of the alphabet up to last.
func isLetter(r, last rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= last
}

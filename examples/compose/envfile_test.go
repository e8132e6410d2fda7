package compose_test

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"ccaas-template-builder/internal/envfile"
)

// If an env file causes no warning about Compose, Compose reads it as we do.
func FuzzEnvFile(f *testing.F) {
	for _, value := range []string{
		"x", "a b", "a #b", "a#b", " x ", "$x", "a$", `a\nb`, `"a\nb"`, `"a\"b\\c\$d"`, "\"\\`\"", `'a\'`, `'a\\b'`, `"a\eb"`, "'a\nb'", "\"a\n b\" ",
		`{"a":"b"}`, `"$x"`, `'$x'`, "\"a\\\nb\"", "x\r\nB=y", "~", "it's", "", `""`, "#", "a\t#b", `"\0"`, `'a\'b'`, "'a'\n\n#\n B=x",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		text := "A=" + value
		ours, warnings, err := envfile.Parse("peer.env", []byte(text))
		if err != nil || strings.Contains(strings.Join(warnings, "\n"), "Compose") {
			return
		}
		theirs, err := dotenv.Parse(strings.NewReader(text))
		if err != nil || len(ours) != len(theirs) {
			t.Fatalf("%q is %q, for Compose %q, %v", text, ours, theirs, err)
		}
		for name, value := range ours {
			if theirs[name] != value {
				t.Errorf("%q is %q, for Compose %q", text, value, theirs[name])
			}
		}
	})
}

package envfile_test

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ccaas-template-builder/internal/envfile"
)

// parse returns the variables and the warnings, joined and without the name of the file.
func parse(t *testing.T, text string) (env map[string]string, warnings string) {
	t.Helper()
	env, all, err := envfile.Parse("peer.env", []byte(text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return env, strings.ReplaceAll(strings.Join(all, "\n"), "peer.env:", "")
}

// Each row has the text after the =, the value that it means, and a part of the warning.
func TestValues(t *testing.T) {
	for text, want := range map[string]struct{ value, warning string }{
		"":                             {},
		"cc:9999":                      {value: "cc:9999"},
		"a=b":                          {value: "a=b"},
		"#fff":                         {value: "#fff"},
		"%{color}[/x]":                 {value: "%{color}[/x]"},
		" x":                           {"x", "docker keeps the blank after ="},
		"\tx":                          {"x", "docker keeps the blank after ="},
		"x ":                           {"x", "docker keeps the blank at the end"},
		"   ":                          {"", "docker keeps the blank at the end"},
		"x y":                          {"x y", "a shell ends a value without quotes at the blank"},
		"x # y":                        {"x # y", "Compose and a shell take # after a blank for a comment"},
		"x#y":                          {value: "x#y"},
		"a$HOME":                       {"a$HOME", "Compose and a shell replace $"},
		"${HOME}":                      {"${HOME}", "Compose and a shell replace $"},
		`C:\x`:                         {`C:\x`, `systemd and a shell drop a \`},
		`{"peername":"peer0"}`:         {`{"peername":"peer0"}`, "a shell reads a value with any of"},
		"a;b":                          {"a;b", "a shell reads a value with any of"},
		"~/x":                          {"~/x", "a shell reads a value with any of"},
		"x:~y":                         {"x:~y", "a shell reads a value with any of"},
		"it's":                         {"it's", "a shell reads a value with any of"},
		"x\u00a0":                      {"x\u00a0", "Compose drops white space of any kind"},
		"\fx":                          {"\fx", "Compose drops white space of any kind"},
		"x\r":                          {"x", "a shell takes the carriage return"},
		`""`:                           {"", "docker keeps the quotes"},
		`"x y" `:                       {"x y", "docker keeps the quotes"},
		`'{"a":"$b\n"}'`:               {`{"a":"$b\n"}`, "docker keeps the quotes"},
		`"a\"b\\c\$d"`:                 {`a"b\c$d`, "docker keeps the quotes"},
		`"a\` + "`" + `b"`:             {"a`b", `Compose reads \` + "`"},
		`"a\nb"`:                       {`a\nb`, `Compose reads \n`},
		`"a\eb"`:                       {`a\eb`, "docker keeps the quotes"},
		`"a$b"`:                        {"a$b", "Compose and a shell replace $"},
		"\"a`b`\"":                     {"a`b`", "a shell runs"},
		`'a\'`:                         {`a\`, `Compose does not end a value at a quote after \`},
		"'a\nb\n'":                     {"a\nb\n", "takes each of its lines for another variable"},
		"\"a\r\n\r\nb\"":               {"a\n\nb", "a shell takes the carriage return"},
		"\"a\\\nb\"":                   {"a\\\nb", `join the line that ends with \`},
		`-----BEGIN X-----\n-----END `: {`-----BEGIN X-----\n-----END`, "drop a \\"},
	} {
		env, warnings := parse(t, "A=1\nB="+text+"\nC=3")
		if env["B"] != want.value || env["C"] != "3" || len(env) != 3 {
			t.Errorf("%q is %q", text, env)
		}
		if !strings.Contains(warnings, want.warning) || (warnings == "") != (want.warning == "") {
			t.Errorf("%q has the warnings %q", text, warnings)
		}
	}
}

// A warning lists all the lines that it is about. If a variable is set twice, the last value counts.
func TestLines(t *testing.T) {
	env, warnings := parse(t, "# it's\n\n  A='x'\nB='x\ny'\nC='z'\nA=\"y\"")
	const want = "3: docker keeps the quotes around a value (also line 6, 7)\n" +
		"4: docker keeps the quotes around a value, and takes each of its lines for another variable\n" +
		"7: sets the variable of line 3 again, and replaces its value"
	if warnings != want || env["A"] != "y" || env["B"] != "x\ny" {
		t.Errorf("%q has the warnings\n%s", env, warnings)
	}
	if _, warnings := parse(t, `A="1\n2\n3"`); strings.Contains(warnings, "also line") {
		t.Errorf("a line is named twice: %s", warnings)
	}
}

// Each error names its line, and quotes nothing of it.
func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"A=1\n- secret=x":              "peer.env:2: is an item of a YAML list, as in a Compose file",
		"\n  - \"secret=x\"":           "peer.env:2: is an item of a YAML list",
		"export secret=x":              "peer.env:1: begins with export",
		"\texport\tsecret='x'":         "peer.env:1: begins with export",
		"secret: x=y":                  "peer.env:1: has a colon after the name, as in YAML",
		"A=1\r\n\"secret\" : x\r\n":    "peer.env:2: has a colon after the name, as in YAML",
		"secret:":                      "peer.env:1: has a colon after the name, as in YAML",
		"secret = x":                   "peer.env:1: has a blank before the =",
		"secret":                       "peer.env:1: has no =",
		"secret:x":                     "peer.env:1: has no =",
		"se-cret=x":                    "peer.env:1: has no variable's name before the =",
		"set secret=x":                 "peer.env:1: has no variable's name before the =",
		"=secret":                      "peer.env:1: has no variable's name before the =",
		"1secret=x":                    "peer.env:1: has no variable's name before the =",
		"A='secret":                    "peer.env:1: begins a value with ', and no other ' ends it",
		"A=1\nB=\"secret\\\"\nC=2":     "peer.env:2: begins a value with \", and no other \" ends it",
		"A=\"secret\" # x":             "peer.env:1: has more after the quote that ends the value",
		"A='secret'\\''x'":             "peer.env:1: has more after the quote that ends the value",
		"A='secret\nx' y\n!":           "peer.env:1: has more after the quote that ends the value\npeer.env:3: has no =",
		"\ufeffsecret=x":               "peer.env:1: begins with a byte order mark: save the file as UTF-8",
		"\xff\xfes\x00":                "peer.env:1: begins with the byte order mark of UTF-16",
		"\xfe\xff\x00s":                "peer.env:1: begins with the byte order mark of UTF-16",
		"A=1\nsecret=\xe9":             "peer.env:2: is not text",
		"A=1\n\nsecret=a\x00b\nC=\xff": "peer.env:3: is not text",
		"A=-----BEGIN CERTIFICATE-----\nsecret=\n+/=\n-----END CERTIFICATE-----\nsecret":   "peer.env:1: begins PEM without quotes\npeer.env:5: has no =",
		"A=1\nA= -----BEGIN EC PRIVATE KEY-----\r\nsecret=\r\n-----END EC PRIVATE KEY----": "peer.env:2: begins PEM without quotes",
		"A=-----BEGIN X-----": "peer.env:1: begins PEM without quotes",
	} {
		env, warnings, err := envfile.Parse("peer.env", []byte(text))
		if err == nil || env != nil || warnings != nil {
			t.Errorf("%q is %q with %q", text, env, warnings)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		for i, line := range strings.Split(want, "\n") {
			if i >= len(lines) || len(lines) != strings.Count(want, "\n")+1 || !strings.HasPrefix(lines[i], line) {
				t.Errorf("%q has the error %q, want %q", text, err, want)
				break
			}
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q is shown: %v", text, err)
		}
	}
}

// A value without a warning about a shell is the value that shells read.
func TestShells(t *testing.T) {
	if testing.Short() {
		t.Skip("runs shells")
	}
	values := []string{
		"x", "x:y", "a=b", "#x", "%{a}[b]*", "x,y!", "{a,b}", "x?y@", "", `""`, "''", `"a b"`, "'a $b'", `"a\"b"`, `"a\\\$b"`,
		`"a\eb"`, `"a\nb"`, `'a\b'`, `"it's"`, `'say "x"'`, "ü", "/a/b", "+-^", `"a b # c"`, "'a\nb'", "\"a\n\nb \"  ",
		"\"\\`\"", "x ", `x\y`, "x y", "$x", "~", " x", "it's", `'a\'`, "a;b", "\"a`b`\"", "\"a\\\nb\"", "a|b", "x # y",
	}
	for _, shell := range []string{"dash", "bash"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		compared := 0
		for _, value := range values {
			env, warnings := parse(t, "# x\nVALUE="+value+"\n")
			if strings.Contains(warnings, "a shell") {
				continue
			}
			file := filepath.Join(t.TempDir(), "peer.env")
			if err := os.WriteFile(file, []byte("# x\nVALUE="+value+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(path, "-c", `set -a; . "$1"; env -0`, shell, file).Output()
			if got, want := string(out), "VALUE="+env["VALUE"]+"\x00"; err != nil || !strings.Contains("\x00"+got, "\x00"+want) {
				t.Errorf("%s reads %q differently: %v", shell, value, err)
			}
			compared++
		}
		if compared < 20 {
			t.Errorf("only %d values were compared", compared)
		}
	}
}

// The env files of the examples mean the same to every reader, except that docker keeps the
// quotes around the log format.
func TestExamples(t *testing.T) {
	for _, name := range []string{"peer.env", "orderer.env"} {
		env, warnings, err := envfile.Read("../../examples/network/" + name)
		if err != nil || len(env) < 10 || len(warnings) != 1 || !strings.Contains(warnings[0], ":3: docker keeps the quotes") {
			t.Errorf("%s: %v, %q", name, err, warnings)
		}
	}
}

// Parse reads back what Format writes.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"A=x\nB='y\nz'\n", "A=\"\\\"\"", "A=\"it's $x\"", "# A\n\nA", "A=-----BEGIN X\n", "A='", "A=\"\\"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		env, _, err := envfile.Parse("f", bytes.Clone(data))
		if err != nil || bytes.ContainsRune(data, '\r') {
			return
		}
		again, _, err := envfile.Parse("f", []byte(envfile.Format(env)))
		if err != nil || !maps.Equal(env, again) {
			t.Errorf("%q is written as %q: %v", env, envfile.Format(env), err)
		}
	})
}

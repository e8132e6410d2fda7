package environ_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/testpki"
	"ccaas-template-builder/pkg/environ"
)

func identity(t *testing.T) testpki.Identity {
	t.Helper()
	id, err := testpki.CA("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// load returns the environment of a process. It fails the test if there is an error.
func load(t *testing.T, process map[string]string) *environ.Environment {
	t.Helper()
	env, err := environ.Load(process, "basic")
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// field returns what a template reads under a dotted name.
func field(env *environ.Environment, name string) environ.Var {
	first, rest, nested := strings.Cut(name, ".")
	if nested {
		return env.Root()[first].(environ.Group)[rest]
	}
	return env.Root()[first].(environ.Var)
}

func TestEveryVariableHasItsField(t *testing.T) {
	given := map[string]any{
		"CORE_CHAINCODE_ADDRESS":              "cc:9999",
		"CORE_CHAINCODE_DOMAIN":               "cc.example.com",
		"CORE_CHAINCODE_TIMEOUT":              "10s",
		"CORE_CHAINCODE_TLS_REQUIRED":         false,
		"CORE_CHAINCODE_CLIENT_AUTH_REQUIRED": true,
		"CORE_CHAINCODE_ROOT_CERT":            "root",
		"CORE_CHAINCODE_TLS_CLIENT_CERT":      "cert",
		"CORE_CHAINCODE_TLS_CLIENT_KEY":       "key",
		"CORE_PEER_ID":                        "peer0",
		"CORE_PEER_LOCALMSPID":                "Org1MSP",
	}
	process := map[string]string{}
	for name, v := range given {
		process[name] = fmt.Sprint(v)
	}
	env := load(t, process)
	var variables []string
	for name, f := range environ.Fields() {
		variables = append(variables, f.Variable)
		got := field(env, name)
		if secret, ok := got.Value.(environ.Secret); ok && name == "ClientKey" {
			got.Value = env.Key(secret) // a secret whatever it looks like
		}
		if got.Value != given[f.Variable] || got.Name != f.Variable {
			t.Errorf(".%s is %v, want %v of %s", name, got, given[f.Variable], f.Variable)
		}
	}
	slices.Sort(variables)
	if want := slices.Sorted(maps.Keys(given)); !slices.Equal(variables, want) {
		t.Errorf("the fields read %v, want %v", variables, want)
	}
}

func TestDefaults(t *testing.T) {
	for _, process := range []map[string]string{
		{},
		{"CORE_CHAINCODE_TIMEOUT": "", "CORE_CHAINCODE_TLS_REQUIRED": "", "CORE_CHAINCODE_ADDRESS": "", "CORE_CHAINCODE_ROOT_CERT_FILE": ""},
	} {
		env := load(t, process)
		for name, want := range map[string]any{
			"DialTimeout": "3s", "TLSRequired": true, "ClientAuthRequired": false,
			"Address": nil, "Domain": nil, "RootCert": nil, "ClientCert": nil, "ClientKey": nil, "Peer.ID": nil, "Peer.MSPID": nil,
		} {
			if got := field(env, name).Value; got != want {
				t.Errorf("%v: .%s is %v, want %v", process, name, got, want)
			}
		}
	}
}

// The environment of this process must be neither read nor changed.
func TestProcessIsLeftAlone(t *testing.T) {
	t.Setenv("CORE_CHAINCODE_ADDRESS", "own:1")
	for _, name := range []string{"PEER_CORE_PEER_ID", "PEER_CORE_PEER_LOCALMSPID"} { // as envconfig names nested fields
		t.Setenv(name, "own")
	}
	env := load(t, map[string]string{"CORE_PEER_ID": "peer0"})
	if id, msp := field(env, "Peer.ID").Value, field(env, "Peer.MSPID").Value; id != "peer0" || msp != nil {
		t.Errorf("read %v and %v from this process", id, msp)
	}
	if got := field(env, "Address").Value; got != nil {
		t.Errorf("read %v from this process", got)
	}
	if got := os.Getenv("CORE_CHAINCODE_ADDRESS"); got != "own:1" {
		t.Errorf("left %q in this process", got)
	}
	if got, ok := os.LookupEnv("CORE_PEER_ID"); ok {
		t.Errorf("left CORE_PEER_ID=%q in this process", got)
	}
}

func TestErrorsHoldNoValue(t *testing.T) {
	const secret = "verysecretvalue"
	dir := t.TempDir()
	big, key := filepath.Join(dir, "big"), identity(t).Key
	if err := os.WriteFile(big, make([]byte, environ.MaxValue+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		process map[string]string
		want    []string
	}{
		"booleans": {map[string]string{"CORE_CHAINCODE_TLS_REQUIRED": secret, "CORE_CHAINCODE_CLIENT_AUTH_REQUIRED": secret, "CCAAS_REQUIRE_TLS": secret},
			[]string{"CORE_CHAINCODE_TLS_REQUIRED must be true or false", "CORE_CHAINCODE_CLIENT_AUTH_REQUIRED must be true or false", "CCAAS_REQUIRE_TLS must be true or false"}},
		"relative":  {map[string]string{"CORE_CHAINCODE_ROOT_CERT_FILE": secret}, []string{"CORE_CHAINCODE_ROOT_CERT_FILE must be the absolute path of a file"}},
		"missing":   {map[string]string{"CORE_CHAINCODE_ROOT_CERT_FILE": "/nowhere"}, []string{`CORE_CHAINCODE_ROOT_CERT_FILE names "/nowhere", which cannot be read: no such file`}},
		"too large": {map[string]string{"CORE_CHAINCODE_ROOT_CERT_FILE": big}, []string{"which cannot be read: is larger than 65536 bytes"}},
		"long":      {map[string]string{"CORE_CHAINCODE_ADDRESS": strings.Repeat(secret, 10000)}, []string{"CORE_CHAINCODE_ADDRESS is larger than 65536 bytes"}},
		"not UTF-8": {map[string]string{"CORE_CHAINCODE_ADDRESS": secret + "\xff"}, []string{"CORE_CHAINCODE_ADDRESS is not text"}},
		"NUL":       {map[string]string{"CORE_CHAINCODE_ADDRESS": secret + "\x00"}, []string{"CORE_CHAINCODE_ADDRESS is not text"}},
		"twice":     {map[string]string{"CORE_CHAINCODE_TLS_CLIENT_KEY": secret, "CORE_CHAINCODE_TLS_CLIENT_KEY_FILE": "/" + secret}, []string{"are both set"}},
		"legacy":    {map[string]string{environ.LegacyVariable: secret}, []string{environ.LegacyVariable + " is not a JSON object"}},
		"list":      {map[string]string{environ.LegacyVariable: `["` + secret + `"]`}, []string{environ.LegacyVariable + " is not a JSON object"}},
		"null":      {map[string]string{environ.LegacyVariable: `null`}, []string{environ.LegacyVariable + " is not a JSON object"}},
		"trailing":  {map[string]string{environ.LegacyVariable: `{"a":"b"} ` + secret}, []string{environ.LegacyVariable + " is not a JSON object"}},
		"quoted":    {map[string]string{environ.LegacyVariable: `'{"peername":"` + secret + `"}'`}, []string{"the quotes around it have become part of its value"}},
		"eaten":     {map[string]string{environ.LegacyVariable: `{peername:` + secret + `}`}, []string{"no quotes around its keys"}},
		"no folder": {map[string]string{environ.DirVariable: "/nowhere"}, []string{`CCAAS_ENV_DIR names "/nowhere", which cannot be used: no such file`}},
		"a file":    {map[string]string{environ.DirVariable: big}, []string{"which cannot be used: not a directory"}},
		"no path":   {map[string]string{environ.DirVariable: "/" + secret + "\n"}, []string{"CCAAS_ENV_DIR ends with a blank or newline"}},
		"key":       {map[string]string{environ.DirVariable: "/" + key + secret}, []string{"CCAAS_ENV_DIR names a folder that cannot be used: "}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := environ.Load(test.process, "basic")
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want it to hold %q", err, want)
				}
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q holds the value", err)
			}
		})
	}
}

func TestLookup(t *testing.T) {
	id := identity(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("content\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := load(t, map[string]string{"HOST": "cc", "EMPTY": "", "FILE": file, "NO_FILE": "/nowhere", "CERT": id.Cert})
	for name, want := range map[string]any{"HOST": "cc", "EMPTY": nil, "UNSET": nil, "CERT": id.Cert} {
		t.Run(name, func(t *testing.T) {
			if got, err := env.Lookup(name); err != nil || got.Value != want || got.Name != name {
				t.Errorf("Lookup(%s) = %v, %v, want %v", name, got, err, want)
			}
		})
	}
	for name, want := range map[string]any{"FILE": "content", "EMPTY": nil, "UNSET": nil} {
		t.Run(name, func(t *testing.T) {
			if got, err := env.ReadFile(name); err != nil || got.Value != want {
				t.Errorf("ReadFile(%s) = %v, %v, want %v", name, got, err, want)
			}
		})
	}
	if _, err := env.ReadFile("NO_FILE"); err == nil || !strings.Contains(err.Error(), `NO_FILE names "/nowhere", which cannot be read: no such file`) {
		t.Errorf("ReadFile(NO_FILE): %v", err)
	}
}

// A private key in any of these forms becomes a Secret, wherever it comes from.
func TestPrivateKeysAreSecrets(t *testing.T) {
	id := identity(t)
	block, _ := pem.Decode([]byte(id.Key))
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	wrapped := encode(id.Key)[:76] + "\n" + encode(id.Key)[76:]
	canonical := map[string]string{
		"PEM":             id.Key,
		"escaped":         strings.ReplaceAll(id.Key, "\n", `\n`),
		"CRLF":            strings.ReplaceAll(id.Key, "\n", "\r\n"),
		"base64":          encode(id.Key),
		"wrapped":         wrapped,
		"unpadded":        strings.TrimRight(encode(id.Key), "="),
		"text around":     "My key:\n" + id.Key + "keep it safe\n",
		"base64 of text":  encode("My key:\n" + id.Key),
		"base64 escaped":  strings.ReplaceAll(wrapped, "\n", `\n`),
		"base64 shifted":  encode("\n" + id.Key),
		"base64 shifted2": encode("\n\n" + id.Key),
	}
	for form, key := range canonical {
		t.Run(form, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
				t.Fatal(err)
			}
			legacy, err := json.Marshal(map[string]any{"key": key, "tls": map[string]any{"list": []any{key}}})
			if err != nil {
				t.Fatal(err)
			}
			env := load(t, map[string]string{"CORE_CHAINCODE_ADDRESS": key, "MINE": key, "MY_FILE": file, "CORE_CHAINCODE_TLS_CLIENT_KEY_FILE": file, environ.LegacyVariable: string(legacy)})
			fromFile, err := env.ReadFile("MY_FILE")
			if err != nil {
				t.Fatal(err)
			}
			for where, v := range map[string]any{
				"setting":         field(env, "Address").Value,
				"setting in file": field(env, "ClientKey").Value,
				"variable":        lookup(t, env, "MINE"),
				"file":            fromFile.Value,
				"JSON":            field(env, "key").Value,
				"JSON inside":     field(env, "tls").Value.(map[string]any)["list"].([]any)[0],
			} {
				secret, ok := v.(environ.Secret)
				if !ok {
					t.Errorf("%s: is %T", where, v)
				} else if got := env.Key(secret); got != id.Key {
					t.Errorf("%s: the key comes out as %d bytes, not canonical", where, len(got))
				}
			}
			if _, ok := lookup(t, env, environ.LegacyVariable).(environ.Secret); !ok {
				t.Error("the JSON variable itself shows the key")
			}
		})
	}
	// A key in any other form is a secret too, although it is of no use as a key.
	for form, key := range map[string]string{
		"DER":             base64.StdEncoding.EncodeToString(block.Bytes),
		"base64 twice":    encode(encode(id.Key)),
		"damaged":         strings.Replace(id.Key, "-----END", "", 1),
		"encrypted":       "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
		"JSON in a value": `{"key":"` + strings.ReplaceAll(id.Key, "\n", `\n`) + `"}`,
		"base64 in JSON":  `{"key":"` + encode(id.Key) + `"}`,
		"base64 shifted":  `{"key":"` + encode("x"+id.Key) + `"}`,
		"base64 shifted2": `{"key":"` + encode("xx"+id.Key) + `"}`,
		"DER in JSON":     `{"key":"` + base64.StdEncoding.EncodeToString(block.Bytes) + `"}`,
		"DER in a URL":    "data:application/pkcs8;base64," + base64.StdEncoding.EncodeToString(block.Bytes),
		"hexadecimal":     hex.EncodeToString(block.Bytes),
		"hex in text":     "key: " + hex.EncodeToString(block.Bytes) + ".",
		"hex of PEM":      hex.EncodeToString([]byte(id.Key)),
		"URL":             url.QueryEscape(id.Key),
		"URL path":        url.PathEscape(id.Key),
		"underscores":     strings.ReplaceAll(id.Key, " ", "_"),
		"escaped space":   strings.ReplaceAll(id.Key, " ", `\u0020`),
		"entities":        strings.ReplaceAll(id.Key, " ", "&#x20;"),
		"newline":         strings.ReplaceAll(id.Key, "PRIVATE KEY", "PRIVATE\nKEY"),
		"PKCS #12":        base64.StdEncoding.EncodeToString([]byte("\x30\x82\x04\x00\x02\x01\x03\x30\x82\x03\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")),
	} {
		t.Run(form, func(t *testing.T) {
			env := load(t, map[string]string{"V": key})
			if v := lookup(t, env, "V"); v != environ.Secret(0) {
				t.Errorf("%s: is %T", form, v)
			}
		})
	}
}

// If the name of a variable says that it holds a key, its value or file is secret, whatever the
// content.
func TestKeyNamesAreSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := load(t, map[string]string{"CORE_CHAINCODE_TLS_CLIENT_KEY": "no key", "API_KEY": "no key", "CORE_PEER_TLS_KEY_FILE": file, "OTHER_FILE": file})
	fromFile, err := env.ReadFile("CORE_PEER_TLS_KEY_FILE")
	if err != nil {
		t.Fatal(err)
	}
	other, err := env.ReadFile("OTHER_FILE")
	if err != nil || other.Value != "no key" {
		t.Errorf("OTHER_FILE is %v, %v", other, err)
	}
	for name, v := range map[string]any{".ClientKey": field(env, "ClientKey").Value, "the variable": lookup(t, env, "CORE_CHAINCODE_TLS_CLIENT_KEY"), "API_KEY": lookup(t, env, "API_KEY"), "the file": fromFile.Value} {
		t.Run(name, func(t *testing.T) {
			if secret, ok := v.(environ.Secret); !ok || env.Key(secret) != "no key" {
				t.Errorf("%s is %v", name, v)
			}
		})
	}
}

// If the JSON variable contains parts of a key, all of its values are secret.
func TestPartsOfKeyInLegacyJSON(t *testing.T) {
	key := identity(t).Key
	lines := strings.Split(strings.TrimSpace(key), "\n")
	block, _ := pem.Decode([]byte(key))
	der := base64.StdEncoding.EncodeToString(block.Bytes)
	for name, content := range map[string]any{
		"list of lines": map[string]any{"k": lines},
		"siblings":      map[string]any{"k": lines[0], "l": lines[1], "m": lines[2]},
		"key of object": map[string]any{"k": map[string]any{key: 1}, "l": "x"},
		"own key":       map[string]any{key: 1, "k": "x"},
		"cut off":       map[string]any{"k": key[:len(key)-20], "l": key[len(key)-20:]},
		"DER in halves": map[string]any{"k": der[:64], "l": der[64:]},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(content)
			if err != nil {
				t.Fatal(err)
			}
			env := load(t, map[string]string{environ.LegacyVariable: string(text)})
			for key := range content.(map[string]any) {
				if _, ok := field(env, key).Value.(environ.Secret); !ok {
					t.Errorf("%s: .%.10s is %T", name, key, field(env, key).Value)
				}
			}
			if _, ok := lookup(t, env, environ.LegacyVariable).(environ.Secret); !ok {
				t.Errorf("%s: the variable itself is shown", name)
			}
		})
	}
}

// A file that is not text is an error, so it cannot hide a key in binary form.
func TestBinaryFile(t *testing.T) {
	block, _ := pem.Decode([]byte(identity(t).Key))
	file := filepath.Join(t.TempDir(), "der")
	if err := os.WriteFile(file, block.Bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := load(t, map[string]string{"F": file}).ReadFile("F"); err == nil || !strings.Contains(err.Error(), "the file that F names is not text") {
		t.Errorf("got %v, %v", got, err)
	}
}

// Values that only resemble a key are not secret.
func TestNoSecrets(t *testing.T) {
	id := identity(t)
	for _, v := range []string{"peer0.org1.example.com", "/private/key.pem", "PRIVATE", "KEY", strings.Repeat("a", 60000), strings.Repeat("0123456789abcdef", 1000), id.Cert,
		base64.StdEncoding.EncodeToString([]byte(id.Cert)), "PRIVATE network without any KEY", "{}"} {
		if _, ok := lookup(t, load(t, map[string]string{"V": v}), "V").(environ.Secret); ok {
			t.Errorf("%.40q is taken for a key", v)
		}
	}
}

// JSON escapes can hide a key in the text of the variable, but not in the decoded value. The
// variable is then secret, and no others are.
func TestEscapedKeyInLegacyJSON(t *testing.T) {
	var escaped strings.Builder
	for _, r := range identity(t).Key {
		fmt.Fprintf(&escaped, `\u%04x`, r)
	}
	env := load(t, map[string]string{environ.LegacyVariable: `{"key":"` + escaped.String() + `"}`, "HOST": "cc"})
	if v := lookup(t, env, environ.LegacyVariable); v != environ.Secret(1) {
		t.Errorf("the JSON variable is %T", v)
	}
	if v := lookup(t, env, "HOST"); v != "cc" {
		t.Errorf("HOST is %v", v)
	}
	const plain = `{"peername":"peer0"}`
	if v := lookup(t, load(t, map[string]string{environ.LegacyVariable: plain}), environ.LegacyVariable); v != plain {
		t.Errorf("without a key, the JSON variable is %v", v)
	}
}

func lookup(t *testing.T, env *environ.Environment, name string) any {
	t.Helper()
	v, err := env.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return v.Value
}

func TestCertificatesAreCanonical(t *testing.T) {
	a, b := identity(t), identity(t)
	bundle := a.Cert + b.Cert
	for form, text := range map[string]string{
		"PEM":        bundle,
		"escaped":    strings.ReplaceAll(bundle, "\n", `\n`),
		"base64":     base64.StdEncoding.EncodeToString([]byte(bundle)),
		"with text":  "subject=a\n" + a.Cert + "\n\nsubject=b\n" + b.Cert,
		"CRLF":       strings.ReplaceAll(bundle, "\n", "\r\n"),
		"no newline": strings.TrimSpace(bundle),
	} {
		t.Run(form, func(t *testing.T) {
			env := load(t, map[string]string{"CORE_CHAINCODE_ROOT_CERT": text})
			if got := field(env, "RootCert").Value; got != bundle {
				t.Errorf("%s: comes out as %v", form, got)
			}
		})
	}
	for form, text := range map[string]string{
		"cut off": a.Cert[:len(a.Cert)-40],
		"second":  a.Cert + b.Cert[:200],
		"no PEM":  "hello",
		"base64":  base64.StdEncoding.EncodeToString([]byte("hello")),
	} {
		t.Run(form, func(t *testing.T) {
			env := load(t, map[string]string{"CORE_CHAINCODE_ROOT_CERT": text})
			if got := field(env, "RootCert").Value; got != text {
				t.Errorf("%s: was changed to %v", form, got)
			}
		})
	}
}

func TestLegacy(t *testing.T) {
	env := load(t, map[string]string{
		"CORE_CHAINCODE_ADDRESS": "setting:1",
		environ.LegacyVariable:   `{"peername":"peer0","port":9999,"ratio":1.5,"Address":"legacy:2","tls":{"on":true},"none":null}`,
	})
	for name, want := range map[string]any{"peername": "peer0", "port": int64(9999), "ratio": 1.5, "Address": "legacy:2", "none": nil} {
		t.Run(name, func(t *testing.T) {
			if got := field(env, name); got.Value != want || got.Name != environ.LegacyVariable {
				t.Errorf(".%s is %v, want %v", name, got, want)
			}
		})
	}
	if got := field(env, "tls").Value.(map[string]any)["on"]; got != true {
		t.Errorf(".tls.on is %v", got)
	}
}

func TestUnknown(t *testing.T) {
	for name, want := range map[string]string{
		"Adress":   `did you mean ".Address"`,
		"env":      `did you mean ".Env"`,
		"peername": environ.LegacyVariable + ", which could supply it, is not set",
	} {
		t.Run(name, func(t *testing.T) {
			if err := load(t, nil).Unknown(name); !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %q, want %q", name, err, want)
			}
		})
	}
}

// Files lists each file from which a value is read, and the files in which a missing value would be
// found.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put("basic/NAMED", "/from/the/folder\n")
	process := map[string]string{
		"CCAAS_ENV_DIR":                 dir,
		"CORE_CHAINCODE_ROOT_CERT_FILE": "/root.crt",
		"NAMED":                         "/of/the/process",
		"RELATIVE":                      "some/where",
		"OTHER":                         "/not/asked/for",
	}
	reader := environ.Reader{File: os.ReadFile}
	files := reader.Files(process, "basic", []string{"NAMED", "RELATIVE", "ABSENT"})
	for _, want := range []string{"/root.crt", "/from/the/folder", dir + "/NAMED", dir + "/basic/NAMED", dir + "/ABSENT", dir + "/basic/ABSENT",
		dir + "/CORE_CHAINCODE_ADDRESS", dir + "/basic/CORE_CHAINCODE_TLS_CLIENT_KEY_FILE", dir + "/CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG", dir + "/CCAAS_REQUIRE_TLS"} {
		if !slices.Contains(files, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, never := range []string{"/of/the/process", "/not/asked/for", "some/where", dir + "/OTHER"} {
		if slices.Contains(files, never) {
			t.Errorf("%s is not read", never)
		}
	}
	if files := reader.Files(map[string]string{"CORE_CHAINCODE_ADDRESS": "a:1"}, "basic", []string{"X"}); len(files) > 0 {
		t.Errorf("without any file: %q", files)
	}
}

package main_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/testpki"
)

// canary is in every value that is not a key. No line of any program may contain it.
const canary = "canary"

// attempt is a line of testdata/secrets.txt.
type attempt struct {
	ok         bool
	key, value string
}

func attempts(t *testing.T) []attempt {
	t.Helper()
	text, err := os.ReadFile("testdata/secrets.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []attempt
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		line, ok := strings.CutPrefix(line, "ok ")
		key, value, _ := strings.Cut(line, " ")
		all = append(all, attempt{ok, key, value})
	}
	return all
}

// document returns a template with the value under its key, and with whatever else makes the
// peer read that key.
func (a attempt) document() string {
	members := map[string]string{"address": `"cc:1"`, "dial_timeout": `"3s"`, "tls_required": "false", "client_auth_required": "false"}
	switch a.key {
	case "domain", "root_cert", "client_auth_required":
		members["tls_required"] = "true"
	case "client_cert", "client_key":
		members["tls_required"], members["client_auth_required"] = "true", "true"
	}
	members[a.key] = `"` + a.value + `"`
	if a.key == "address" {
		members[a.key] = `"{{/* ` + `" */}}` + a.value + `"` // makes the document other than JSON, so that quotes need no escape
	}
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(members)) {
		b.WriteString(`,"` + key + `":` + members[key])
	}
	return "{" + b.String()[1:] + "}"
}

// environment returns an environment with the key of id in every place and form, and canaries
// elsewhere.
func environment(t *testing.T, id testpki.Identity, ca string) []string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	escaped := strings.ReplaceAll(id.Key, "\n", `\n`)
	block, _ := pem.Decode([]byte(id.Key))
	der := encode(string(block.Bytes))
	legacy, err := json.Marshal(map[string]any{"peername": canary, "key": id.Key, "key64": encode(id.Key), "nokey": "", "tls": map[string]any{"key": id.Key, "list": []string{id.Key}}})
	if err != nil {
		t.Fatal(err)
	}
	body := strings.Join(strings.Split(strings.TrimSpace(id.Key), "\n")[1:], "")
	body, _, _ = strings.Cut(body, "-----END")
	write("values/D_KEY", id.Key)
	write("values/basic/L_KEY", encode(id.Key))
	return []string{
		"PATH=" + canary,
		"CORE_PEER_CC_BUILDER_LOG_LEVEL=debug",
		"CORE_PEER_ID=peer0." + canary,
		"CORE_PEER_LOCALMSPID=" + canary,
		"CORE_CHAINCODE_DOMAIN=" + canary,
		"CORE_CHAINCODE_ROOT_CERT=" + ca,
		"CORE_CHAINCODE_TLS_CLIENT_CERT=" + id.Cert,
		"CORE_CHAINCODE_TLS_CLIENT_KEY_FILE=" + write("key-"+canary, id.Key),
		"CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG=" + string(legacy),
		"CCAAS_ENV_DIR=" + filepath.Join(dir, "values"),
		"K_FILE=" + write("file-"+canary, "# "+canary+"\n"+id.Key),
		"K_PEM=" + id.Key,
		"K_ESCAPED=" + escaped,
		"K_CRLF=" + strings.ReplaceAll(id.Key, "\n", "\r\n"),
		"K_BASE64=" + encode(id.Key),
		"K_WRAPPED=" + encode(id.Key)[:40] + "\n" + encode(id.Key)[40:],
		"K_TWICE=" + encode(encode(id.Key)),
		"K_URL=" + base64.URLEncoding.EncodeToString([]byte(id.Key)),
		"K_DER=" + der,
		"K_JSON=" + `{"key":"` + escaped + `"}`,
		"K_BUNDLE=" + id.Cert + id.Key,
		"K_HEX=" + hex.EncodeToString(block.Bytes),
		"K_QUOTED=" + url.PathEscape(id.Key),
		"K_URI=" + url.QueryEscape(id.Key),
		"K_DATA=data:application/pkcs8;base64," + der,
		"K_LINE=key=" + der,
		"K_ENV=A=b\nCLIENT_KEY=" + der + "\nC=d",
		"K_ACCOUNT=AccountName=x;AccountKey=" + der + ";x=1",
		"K_QUERY=https://example.com/?k=" + url.QueryEscape(der),
		"K_PATH=keys/" + base64.RawURLEncoding.EncodeToString(block.Bytes),
		"K_LINE64=" + encode("k="+der),
		"K_0X=0x" + hex.EncodeToString(block.Bytes),
		"K_COLONS=key: " + strings.ReplaceAll(fmt.Sprintf("% x", block.Bytes), " ", ":"),
		"K_DER_FILE=" + write("der", string(block.Bytes)), // errors show the path
		"INLINE_KEY_FILE=" + id.Key,                       // in place of a path
		"INLINE64_KEY_FILE=" + encode(id.Key),
		"TOKEN_FILE=" + canary,
		"DB_PASSWORD=/" + canary,
		"PART_A=" + body[:9], // no part has the whole text that every key begins with
		"PART_B=" + body[9:42],
		"PART_C=" + body[42:],
		"ODD_KEY=" + strings.Split(id.Key, "\n")[1],
		"ODD_KEY_FILE=" + write("odd-"+canary, strings.Split(id.Key, "\n")[1]),
	}
}

// outcome is everything that a run shows, including the names of files.
type outcome struct {
	ok      bool
	printed string // stdout and stderr of all programs
	stderr  string // stderr alone, since stdout may be a connection
	files   string // all files, without the value of client_key
}

// try runs the attempt with build and release, and with ccaas.
func (a attempt) try(t *testing.T, env []string) outcome {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"src", "metadata", "bld", "release"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"src/connection.json": a.document(), "metadata/metadata.json": `{"path":"","type":"ccaas","label":"basic"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var o outcome
	run := func(program string, args ...string) bool {
		cmd := exec.Command(filepath.Join(builder, "bin", program), args...)
		cmd.Dir, cmd.Env = dir, env
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		o.printed += program + ": " + stdout.String() + stderr.String()
		o.stderr += stderr.String()
		return err == nil
	}
	o.ok = run("build", "src", "metadata", "bld")
	run("release", "bld", "release")
	rendered := run("ccaas", append([]string{"render", "src", "--label", "basic"}, flags(env)...)...)
	if rendered != o.ok {
		t.Errorf("build succeeds: %t, ccaas render: %t", o.ok, rendered)
	}
	for _, name := range []string{"bld", "release"} {
		o.files += show(t, filepath.Join(dir, name))
	}
	return o
}

func flags(env []string) (flags []string) {
	for _, pair := range env {
		flags = append(flags, "--env", pair)
	}
	return flags
}

// show returns the files below dir with their content. It leaves client_key out of a
// connection.json.
func show(t *testing.T, dir string) string {
	t.Helper()
	var b bytes.Buffer
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var members map[string]any
		if entry.Name() == "connection.json" {
			if err := json.Unmarshal(content, &members); err != nil {
				return err
			}
			delete(members, "client_key")
			content, err = json.Marshal(members)
		}
		b.WriteString(strings.TrimPrefix(path, dir) + ": " + string(content) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// pieces returns the texts that would give away 8 bytes of an Ed25519 key: of its seed, raw
// and in hexadecimal, of its PEM, and of the PEM in base64.
func pieces(t *testing.T, key ed25519.PrivateKey, text string) []string {
	t.Helper()
	const size = 8
	seed := string(key.Seed())
	body := strings.Split(text, "\n")[1][24:] // after the part that is the same in every such key
	var all []string
	for i := range len(seed) - size {
		all = append(all, seed[i:i+size], hex.EncodeToString([]byte(seed[i:i+size])))
	}
	for i := range len(body) - size {
		all = append(all, body[i:i+size])
	}
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + body))[4:]
		for i := range len(encoded) - 2*size {
			all = append(all, encoded[i:i+size+size/2])
		}
	}
	return all
}

func TestSecrets(t *testing.T) {
	now := time.Now()
	ca, err := testpki.CA("ca", now)
	if err != nil {
		t.Fatal(err)
	}
	issue := func(key crypto.Signer) testpki.Identity {
		id, err := ca.IssueFor(key, "peer0", now, now.AddDate(0, 1, 0))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	_, short, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	one, other := issue(short), issue(long)
	oneEnv, otherEnv := environment(t, one, ca.Cert), environment(t, other, ca.Cert)
	all := attempts(t)
	if len(all) < 60 {
		t.Fatalf("there are %d attempts", len(all))
	}
	given := pieces(t, short, one.Key)
	for _, a := range all {
		t.Run(a.key+" "+a.value, func(t *testing.T) {
			t.Parallel()
			got := a.try(t, oneEnv)
			if got.ok != a.ok {
				t.Errorf("succeeds: %t, want %t: %s", got.ok, a.ok, got.printed)
			}
			if !a.ok && got.files != "" {
				t.Errorf("failed and left %s", got.files)
			}
			upper := strings.ToUpper(got.printed + got.files)
			for _, piece := range given {
				if strings.Contains(got.printed, piece) || strings.Contains(got.files, piece) || strings.Contains(upper, strings.ToUpper(piece)) {
					t.Fatalf("a piece of the key is in what was printed or left")
				}
			}
			if strings.Contains(got.stderr, canary) || !a.ok && strings.Contains(got.printed, canary) {
				t.Errorf("a value was printed: %s", got.printed)
			}
			// A key of another kind and length must make no visible difference, except in the
			// certificate, which is public.
			if second := a.try(t, otherEnv); got.without(one.Cert) != second.without(other.Cert) {
				t.Errorf("the key can be told from what is shown:\n%s%s\n%s%s", got.printed, got.files, second.printed, second.files)
			}
		})
	}
}

var differs = regexp.MustCompile(`client_cert: certificate [0-9a-f]{16}… until|TestSecrets\d+/\d+/`)

// without returns everything that a run shows, without the certificate and the names of
// temporary folders.
func (o outcome) without(cert string) string {
	return differs.ReplaceAllString(strings.ReplaceAll(o.printed+o.files, strings.ReplaceAll(cert, "\n", `\n`), ""), "")
}

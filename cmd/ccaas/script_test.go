package main_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ccaas-template-builder/internal/testpki"
	"ccaas-template-builder/internal/testprograms"
	"ccaas-template-builder/pkg/coreyaml"
)

func TestScripts(t *testing.T) {
	// The tests also build the programs, whose source is not part of this test binary. Looking
	// at it here makes Go's test cache notice changes.
	for _, name := range []string{"detect", "build", "release"} {
		if _, err := os.Stat("../" + name + "/main.go"); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"envfile":   envFile,
			"nobody":    nobody,
			"mode":      mode,
			"files":     files,
			"nosecret":  noSecret,
			"installed": installed,
			"serving":   serving,
		},
	})
}

// setup prepares a script: certificates in the folder pki, and the files of the programs in
// $BUILDER.
func setup(env *testscript.Env) error {
	env.Setenv("BUILDER", builder)
	samples, err := filepath.Abs("../../pkg/coreyaml/testdata") // in the form of Fabric's own
	if err != nil {
		return err
	}
	env.Setenv("COREYAML", samples)
	now := time.Now()
	servers, err := testpki.CA("servers", now)
	if err != nil {
		return err
	}
	clients, err := testpki.CA("clients", now)
	if err != nil {
		return err
	}
	made := map[string]string{"ca.crt": servers.Cert}
	for name, expiry := range map[string]time.Time{"peer0": now.AddDate(0, 1, 0), "peer1": now.AddDate(0, 1, 0), "odd": now.AddDate(0, 1, 0), "expired": now.Add(-time.Second)} {
		subject := name
		if name == "odd" {
			subject = "odd\n\x1b[31m" // a name that would break a table
		}
		client, err := clients.Issue(subject, now, expiry)
		if err != nil {
			return err
		}
		made[name+".crt"], made[name+".key"] = client.Cert, client.Key
	}
	for name, usage := range map[string]x509.ExtKeyUsage{"server": x509.ExtKeyUsageServerAuth, "any": x509.ExtKeyUsageAny} {
		use := func(cert *x509.Certificate) { cert.ExtKeyUsage = []x509.ExtKeyUsage{usage} }
		id, err := servers.IssueWith(use, "localhost", now, now.AddDate(0, 1, 0))
		if err != nil {
			return err
		}
		made[name+".crt"], made[name+".key"] = id.Cert, id.Key
	}
	dir := filepath.Join(env.WorkDir, "pki")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for name, content := range made {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// envFile implements "envfile NAME FORM FILE". It sets a variable to the content of a file: as
// it is (pem), with \n for line ends (escaped), or in base64.
func envFile(ts *testscript.TestScript, _ bool, args []string) {
	content := ts.ReadFile(args[2])
	switch args[1] {
	case "escaped":
		content = strings.ReplaceAll(content, "\n", `\n`)
	case "base64":
		content = base64.StdEncoding.EncodeToString([]byte(content))
	}
	ts.Setenv(args[0], content)
}

// installed implements "installed DIR PACKAGE ENVFILE BUILDER". It installs a package on the
// peer whose folder is DIR with the real programs, under the builder's name BUILDER.
func installed(ts *testscript.TestScript, _ bool, args []string) {
	ours := coreyaml.Builder{Name: args[3], Path: builder}
	ts.Check(testprograms.InstallFile(context.Background(), ts.MkAbs(args[0]), ts.MkAbs(args[1]), ts.MkAbs(args[2]), ours))
}

// nobody runs one of the builder's programs. If the tests run as root, it runs as a user who
// owns nothing except the folders in OWNED.
func nobody(ts *testscript.TestScript, neg bool, args []string) {
	const id = 65534
	cmd := exec.Command(filepath.Join(builder, "bin", args[0]), args[1:]...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH")}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}}
		for dir := cmd.Dir; dir != "/"; dir = filepath.Dir(dir) {
			ts.Check(os.Chmod(dir, 0o755|os.ModeSticky))
			if dir == os.TempDir() {
				ts.Check(os.Chmod(dir, 0o777|os.ModeSticky))
				break
			}
		}
		for dir := range strings.FieldsSeq(ts.Getenv("OWNED")) {
			dir, err := filepath.EvalSymlinks(ts.MkAbs(dir))
			ts.Check(err)
			ts.Check(filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
				if err == nil {
					err = os.Chown(path, id, id)
				}
				return err
			}))
		}
	}
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	if err := cmd.Run(); (err != nil) != neg {
		ts.Fatalf("%v: %v", args, err)
	}
}

// mode implements "mode MODE FILE...". Each file must have exactly these permissions.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args[1:] {
		info, err := os.Lstat(ts.MkAbs(name))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", name, got, args[0])
		}
	}
}

// files implements "files DIR NAME...". These must be all the regular files below DIR, and
// everything else there must be a folder.
func files(ts *testscript.TestScript, _ bool, args []string) {
	dir, err := filepath.EvalSymlinks(ts.MkAbs(args[0]))
	ts.Check(err)
	var found []string
	ts.Check(filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is %s", path, entry.Type())
		}
		name, err := filepath.Rel(dir, path)
		found = append(found, name)
		return err
	}))
	if got, want := strings.Join(found, " "), strings.Join(args[1:], " "); got != want {
		ts.Fatalf("in %s there are %q, want %q", args[0], got, want)
	}
}

// noSecret fails if the last program has printed a line of a file, such as that of a private
// key.
func noSecret(ts *testscript.TestScript, _ bool, args []string) {
	printed := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	for _, name := range args {
		for line := range strings.Lines(ts.ReadFile(name)) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") && strings.Contains(printed, line) {
				ts.Fatalf("a line of %s was printed", name)
			}
		}
	}
}

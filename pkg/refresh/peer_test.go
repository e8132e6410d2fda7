package refresh_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/step/build"
	"ccaas-template-builder/internal/step/release"
	"ccaas-template-builder/internal/testpki"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/probe"
	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
)

// now is the time at which the tests check certificates.
var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// ours is the builder's name in core.yaml.
const ours = "ours"

const template = `{"address": "{{ .Env.HOST }}:9999", "client_auth_required": true}`

// Paths of the connection in a build: the file that the peer reads, and its copy.
const (
	released = "release/chaincode/server/connection.json"
	built    = "bld/connection.json"
)

// Variables in the result of environment.
const (
	rootCert   = "CORE_CHAINCODE_ROOT_CERT"
	clientCert = "CORE_CHAINCODE_TLS_CLIENT_CERT"
	clientKey  = "CORE_CHAINCODE_TLS_CLIENT_KEY"
)

// environment returns the variables that template needs, with a new client certificate for subject.
func environment(t testing.TB, subject string, expiry time.Time) map[string]string {
	t.Helper()
	ca, err := testpki.CA("ca of "+subject, now)
	if err != nil {
		t.Fatal(err)
	}
	client, err := ca.Issue(subject, now, expiry)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"HOST": "cc", rootCert: ca.Cert, clientCert: client.Cert, clientKey: client.Key}
}

// with returns a copy of env with the variable name set to value.
func with(env map[string]string, name, value string) map[string]string {
	env = maps.Clone(env)
	env[name] = value
	return env
}

// rendered returns the connection.json that template gives with env.
func rendered(env map[string]string) []byte {
	return connection.Connection{Address: env["HOST"] + ":9999", DialTimeout: "3s", TLSRequired: true, ClientAuthRequired: true,
		RootCert: env[rootCert], ClientCert: env[clientCert], ClientKey: env[clientKey]}.Encode()
}

// fingerprint returns the fingerprint of a PEM certificate.
func fingerprint(t testing.TB, cert string) string {
	t.Helper()
	for _, certs := range (connection.Connection{RootCert: cert}).Certificates() {
		return connection.Fingerprint(certs[0])
	}
	t.Fatal("no certificate")
	return ""
}

// pack returns a package that contains template.
func pack(t testing.TB, label, ccType string) *archive.Package {
	t.Helper()
	pkg, err := archive.Write(label, ccType, []archive.File{{Name: chaincode.ConnectionFile, Content: []byte(template)}})
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}

// install writes into a peer's folder what an install of pkg with this builder would.
func install(t testing.TB, s store.Store, pkg *archive.Package, builder string, env map[string]string) store.Build {
	t.Helper()
	scratch, b := t.TempDir(), s.Build(pkg.ID)
	src, metadata, bld, out := filepath.Join(scratch, "src"), filepath.Join(scratch, "metadata"), filepath.Join(string(b), store.Output), filepath.Join(string(b), store.Release)
	for _, dir := range []string{src, metadata, bld, out} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	info, err := json.Marshal(store.Info{Builder: builder})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(metadata, chaincode.MetadataFile), pkg.RawMetadata)
	write(t, filepath.Join(string(b), store.InfoFile), info)
	write(t, s.PackageFile(pkg.ID), pkg.Bytes())
	root, err := os.OpenRoot(src)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := pkg.Unpack(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	step(t, build.Run, env, src, metadata, bld)
	step(t, release.Run, env, bld, out)
	return b
}

// step runs one of the builder's programs.
func step(t testing.TB, run func(*program.Program) error, env map[string]string, args ...string) {
	t.Helper()
	var said strings.Builder
	p := &program.Program{Args: args, Env: env, Stdout: io.Discard, Stderr: &said, Now: func() time.Time { return now }}
	if status := p.Run(run); status != 0 {
		t.Fatal(said.String())
	}
}

// installed returns a peer's folder with one build.
func installed(t testing.TB, env map[string]string) (store.Store, store.Build) {
	t.Helper()
	s := store.Store(t.TempDir())
	return s, install(t, s, pack(t, "basic_1.0", chaincode.DefaultType), ours, env)
}

// memory returns a new folder, in memory if there is such a file system, because syncing to a disk
// takes a long time.
func memory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "ccaas-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// write writes a file and creates its folder.
func write(t testing.TB, file string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// remove removes the file or folder at path, if it exists.
func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// link replaces path with a symbolic link.
func link(t testing.TB, to, path string) {
	t.Helper()
	remove(t, path)
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

func chmod(t testing.TB, file string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

// at returns the path of a file in a build.
func at(b store.Build, name string) string { return filepath.Join(string(b), name) }

// node is what tree records about a file or a folder.
type node struct {
	mode     fs.FileMode
	modified time.Time
	content  string
}

// tree returns all files and folders at and below path.
func tree(t testing.TB, path string) map[string]node {
	t.Helper()
	all := map[string]node{}
	err := filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		n := node{mode: info.Mode(), modified: info.ModTime()}
		switch {
		case info.Mode().IsRegular():
			n.content = string(read(t, path))
		case info.Mode()&fs.ModeSymlink != 0:
			n.content, err = os.Readlink(path)
		}
		all[path] = n
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// same fails the test if anything at or below path has changed.
func same(t testing.TB, path string, before map[string]node) {
	t.Helper()
	after := tree(t, path)
	for name, n := range after {
		if before[name] != n {
			t.Errorf("%s has become %v, it was %v", name, n, before[name])
		}
		delete(before, name)
	}
	for name := range before {
		t.Errorf("%s is gone", name)
	}
}

// refresher returns a Refresher for the builds of a peer, with this environment.
func refresher(s store.Store, env map[string]string) refresh.Refresher {
	return refresh.Refresher{Store: s, Builder: ours, Env: given(env), Now: clock(now)}
}

// given returns a function that returns env.
func given(env map[string]string) func() (map[string]string, error) {
	return func() (map[string]string, error) { return env, nil }
}

// clock returns a clock that shows at.
func clock(at time.Time) func() time.Time { return func() time.Time { return at } }

// probing returns a probe whose only stage has the result of answer.
func probing(answer func(probe.Target) error) func(context.Context, probe.Target) probe.Result {
	return func(_ context.Context, target probe.Target) probe.Result {
		stage := probe.Stage{Name: "package ID", State: probe.OK}
		if err := answer(target); err != nil {
			stage.State, stage.Finding = probe.Failed, err.Error()
		}
		return probe.Result{Address: target.Connection.Address, Stages: []probe.Stage{stage}}
	}
}

// nobodyThere is a probe that fails.
var nobodyThere = probing(func(probe.Target) error { return errors.New("nobody there") })

func run(t testing.TB, r refresh.Refresher) []refresh.Result {
	t.Helper()
	results, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// one runs a refresh of a peer that has one build.
func one(t testing.TB, r refresh.Refresher) refresh.Result {
	t.Helper()
	results := run(t, r)
	if len(results) != 1 {
		t.Fatalf("got %d results, want one: %v", len(results), results)
	}
	return results[0]
}

// isState fails the test unless a result has this state and an error that contains want, or no
// error if want is "".
func isState(t testing.TB, r refresh.Result, state refresh.State, want string) {
	t.Helper()
	if r.State != state {
		t.Errorf("%s is %s, %v, want %s", r.PackageID, r.State, r.Err(), state)
	}
	if (r.Err() == nil) != (want == "") || r.Err() != nil && !strings.Contains(r.Err().Error(), want) {
		t.Errorf("%s has the error %v, want %q", r.PackageID, r.Err(), want)
	}
}

// holds fails the test unless the file is what env gives, with mode 0600.
func holds(t testing.TB, file string, env map[string]string) {
	t.Helper()
	if got, want := read(t, file), rendered(env); string(got) != string(want) {
		t.Errorf("%s is\n%swant\n%s", file, got, want)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("%s has mode %v, %v", file, info.Mode(), err)
	}
}

// hasCertificates fails the test unless the certificates of a result are the ones in env, or none
// if env is nil.
func hasCertificates(t testing.TB, r refresh.Result, env map[string]string) {
	t.Helper()
	var got, want []string
	for _, c := range r.Certificates {
		got = append(got, c.Key+" "+c.SHA256[:16]+"…")
	}
	if env != nil {
		want = []string{"root_cert " + fingerprint(t, env[rootCert]), "client_cert " + fingerprint(t, env[clientCert])}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s, %s: the certificates are %v, want %v", r.PackageID, r.State, got, want)
	}
}

// keyLines returns the lines of a private key that must not be shown.
func keyLines(t testing.TB, key string) []string {
	t.Helper()
	block, _ := pem.Decode([]byte(key))
	if block == nil {
		t.Fatal("no key")
	}
	lines := strings.Split(strings.TrimSpace(key), "\n")
	return lines[1 : len(lines)-1]
}

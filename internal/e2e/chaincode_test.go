// Package e2e_test tests the builder against chaincode servers built on Hyperledger's shims, and
// in a Fabric network.
package e2e_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ccaas-template-builder/internal/must"
	"ccaas-template-builder/internal/testpki"
	"ccaas-template-builder/internal/testprograms"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/store"
)

const nodeChaincode = "../../examples/chaincode-node"

// requireNode fails the test if the chaincode on Node cannot be run.
func requireNode(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("there is no node")
	}
	if _, err := os.Stat(nodeChaincode + "/node_modules/.bin/fabric-chaincode-node"); err != nil {
		t.Fatal("examples/chaincode-node is not installed: make e2e does it")
	}
}

// requireShims skips a test of chaincode servers unless SHIM_TEST is set: their modules have to
// be downloaded.
func requireShims(t *testing.T) {
	t.Helper()
	if os.Getenv("SHIM_TEST") == "" {
		t.Skip("make e2e runs it")
	}
}

// buildPrograms builds ccaas and the builder's programs, and returns their folder.
func buildPrograms(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "bin")
	if err := testprograms.Build("../..", bin); err != nil {
		t.Fatal(err)
	}
	return bin
}

// example is an example chaincode and the command that starts its server.
type example struct {
	shim    string // the value of serverenv --shim
	dir     string
	command []string
}

var onNode = example{"node", nodeChaincode, []string{"node_modules/.bin/fabric-chaincode-node", "server"}}

// onGo has no command: see built.
var onGo = example{shim: "go", dir: "../../examples/chaincode-go"}

// built builds the program of an example on Go, and returns the example with its command.
func (e example) built(t *testing.T) example {
	program := filepath.Join(t.TempDir(), "chaincode-go")
	if out, err := exec.Command("go", "build", "-C", e.dir, "-o", program).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	e.command = []string{program}
	return e
}

// servedPeer is a peer with its own chaincode server.
type servedPeer struct {
	name    string
	address string
	clients testpki.Identity // the first CA that its server trusts
	envFile string
	store   store.Store // the peer's folder, created by the first install
	server  *exec.Cmd
	log     string // the file with the server's output
}

// world holds two peers, their CAs and one package.
type world struct {
	t       *testing.T
	example example
	dir     string
	ccaas   string
	servers testpki.Identity
	peers   [2]*servedPeer
	id      string   // the package ID
	files   []string // the flags of serverenv that the servers need, each followed by the suffix of a peer's file
}

func newWorld(t *testing.T, example example) *world {
	w := &world{t: t, example: example, dir: t.TempDir(), ccaas: filepath.Join(buildPrograms(t), "ccaas")}
	w.servers = must.Get(testpki.CA("servers", time.Now()))(t)
	w.write("servers.crt", w.servers.Cert)
	for i, name := range []string{"peer0", "peer1"} {
		w.peers[i] = w.newPeer(name)
	}
	w.pack("mtls", "--cert", "-server.crt", "--key", "-server.key", "--client-ca", "-clients.crt")
	return w
}

// pack makes the package from a template whose servers need these files.
func (w *world) pack(template string, files ...string) {
	w.run("init", w.file(template), "--template", template)
	w.id = strings.TrimSpace(w.run("package", w.file("notes.tgz"), "--path", w.file(template), "--label", "notes_1.0"))
	w.files = files
}

// serverEnv returns the environment of a peer's chaincode server, as serverenv prints it.
func (w *world) serverEnv(p *servedPeer) (variables []string) {
	args := []string{"serverenv", w.file("notes.tgz"), "--shim", w.example.shim, "--env-file", p.envFile}
	for pair := range slices.Chunk(w.files, 2) {
		args = append(args, pair[0], w.file(p.name+pair[1]))
	}
	for line := range strings.Lines(w.run(args...)) {
		if !strings.HasPrefix(line, "#") {
			variables = append(variables, strings.TrimSpace(line))
		}
	}
	return variables
}

// newPeer makes the certificates of a peer and its server, and the peer's env file.
func (w *world) newPeer(name string) *servedPeer {
	now := time.Now()
	authority := w.identify(name)
	server := must.Get(w.servers.Issue("localhost", now, now.AddDate(0, 1, 0)))(w.t)
	w.write(name+"-server.crt", server.Cert)
	w.write(name+"-server.key", server.Key)
	p := &servedPeer{name: name, address: "localhost:" + freePort(w.t), clients: authority, envFile: w.file(name + ".env"),
		store: store.Store(w.file(name)), log: w.file(name + "-server.log")}
	w.write(name+".env", strings.Join([]string{
		"CORE_PEER_ID=" + name,
		"CORE_CHAINCODE_ADDRESS=" + p.address,
		"CORE_CHAINCODE_ROOT_CERT_FILE=" + w.file("servers.crt"),
		"CORE_CHAINCODE_TLS_CLIENT_CERT_FILE=" + w.file(name+".crt"),
		"CORE_CHAINCODE_TLS_CLIENT_KEY_FILE=" + w.file(name+".key"),
	}, "\n"))
	return p
}

// identify gives a peer a client certificate of a new CA, which its server trusts after a
// restart. All CAs of a peer have the same name, because a CA keeps its name when its key is
// replaced.
func (w *world) identify(name string) (authority testpki.Identity) {
	now := time.Now()
	authority = must.Get(testpki.CA("clients of "+name, now))(w.t)
	client := must.Get(authority.Issue(name, now, now.AddDate(0, 1, 0)))(w.t)
	w.write(name+"-clients.crt", authority.Cert)
	w.write(name+".crt", client.Cert)
	w.write(name+".key", client.Key)
	return authority
}

// start starts a peer's chaincode server with the environment that serverenv prints, overridden
// by variables, and waits until it listens.
func (w *world) start(p *servedPeer, variables ...string) {
	w.t.Helper()
	log, err := os.Create(p.log)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	p.server = exec.Command(w.example.command[0], w.example.command[1:]...)
	p.server.Dir, p.server.Stdout, p.server.Stderr = w.example.dir, log, log
	p.server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.server.Env = append(append(w.serverEnv(p), "PATH="+os.Getenv("PATH"), "SERVER_NAME="+p.name), variables...)
	if err := p.server.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.stop)
	for deadline := time.Now().Add(30 * time.Second); ; {
		conn, err := net.Dial("tcp", p.address)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			out, _ := os.ReadFile(p.log)
			w.t.Fatalf("the server of %s does not listen: %s", p.name, out)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// stop kills a peer's chaincode server and its child processes.
func (p *servedPeer) stop() {
	if p.server != nil {
		syscall.Kill(-p.server.Process.Pid, syscall.SIGKILL)
		p.server.Wait()
		p.server = nil
	}
}

func (w *world) restart(p *servedPeer, variables ...string) {
	w.t.Helper()
	p.stop()
	w.start(p, variables...)
}

// probed is the output of ccaas probe -o json.
type probed struct {
	Stages []struct{ Stage, State, Finding, Hint string }
}

// probe runs ccaas probe with these arguments. It returns the failed stage and its finding, or
// empty strings if no stage failed.
func (w *world) probe(args ...string) (stage, finding string) {
	w.t.Helper()
	out, runErr := exec.Command(w.ccaas, append([]string{"probe", "-o", "json"}, args...)...).Output()
	var result probed
	if err := json.Unmarshal(out, &result); err != nil || len(result.Stages) == 0 {
		w.t.Fatalf("probe says %q, %v", out, err)
	}
	for _, s := range result.Stages {
		if s.State == "failed" {
			stage, finding = s.Stage, s.Finding
		}
	}
	if (runErr != nil) != (stage != "") {
		w.t.Errorf("probe fails at %q, and ends with %v", stage, runErr)
	}
	return stage, finding
}

// expect probes the server in a peer's env file, overridden by env, and checks the result as
// expectProbe does.
func (w *world) expect(what string, p *servedPeer, wantStage, want string, env ...string) {
	w.t.Helper()
	args := []string{w.file("notes.tgz"), "--env-file", p.envFile}
	for _, pair := range env {
		args = append(args, "--env", pair)
	}
	w.expectProbe(what, p, wantStage, want, args...)
}

// expectReleased probes the server in the connection.json that the peer reads, and checks the
// result as expectProbe does.
func (w *world) expectReleased(what string, p *servedPeer, wantStage, want string) {
	w.t.Helper()
	build := string(p.store.Build(w.id))
	w.expectProbe(what, p, wantStage, want, filepath.Join(build, store.Release, chaincode.ReleasedConnection), "--package-id", w.id)
}

// expectProbe runs ccaas probe, and checks which stage fails and that its finding contains want.
func (w *world) expectProbe(what string, p *servedPeer, wantStage, want string, args ...string) {
	w.t.Helper()
	stage, finding := w.probe(args...)
	w.t.Logf("%s: %s %s", what, stage, finding)
	if stage != wantStage || !strings.Contains(finding, want) {
		log, _ := os.ReadFile(p.log)
		w.t.Errorf("%s: fails at %q with %q, want %q with %q; the server says: %s", what, stage, finding, wantStage, want, log)
	}
}

// TestNodeChaincode checks ccaas probe with one package and two peers, each with a chaincode
// server that trusts only its own peer. It must find nothing wrong with a connection that works,
// and otherwise report the cause.
func TestNodeChaincode(t *testing.T) {
	requireShims(t)
	requireNode(t)
	w := newWorld(t, onNode)
	first, second := w.peers[0], w.peers[1]
	w.start(first)
	w.start(second)

	w.expect("own server", first, "", "")
	w.expect("own server", second, "", "")
	w.expect("other peer's server", first, "tls", "rejects the client certificate", "CORE_CHAINCODE_ADDRESS="+second.address)
	w.expect("own server, again", second, "", "")
	w.run("simulate", w.file("notes.tgz"), "--peer", "peer0="+first.envFile, "--peer", "peer1="+second.envFile, "--probe")
	crossed := exec.Command(w.ccaas, "simulate", w.file("notes.tgz"), "--peer", "peer0="+w.crossed(first, second), "--probe")
	if out, err := crossed.CombinedOutput(); err == nil || !strings.Contains(string(out), "probe: error: tls: the server rejects the client certificate") {
		t.Errorf("simulate --probe of another peer's server: %v: %s", err, out)
	}

	// Node verifies with OpenSSL, which requires the usages of a client certificate. The server
	// gives no reason for its refusal.
	for name, change := range map[string]func(*x509.Certificate){
		"extended key usage lacks client authentication": func(cert *x509.Certificate) {
			cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
		},
		"key usage lacks digitalSignature": func(cert *x509.Certificate) { cert.KeyUsage = x509.KeyUsageKeyEncipherment },
	} {
		odd := must.Get(first.clients.IssueWith(change, "peer0", time.Now(), time.Now().AddDate(0, 1, 0)))(t)
		w.write("odd.crt", odd.Cert)
		w.write("odd.key", odd.Key)
		w.expect(name, first, "tls", "rejects the client certificate: its "+name,
			"CORE_CHAINCODE_TLS_CLIENT_CERT_FILE="+w.file("odd.crt"), "CORE_CHAINCODE_TLS_CLIENT_KEY_FILE="+w.file("odd.key"))
	}

	w.expect("other authority", first, "tls", `root_cert lacks "servers"`, "CORE_CHAINCODE_ROOT_CERT_FILE="+w.file("peer0-clients.crt"))
	w.expect("other name", first, "tls", `is for ["localhost"], not for "127.0.0.1"`, "CORE_CHAINCODE_ADDRESS="+strings.Replace(first.address, "localhost", "127.0.0.1", 1))

	second.stop()
	w.expect("no server", second, "connect", "connection refused")
	w.start(second, "CORE_CHAINCODE_ID=other:0")
	w.expect("other package's server", second, "package ID", `the server registered as "other:0", but the package ID is "`+w.id+`"`)
	w.restart(second)
	w.expect("restarted", second, "", "")

	now := time.Now()
	expired := must.Get(w.servers.Issue("localhost", now.Add(-time.Hour), now.Add(-time.Second)))(t)
	w.write("expired.crt", expired.Cert)
	w.write("expired.key", expired.Key)
	w.restart(second, "CORE_CHAINCODE_TLS_CERT_FILE="+w.file("expired.crt"), "CORE_CHAINCODE_TLS_KEY_FILE="+w.file("expired.key"))
	w.expect("expired certificate", second, "tls", "the server's certificate is valid only from ")
	w.restart(second, "CORE_CHAINCODE_TLS_CERT_FILE=", "CORE_CHAINCODE_TLS_KEY_FILE=", "CORE_CHAINCODE_TLS_CLIENT_CACERT_FILE=")
	w.expect("server without TLS", second, "tls", "the server does not speak TLS")
	w.expect("the first server, in the end", first, "", "")
}

// TestGoChaincode checks ccaas probe with the chaincode on Go.
func TestGoChaincode(t *testing.T) {
	requireShims(t)
	w := newWorld(t, onGo.built(t))
	first, second := w.peers[0], w.peers[1]
	w.start(first)
	w.start(second)
	w.expect("own server", first, "", "")
	w.expect("other peer's server", first, "tls", "rejects the client certificate", "CORE_CHAINCODE_ADDRESS="+second.address)
	w.restart(second, "CHAINCODE_ID=other:0")
	w.expect("other package's server", second, "package ID", `the server registered as "other:0", but the package ID is "`+w.id+`"`)
	w.restart(second, "CHAINCODE_TLS_DISABLED=true")
	w.expect("server without TLS", second, "tls", "the server does not speak TLS")
	w.restart(second, "CHAINCODE_CLIENT_CA_CERT=")
	w.expect("server that asks for no certificate", second, "", "")
}

// TestNodeChaincodeTLS checks ccaas probe with TLS without client authentication, without TLS,
// and with servers that require more TLS than the connection offers.
func TestNodeChaincodeTLS(t *testing.T) {
	requireShims(t)
	requireNode(t)
	w := newWorld(t, onNode)
	w.pack("tls", "--cert", "-server.crt", "--key", "-server.key")
	p := w.peers[0]
	w.start(p)
	w.expect("TLS", p, "", "")
	w.restart(p, "CORE_CHAINCODE_TLS_CLIENT_CACERT_FILE="+w.file("peer0-clients.crt"))
	w.expect("no client certificate", p, "tls", "asks for a client certificate, but none is configured")
	w.pack("plain")
	w.expect("TLS not meant", p, "grpc", "the server ")
	w.restart(p)
	w.expect("no TLS", p, "", "")
}

// TestNodeRefresh replaces the CA of a peer's client certificate. A refresh updates the
// connection of an installed package, but with --probe only once the server trusts the new CA.
func TestNodeRefresh(t *testing.T) {
	requireShims(t)
	requireNode(t)
	w := newWorld(t, onNode)
	p := w.peers[0]
	w.install(p)
	w.start(p)
	w.expectReleased("installed", p, "", "")

	installed := w.kept(p)
	refresh := []string{"refresh", "--peer-dir", string(p.store), "--env-file", p.envFile, "--probe"}
	w.identify(p.name)
	early := exec.Command(w.ccaas, refresh...)
	out, _ := early.CombinedOutput()
	if early.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "the old one stays: tls: the server rejects the client certificate") {
		t.Errorf("refresh before the server has the new authority: %v: %s", early.ProcessState, out)
	}
	const lock = "externalbuilder/ccaas-refresh.lock"
	w.expectChanged(p, installed, lock)
	w.expectReleased("refreshed too early", p, "", "")

	w.restart(p)
	w.expectReleased("other authority", p, "tls", "rejects the client certificate (the connection was closed)")
	if out := w.run(refresh...); !strings.Contains(out, "refreshed  notes_1.0:") {
		t.Errorf("refresh says %s", out)
	}
	w.expectReleased("refreshed", p, "", "")
	build := "externalbuilder/builds/" + p.store.Build(w.id).Name() + "/"
	w.expectChanged(p, installed, build+"bld/connection.json", build+"release/chaincode/server/connection.json", lock)
}

// install installs the package on a peer with the builder's programs.
func (w *world) install(p *servedPeer) {
	w.t.Helper()
	builder := coreyaml.Builder{Name: coreyaml.DefaultName, Path: filepath.Dir(filepath.Dir(w.ccaas))}
	if err := testprograms.InstallFile(w.t.Context(), string(p.store), w.file("notes.tgz"), p.envFile, builder); err != nil {
		w.t.Fatal(err)
	}
}

// kept returns the mode and content of each file in a peer's folder, keyed by path.
func (w *world) kept(p *servedPeer) map[string]string {
	w.t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(string(p.store), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, infoErr := entry.Info()
		content, readErr := os.ReadFile(path)
		name, nameErr := filepath.Rel(string(p.store), path)
		if err := errors.Join(infoErr, readErr, nameErr); err != nil {
			return err
		}
		files[name] = info.Mode().String() + " " + string(content)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return files
}

// expectChanged checks which files of a peer have been changed, added or removed. want is sorted.
// All other files, including the package, must be unchanged.
func (w *world) expectChanged(p *servedPeer, before map[string]string, want ...string) {
	w.t.Helper()
	var changed []string
	after := w.kept(p)
	for name, content := range after {
		if before[name] != content {
			changed = append(changed, name)
		}
	}
	for name := range before {
		if _, is := after[name]; !is {
			changed = append(changed, name)
		}
	}
	if slices.Sort(changed); !slices.Equal(changed, want) {
		w.t.Errorf("changed: %q, want %q", changed, want)
	}
}

// crossed writes an env file of one peer with the server address of the other, and returns its
// path.
func (w *world) crossed(one, other *servedPeer) string {
	env, err := os.ReadFile(one.envFile)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("crossed.env", strings.Replace(string(env), one.address, other.address, 1))
	return w.file("crossed.env")
}

func (w *world) file(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(w.file(name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// run runs ccaas, which must succeed, and returns its stdout.
func (w *world) run(args ...string) string {
	w.t.Helper()
	cmd := exec.Command(w.ccaas, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("ccaas %s: %v: %s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

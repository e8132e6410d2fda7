package kubernetes_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ccaas-template-builder/internal/must"
	"ccaas-template-builder/internal/testpki"
)

// startTimeout is how long the API server may take to become ready on a busy machine.
const startTimeout = 3 * time.Minute

// user is a user of an API server who runs kubectl with a separate home.
type user struct {
	server *apiServer
	home   string // contains the kubeconfig
}

// apiServer is an API server on loopback that the test has started.
type apiServer struct {
	programs, url, ca string
}

// startAPIServer starts etcd and kube-apiserver, and returns the administrator. Both end with the
// test, even if the test is killed.
func startAPIServer(t *testing.T, programs string) *user {
	t.Helper()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	now := time.Now()
	ca := must.Get(testpki.CA("kubernetes-ca", now))(t)
	onLoopback := func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} }
	serving := must.Get(ca.IssueWith(onLoopback, "kube-apiserver", now, now.AddDate(0, 0, 1)))(t)
	accounts := must.Get(testpki.CA("service-accounts", now))(t)
	token := rand.Text()

	etcd, peers, secure := freeAddress(t), freeAddress(t), freeAddress(t)
	_, port, _ := net.SplitHostPort(secure)
	start(t, dir, filepath.Join(programs, "etcd"), "--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=http://"+etcd, "--advertise-client-urls=http://"+etcd,
		"--listen-peer-urls=http://"+peers, "--initial-advertise-peer-urls=http://"+peers, "--initial-cluster=default=http://"+peers)
	log := start(t, dir, filepath.Join(programs, "kube-apiserver"), "--etcd-servers=http://"+etcd,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+port, "--endpoint-reconciler-type=none",
		"--cert-dir="+dir, "--tls-cert-file="+file("tls.crt", serving.Cert), "--tls-private-key-file="+file("tls.key", serving.Key),
		"--authorization-mode=RBAC", "--token-auth-file="+file("tokens.csv", token+",administrator,1,system:masters\n"),
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+file("accounts.crt", accounts.Cert),
		"--service-account-signing-key-file="+file("accounts.key", accounts.Key), "--service-cluster-ip-range=10.96.0.0/16")

	admin := (&apiServer{programs, "https://" + secure, file("ca.crt", ca.Cert)}).user(t, token)
	for end := now.Add(startTimeout); ; time.Sleep(time.Second) {
		answer, err := admin.kubectl("get", "--raw", "/readyz")
		if err == nil {
			return admin
		}
		if time.Now().After(end) {
			t.Fatalf("the API server is not ready: %s; the end of its log:\n%s", answer, tail(string(must.Get(os.ReadFile(log))(t))))
		}
	}
}

// start starts a program, and returns the path of its log. When this process ends, a pipe closes
// and a shell kills the program.
func start(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	log := must.Get(os.Create(filepath.Join(dir, filepath.Base(program)+".log")))(t)
	defer log.Close()
	cmd := exec.Command("sh", append([]string{"-c", `"$@" & cat >/dev/null; kill -s KILL 0`, "sh", program}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe := must.Get(cmd.StdinPipe())(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pipe.Close()
		cmd.Wait()
	})
	return log.Name()
}

func tail(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// user returns the user with this token.
func (s *apiServer) user(t *testing.T, token string) *user {
	t.Helper()
	named := func(name, kind string, value any) any { return []any{map[string]any{"name": name, kind: value}} }
	config := must.Get(json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "test",
		"clusters": named("test", "cluster", map[string]string{"server": s.url, "certificate-authority": s.ca}),
		"users":    named("test", "user", map[string]string{"token": token}),
		"contexts": named("test", "context", map[string]string{"cluster": "test", "user": "test", "namespace": "fabric"}),
	}))(t)
	u := &user{s, t.TempDir()}
	if err := os.WriteFile(filepath.Join(u.home, "config"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	return u
}

// kubectl runs kubectl, which treats warnings from the server as errors, and returns its output.
func (u *user) kubectl(args ...string) (string, error) { return u.kubectlWith(nil, args...) }

func (u *user) kubectlWith(stdin []byte, args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(u.server.programs, "kubectl"), append(args, "--warnings-as-errors")...)
	cmd.Env = []string{"HOME=" + u.home, "KUBECONFIG=" + filepath.Join(u.home, "config")}
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// mustKubectl runs kubectl, which must succeed, and returns its output.
func (u *user) mustKubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := u.kubectl(args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// create creates an object.
func (u *user) create(t *testing.T, object any) error {
	t.Helper()
	out, err := u.kubectlWith(must.Get(json.Marshal(object))(t), "create", "-f", "-")
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

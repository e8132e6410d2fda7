package kubernetes_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"ccaas-template-builder/internal/must"
	"ccaas-template-builder/internal/peer"
	"ccaas-template-builder/internal/testpki"
	"ccaas-template-builder/internal/testprograms"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/store"
)

const project = "../.."

var bin string // the folder with the programs

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "ccaas-kubernetes-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if err := testprograms.Build(project, dir); err != nil {
			panic(err)
		}
		bin = dir
		return m.Run()
	}())
}

// issue adds the Secret that cert-manager would make for a Certificate, and removes the previous
// one.
func issue(t *testing.T, objects []runtime.Object, name string, ca testpki.Identity) []runtime.Object {
	t.Helper()
	spec := find[*certmanager.Certificate](t, objects, name).Spec
	id := must.Get(ca.Issue(slices.Concat(spec.DNSNames, []string{spec.CommonName})[0], time.Now(), time.Now().AddDate(0, 3, 0)))(t)
	objects = slices.DeleteFunc(objects, func(object runtime.Object) bool {
		secret, ok := object.(*corev1.Secret)
		return ok && secret.Name == spec.SecretName
	})
	return append(objects, secret(spec.SecretName, map[string]string{"ca.crt": ca.Cert, "tls.crt": id.Cert, "tls.key": id.Key}))
}

func secret(name string, data map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, StringData: data}
}

// cluster returns the objects of the example, and the Secrets that administrators and
// cert-manager add.
func cluster(t *testing.T, ca testpki.Identity) []runtime.Object {
	t.Helper()
	objects := render(t, ".")
	for _, certificate := range all[*certmanager.Certificate](objects) {
		if !certificate.Spec.IsCA {
			objects = issue(t, objects, certificate.Name, ca)
		}
	}
	identity := map[string]string{}
	for _, key := range []string{"config.yaml", "cacert.pem", "tlscacert.pem", "signcert.pem", "key.pem", "tls.crt", "tls.key"} {
		identity[key] = "for the peer itself"
	}
	return append(objects, secret("peer-0-identity", identity), secret("peer-1-identity", identity))
}

// TestPeers checks that each peer gets the connection to its own server, and the new connection
// after a change.
func TestPeers(t *testing.T) {
	ca := must.Get(testpki.CA("chaincode-ca", time.Now()))(t)
	objects := cluster(t, ca)
	set := find[*appsv1.StatefulSet](t, objects, "peer")
	template := must.Get(os.ReadFile("package/connection.json"))(t)
	pkg := must.Get(archive.Write("basic_1.0", "ccaas", []archive.File{{Name: "connection.json", Content: template}}))(t)

	var claims []string
	for _, claim := range set.Spec.VolumeClaimTemplates {
		claims = append(claims, claim.Name)
	}
	var pods []*pod
	for n := range *set.Spec.Replicas {
		template := *set.Spec.Template.DeepCopy()
		name := fmt.Sprintf("%s-%d", set.Name, n)
		template.Labels["statefulset.kubernetes.io/pod-name"] = name
		pods = append(pods, newPod(t, name, template, objects, claims...))
	}
	if len(pods) != 2 {
		t.Fatalf("%d peers, want 2", len(pods))
	}
	addresses := map[string]bool{}
	for n, p := range pods {
		p.checkPaths()
		p.checkName(set.Spec.ServiceName)
		p.initialize()
		dir, c := p.install(pkg)
		addresses[c.Address] = true
		p.checkConnection(c)
		p.checkServer(c, pods[1-n], pkg.ID)
		p.checkRefresh(dir, pkg.ID, ca)
	}
	if len(addresses) != 2 {
		t.Errorf("the peers dial %v, want a server for each", slices.Collect(maps.Keys(addresses)))
	}
}

// checkPaths checks that the paths in the peer's variables exist.
func (p *pod) checkPaths() {
	for name, value := range p.trueEnvironment(p.container("peer")) {
		if _, err := os.Stat(value); filepath.IsAbs(value) && err != nil {
			p.t.Errorf("%s: %s: %v", p.name, name, err)
		}
	}
}

// checkName checks that the peer's address leads to the peer itself, through a headless Service.
func (p *pod) checkName(service string) {
	s := find[*corev1.Service](p.t, p.objects, service)
	host, port, _ := net.SplitHostPort(p.environment(p.container("peer"))["CORE_PEER_ADDRESS"])
	if s.Spec.ClusterIP != corev1.ClusterIPNone || host != p.name+"."+service || !p.isSelected(metav1.SetAsLabelSelector(s.Spec.Selector)) || p.port(s, port) != port {
		p.t.Errorf("%s: the Service %s does not lead to %s:%s", p.name, service, host, port)
	}
}

// port returns the pod's port to which a port of a Service leads, or an empty string.
func (p *pod) port(s *corev1.Service, port string) string {
	for _, sp := range s.Spec.Ports {
		if fmt.Sprint(sp.Port) != port {
			continue
		}
		for _, c := range p.spec.Containers {
			for _, cp := range c.Ports {
				if sp.TargetPort == intstr.FromString(cp.Name) || sp.TargetPort == intstr.FromInt32(cp.ContainerPort) {
					return fmt.Sprint(cp.ContainerPort)
				}
			}
		}
	}
	return ""
}

// initialize runs the init containers.
func (p *pod) initialize() {
	p.t.Helper()
	for _, c := range p.spec.InitContainers {
		if image, version, _ := strings.Cut(c.Image, ":"); strings.HasSuffix(image, "fabric-peer") {
			image := p.path(c.Name, "/etc/hyperledger/fabric")
			p.mkdir(image)
			coreYAML := must.Get(os.ReadFile(project + "/pkg/coreyaml/testdata/fabric-" + version + ".yaml"))(p.t)
			p.must(os.WriteFile(filepath.Join(image, "core.yaml"), coreYAML, 0o644))
		}
		cmd := p.command(c)
		out, err := cmd.Output()
		if err != nil {
			p.t.Fatalf("%s: %s: %v\n%s%s", p.name, c.Name, err, out, cmd.Stderr)
		}
		if c.Name == "patch" { // on this machine, the peer's /builders has another path
			file := p.path("peer", "/etc/hyperledger/fabric/core.yaml")
			coreYAML := string(must.Get(os.ReadFile(file))(p.t))
			coreYAML = strings.ReplaceAll(coreYAML, p.path("patch", "/builders"), p.path("peer", "/builders"))
			if strings.Contains(coreYAML, "docker.sock") {
				p.t.Errorf("core.yaml has an endpoint of Docker, which /healthz would check:\n%s", coreYAML)
			}
			p.must(os.WriteFile(file, []byte(coreYAML), 0o644))
		}
	}
}

// peerDir is peer.fileSystemPath in core.yaml.
const peerDir = "/var/hyperledger/production"

// install installs the package on the peer, and returns the peer's folder and the connection.
func (p *pod) install(pkg *archive.Package) (string, connection.Connection) {
	p.t.Helper()
	coreYAML := must.Get(os.ReadFile(p.path("peer", "/etc/hyperledger/fabric/core.yaml")))(p.t)
	if !strings.Contains(string(coreYAML), "fileSystemPath: "+peerDir+"\n") {
		p.t.Fatalf("the peer does not keep its builds in %s", peerDir)
	}
	var said []string
	on := peer.Peer{
		Dir:      p.path("peer", peerDir),
		Builders: must.Get(coreyaml.Parse(coreYAML))(p.t),
		Env:      p.trueEnvironment(p.container("peer")),
		Log:      func(line string) { said = append(said, line) },
	}
	c, err := on.Install(p.t.Context(), pkg)
	if err != nil || len(said) > 0 {
		p.t.Fatalf("%s: %v\n%s", p.name, err, strings.Join(said, "\n"))
	}
	return on.Dir, c
}

// checkConnection checks that the connection has the current values of the peer's own ConfigMap
// and Secret.
func (p *pod) checkConnection(c connection.Connection) {
	p.t.Helper()
	if want := p.connection(); c.Address != want.Address || c.RootCert != want.RootCert || c.ClientCert != want.ClientCert || c.ClientKey != want.ClientKey || !c.TLSRequired || !c.ClientAuthRequired {
		p.t.Errorf("%s: got %+v, want %+v", p.name, c.Redacted(), want.Redacted())
	}
}

func (p *pod) connection() connection.Connection {
	values := find[*corev1.ConfigMap](p.t, p.objects, p.name+"-values").Data
	identity := find[*corev1.Secret](p.t, p.objects, p.name+"-chaincode").StringData
	return connection.Connection{Address: values["BASIC_ADDRESS"], RootCert: identity["ca.crt"], ClientCert: identity["tls.crt"], ClientKey: identity["tls.key"]}
}

// checkServer checks that the connection leads to a chaincode server with this package ID, that
// the server admits this peer but not the other, and that peer and server accept each other's
// certificates.
func (p *pod) checkServer(c connection.Connection, other *pod, packageID string) {
	p.t.Helper()
	host, port, _ := net.SplitHostPort(c.Address)
	service := find[*corev1.Service](p.t, p.objects, host)
	var servers []*pod
	for _, deployment := range all[*appsv1.Deployment](p.objects) {
		server := newPod(p.t, deployment.Name, deployment.Spec.Template, p.objects)
		if !server.isSelected(deployment.Spec.Selector) {
			p.t.Errorf("%s does not select its own pods", deployment.Name)
		}
		if server.isSelected(metav1.SetAsLabelSelector(service.Spec.Selector)) {
			servers = append(servers, server)
		}
	}
	if len(servers) != 1 {
		p.t.Fatalf("%s: the Service %s leads to %d Deployments", p.name, host, len(servers))
	}
	server, container := servers[0], servers[0].container("server")
	env := server.trueEnvironment(container)
	if _, listens, _ := net.SplitHostPort(env["CORE_CHAINCODE_ADDRESS"]); server.port(service, port) != listens {
		p.t.Errorf("%s: %s leads to the port %q, and the server listens at %s", p.name, c.Address, server.port(service, port), listens)
	}
	if env["CORE_CHAINCODE_ID"] != packageID {
		p.t.Errorf("%s: the server has the package ID %s, want %s", p.name, env["CORE_CHAINCODE_ID"], packageID)
	}
	p.checkCertificates(c, host, env)

	admitted := func(by *pod) bool {
		selected, admitted := false, false
		for _, policy := range all[*networkingv1.NetworkPolicy](p.objects) {
			if !server.isSelected(&policy.Spec.PodSelector) {
				continue
			}
			selected = true
			for _, rule := range policy.Spec.Ingress {
				atPort := slices.ContainsFunc(rule.Ports, func(np networkingv1.NetworkPolicyPort) bool {
					return *np.Port == intstr.FromString(container.Ports[0].Name)
				})
				from := slices.ContainsFunc(rule.From, func(from networkingv1.NetworkPolicyPeer) bool { return by.isSelected(from.PodSelector) })
				admitted = admitted || atPort && from
			}
		}
		return admitted || !selected
	}
	if !admitted(p) || admitted(other) {
		p.t.Errorf("the server of %s: admits it: %t, admits %s: %t", p.name, admitted(p), other.name, admitted(other))
	}
}

// checkCertificates checks that the peer and the server accept each other's certificates.
func (p *pod) checkCertificates(c connection.Connection, host string, env map[string]string) {
	p.t.Helper()
	server := must.Get(tls.LoadX509KeyPair(env["CORE_CHAINCODE_TLS_CERT_FILE"], env["CORE_CHAINCODE_TLS_KEY_FILE"]))(p.t)
	block, _ := pem.Decode([]byte(c.ClientCert))
	client := must.Get(x509.ParseCertificate(block.Bytes))(p.t)
	serverCAs, clientCAs := x509.NewCertPool(), x509.NewCertPool()
	serverCAs.AppendCertsFromPEM([]byte(c.RootCert))
	clientCAs.AppendCertsFromPEM(must.Get(os.ReadFile(env["CORE_CHAINCODE_TLS_CLIENT_CACERT_FILE"]))(p.t))
	if _, err := server.Leaf.Verify(x509.VerifyOptions{Roots: serverCAs, DNSName: host}); err != nil {
		p.t.Errorf("%s does not accept its server: %v", p.name, err)
	}
	if _, err := client.Verify(x509.VerifyOptions{Roots: clientCAs, DNSName: p.name, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		p.t.Errorf("the server does not accept %s: %v", p.name, err)
	}
}

// checkRefresh runs the sidecar, and checks that a change of the peer's ConfigMap and Secret
// reaches the connection in the peer's folder.
func (p *pod) checkRefresh(dir, packageID string, ca testpki.Identity) {
	p.t.Helper()
	sidecar := p.container("refresh")
	if sidecar.ReadinessProbe != nil {
		p.t.Error("the sidecar can take the peer out of service")
	}
	port := sidecar.Ports[0]
	probe := sidecar.LivenessProbe.HTTPGet
	if probe.Port != intstr.FromString(port.Name) {
		p.t.Errorf("the sidecar is asked at the port %s", probe.Port.String())
	}
	cmd := p.command(sidecar)
	listen := slices.Index(cmd.Args, fmt.Sprintf(":%d", port.ContainerPort))
	if listen < 0 {
		p.t.Fatalf("the sidecar does not listen at its port: %v", cmd.Args)
	}
	address := freeAddress(p.t)
	cmd.Args[listen] = address // another program may use the original port on this machine
	p.must(cmd.Start())
	defer func() {
		p.must(cmd.Process.Signal(syscall.SIGTERM))
		p.must(cmd.Wait())
	}()
	await := func(what string, done func() bool) {
		p.t.Helper()
		for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				p.t.Fatalf("%s: %s", p.name, what)
			}
		}
	}
	await("the sidecar knows of no connection", func() bool {
		_, metrics := get("http://" + address + "/metrics")
		return strings.Contains(metrics, fmt.Sprintf("ccaas_connection_up_to_date{package_id=%q} 1\n", packageID))
	})
	if status, answer := get("http://" + address + probe.Path); status != http.StatusOK {
		p.t.Errorf("the kubelet would kill the sidecar: %d %s", status, answer)
	}

	find[*corev1.ConfigMap](p.t, p.objects, p.name+"-values").Data["BASIC_ADDRESS"] = "moved-" + p.name + ":9999"
	p.objects = issue(p.t, p.objects, p.name+"-chaincode", ca)
	p.updateVolumes()
	file := filepath.Join(string(store.Store(dir).Build(packageID)), store.Release, chaincode.ReleasedConnection)
	want := p.connection()
	await("the change does not reach the peer", func() bool {
		c := must.Get(connection.Decode(must.Get(os.ReadFile(file))(p.t)))(p.t)
		return c.Address == want.Address && c.ClientCert == want.ClientCert && c.ClientKey == want.ClientKey
	})
}

// freeAddress returns an address at which nothing listens.
func freeAddress(t *testing.T) string {
	listener := must.Get(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer listener.Close()
	return listener.Addr().String()
}

// get returns the status and the body of a response. Without a response, it returns 0 and the
// error.
func get(url string) (int, string) {
	response, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

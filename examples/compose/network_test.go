package compose_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"ccaas-template-builder/internal/testpki"
)

// must returns a value where there is no error.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// network is the example as Compose sets it up, but that the root of each container is
// a folder, in which a volume is a symbolic link. What it does not know it refuses.
type network struct {
	*testing.T
	services types.Services
	volumes  types.Volumes
	dir      string
}

func newNetwork(t *testing.T) network {
	options := must(cli.NewProjectOptions([]string{"compose.yaml"}))(t)
	project := must(options.LoadProject(t.Context()))(t)
	n := network{t, project.Services, project.Volumes, t.TempDir()}
	for name, service := range n.services {
		for _, volume := range service.Volumes {
			n.mount(name, volume)
		}
	}
	return n
}

// path is where a path in the container of a service is in truth.
func (n network) path(service, path string) string {
	return filepath.Join(n.dir, "containers", service, path)
}

func (n network) mount(service string, volume types.ServiceVolumeConfig) {
	n.Helper()
	to := n.path(service, volume.Target)
	n.mkdir(filepath.Dir(to))
	if volume.Type == types.VolumeTypeBind { // its files name paths of the container
		n.mkdir(to)
		for _, entry := range must(os.ReadDir(volume.Source))(n.T) {
			if !entry.IsDir() {
				content := must(os.ReadFile(filepath.Join(volume.Source, entry.Name())))(n.T)
				n.write(filepath.Join(to, entry.Name()), n.inTruth(service, string(content)))
			}
		}
		return
	}
	if _, ok := n.volumes[volume.Source]; !ok || volume.Type != types.VolumeTypeVolume {
		n.Fatalf("%s: %s is no volume of this network", service, volume.Source)
	}
	from := filepath.Join(n.dir, "volumes", volume.Source)
	n.mkdir(from)
	if err := os.Symlink(from, to); err != nil {
		n.Fatal(err)
	}
}

func (n network) mkdir(dir string) {
	n.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		n.Fatal(err)
	}
}

func (n network) write(file, content string) {
	n.Helper()
	n.mkdir(filepath.Dir(file))
	if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
		n.Fatal(err)
	}
}

// inTruth is a text of a container with the paths of its volumes where they are in truth.
func (n network) inTruth(service, text string) string {
	for _, volume := range n.services[service].Volumes {
		top := "/" + strings.Split(volume.Target, "/")[1]
		path := regexp.MustCompile(`(?m)(^|[\s"\[=])` + regexp.QuoteMeta(top) + `(["/\s]|$)`)
		text = path.ReplaceAllString(text, "${1}"+n.path(service, top)+"${2}")
	}
	return text
}

// environment is that of a service, with its paths where they are in truth.
func (n network) environment(service string) map[string]string {
	n.Helper()
	env := map[string]string{}
	for name, value := range n.services[service].Environment {
		env[name] = n.inTruth(service, *value)
	}
	return env
}

// command is the command of a service with the program, in its container or in truth.
func (n network) command(service, program string, path ...string) *exec.Cmd {
	n.Helper()
	cmd := exec.CommandContext(n.Context(), program)
	for _, arg := range n.services[service].Command {
		cmd.Args = append(cmd.Args, n.inTruth(service, arg))
	}
	cmd.Env = []string{"PATH=" + strings.Join(append(path, os.Getenv("PATH")), ":")}
	for name, value := range n.environment(service) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// makeCrypto runs the service crypto, as the user that runs this test. Without Fabric's
// programs in FABRIC_BIN, what cryptogen makes of TLS is made here, and no block.
func (n network) makeCrypto() {
	n.Helper()
	bin := os.Getenv("FABRIC_BIN")
	if bin == "" {
		bin = n.TempDir()
		n.write(bin+"/cryptogen", "#!/bin/sh\n")
		n.write(bin+"/configtxgen", "#!/bin/sh\n")
		n.makeTLS()
	}
	script := n.path("crypto", "/config/crypto.sh")
	n.write(script, regexp.MustCompile(`(?m)^.*\bchown .*$`).ReplaceAllString(string(must(os.ReadFile(script))(n.T)), ""))
	if out, err := n.command("crypto", "sh", bin).CombinedOutput(); err != nil {
		n.Fatalf("crypto: %v\n%s", err, out)
	}
}

// makeTLS makes what cryptogen makes for TLS.
func (n network) makeTLS() {
	n.Helper()
	for organisation, nodes := range map[string][]string{
		"ordererOrganizations/example.com":      {"orderers/orderer.example.com"},
		"peerOrganizations/org1.example.com":    {"peers/peer0.org1.example.com", "peers/peer1.org1.example.com"},
		"peerOrganizations/servers.example.com": {"peers/basic.peer0.org1.example.com", "peers/basic.peer1.org1.example.com"},
	} {
		home := n.path("crypto", "/crypto/"+organisation)
		domain := filepath.Base(organisation)
		ca := must(testpki.CA("tlsca."+domain, time.Now()))(n.T)
		n.write(home+"/tlsca/tlsca."+domain+"-cert.pem", ca.Cert)
		n.write(home+"/msp/tlscacerts/tlsca."+domain+"-cert.pem", ca.Cert)
		admin := "users/Admin@" + domain
		for _, node := range append(nodes, admin) {
			id := must(ca.Issue(filepath.Base(node), time.Now(), time.Now().AddDate(1, 0, 0)))(n.T)
			name := "server"
			if node == admin {
				name = "client"
			}
			n.write(home+"/"+node+"/msp/config.yaml", "")
			for file, content := range map[string]string{"ca.crt": ca.Cert, name + ".crt": id.Cert, name + ".key": id.Key} {
				n.write(home+"/"+node+"/tls/"+file, content)
			}
		}
	}
}

// peers are the services that are peers.
func (n network) peers() []string {
	return slices.Sorted(maps.Keys(n.services.Filter(func(s types.ServiceConfig) bool { return strings.HasPrefix(s.Image, "fabric-peer-ccaas:") })))
}

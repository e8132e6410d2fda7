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

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"ccaas-template-builder/internal/must"
)

// network is the example as Compose sets it up, with a folder in place of each container's
// root and symbolic links in place of volumes. It fails the test if the example uses anything
// else.
type network struct {
	*testing.T
	services types.Services
	volumes  types.Volumes
	dir      string
}

func newNetwork(t *testing.T) network {
	options := must.Get(cli.NewProjectOptions([]string{"compose.yaml"}))(t)
	project := must.Get(options.LoadProject(t.Context()))(t)
	n := network{t, project.Services, project.Volumes, t.TempDir()}
	for name, service := range n.services {
		for _, volume := range service.Volumes {
			n.mount(name, volume)
		}
	}
	return n
}

// path returns the path on this machine of a path in a service's container.
func (n network) path(service, path string) string {
	return filepath.Join(n.dir, "containers", service, path)
}

func (n network) mount(service string, volume types.ServiceVolumeConfig) {
	n.Helper()
	to := n.path(service, volume.Target)
	n.mkdir(filepath.Dir(to))
	if volume.Type == types.VolumeTypeBind { // its files refer to paths in the container
		n.mkdir(to)
		for _, entry := range must.Get(os.ReadDir(volume.Source))(n.T) {
			if !entry.IsDir() {
				content := must.Get(os.ReadFile(filepath.Join(volume.Source, entry.Name())))(n.T)
				n.write(filepath.Join(to, entry.Name()), n.onHost(service, string(content)))
			}
		}
		return
	}
	if _, ok := n.volumes[volume.Source]; !ok || volume.Type != types.VolumeTypeVolume {
		n.Fatalf("%s: %s is not a volume of this network", service, volume.Source)
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

// source returns the path in the project of a file that is mounted into a service's container.
func (n network) source(service, path string) string {
	for _, volume := range n.services[service].Volumes {
		if name, below := strings.CutPrefix(path, volume.Target+"/"); below && volume.Type == types.VolumeTypeBind {
			return filepath.Join(volume.Source, name)
		}
	}
	return path
}

// onHost returns text with paths in the service's volumes replaced by those on this machine.
func (n network) onHost(service, text string) string {
	for _, volume := range n.services[service].Volumes {
		top := "/" + strings.Split(volume.Target, "/")[1]
		path := regexp.MustCompile(`(?m)(^|[\s"\[=])` + regexp.QuoteMeta(top) + `(["/\s]|$)`)
		text = path.ReplaceAllString(text, "${1}"+n.path(service, top)+"${2}")
	}
	return text
}

// environment returns the environment of a service, with the paths on this machine.
func (n network) environment(service string) map[string]string {
	n.Helper()
	env := map[string]string{}
	for name, value := range n.services[service].Environment {
		env[name] = n.onHost(service, *value)
	}
	return env
}

// command returns a command that runs program with the arguments and the environment of a
// service.
func (n network) command(service, program string, path ...string) *exec.Cmd {
	n.Helper()
	cmd := exec.CommandContext(n.Context(), program)
	for _, arg := range n.services[service].Command {
		cmd.Args = append(cmd.Args, n.onHost(service, arg))
	}
	cmd.Env = []string{"PATH=" + strings.Join(append(path, os.Getenv("PATH")), ":")}
	for name, value := range n.environment(service) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// makeCrypto runs the service crypto with Fabric's programs, as the user who runs this test.
func (n network) makeCrypto() {
	n.Helper()
	script := n.path("crypto", "/network/crypto.sh")
	n.write(script, regexp.MustCompile(`(?m)^.*\bchown .*$`).ReplaceAllString(string(must.Get(os.ReadFile(script))(n.T)), ""))
	broken := n.command("crypto", "sh", fabric(n.T)) // an interrupted run must not spoil the next one
	broken.Env = append(broken.Env, "PROFILE=none")
	if out, err := broken.CombinedOutput(); err == nil {
		n.Fatalf("crypto works without a profile:\n%s", out)
	}
	if out, err := n.command("crypto", "sh", fabric(n.T)).CombinedOutput(); err != nil {
		n.Fatalf("crypto: %v\n%s", err, out)
	}
}

// fabric returns the folder of Fabric's programs.
func fabric(t *testing.T) string {
	t.Helper()
	bin := os.Getenv("FABRIC_BIN")
	if bin == "" {
		t.Fatal("FABRIC_BIN is not set: make compose sets it")
	}
	return bin
}

// peers returns the names of the services that are peers.
func (n network) peers() []string {
	return slices.Sorted(maps.Keys(n.services.Filter(func(s types.ServiceConfig) bool { return strings.HasPrefix(s.Image, "fabric-peer-ccaas:") })))
}

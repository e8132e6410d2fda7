// Package image_test builds the images of the Dockerfile, and runs them.
package image_test

import (
	"debug/elf"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ccaas-template-builder/internal/programs"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/environ"
)

const (
	root    = "../.."
	maxSize = 34_000_000
	example = `{"address":"basic.example.com:9999","dial_timeout":"3s","tls_required":false,"client_auth_required":false}`
)

func TestImages(t *testing.T) {
	if os.Getenv("IMAGE_TEST") == "" {
		t.Skip("make image-test runs it")
	}
	if os.Geteuid() != 0 {
		t.Fatal("needs root: files of other users are read, and buildah is run")
	}
	b := findTool(t)
	builds := b.base(t, "GO_IMAGE", goImage)
	builds = append(builds, "--build-arg", "VERSION=1.2.3", "--build-arg", "REVISION=4f1c2b77")
	files := b.files(t, root, append(builds, "--target", "builder")...)
	t.Run("builder", func(t *testing.T) { testBuilder(t, b, builds, files) })
	t.Run("other platform", func(t *testing.T) { testOtherPlatform(t, b, builds) })
	for _, form := range []string{"fabric-2.2", "fabric-2.5", "fabric-3"} {
		t.Run("peer of "+form, func(t *testing.T) { testPeer(t, b, builds, files, form) })
	}
	t.Run("chaincode-node", func(t *testing.T) { testChaincode(t, b, builds, files) })
}

// The builder's image contains four static programs and nothing else. As any user, it installs
// them into its volume, wherever that is mounted, and what it has installed works there.
func testBuilder(t *testing.T, b tool, builds []string, files string) {
	expectPrograms(t, files, elfMachine(t, runtime.GOARCH))
	image := b.build(t, root, "builder", append(builds, "--target", "builder")...)
	c := b.config(t, image)
	expectLabels(t, c, "ccaas-template-builder")
	if c.Config.User != "65534:65534" {
		t.Errorf("it runs as %q", c.Config.User)
	}
	for user, uid := range map[string]uint32{"": 65534, "0:0": 0, "7051:7051": 7051} {
		t.Run(fmt.Sprintf("as %d", uid), func(t *testing.T) { testInstalled(t, b, image, files, user, uid) })
	}
}

// testInstalled runs the image as an init container does, and then each program that it has
// installed as a peer does.
func testInstalled(t *testing.T, b tool, image, files, user string, uid uint32) {
	work := openFolder(t)
	output(t, exec.Command(filepath.Join(files, "bin/ccaas"), "init", work+"/source", "--template", "plain"))
	write(t, work+"/metadata.json", `{"type": "ccaas", "label": "basic_1.0"}`)
	for _, dir := range []string{"build", "release"} {
		open(t, filepath.Join(work, dir))
	}
	volume := []string{work + ":/builders"}
	output(t, b.run(t, container{image: image, user: user, volumes: volume}))
	for _, command := range [][]string{
		{"detect", "/builders/source", "/builders"},
		{"build", "/builders/source", "/builders", "/builders/build"},
		{"release", "/builders/build", "/builders/release"},
	} {
		t.Run(command[0], func(t *testing.T) {
			command[0] = "/builders/ccaas-template-builder/bin/" + command[0]
			output(t, b.run(t, container{image: image, user: user, volumes: volume, command: command,
				env: []string{"CORE_CHAINCODE_ADDRESS=basic.example.com:9999"}}))
		})
	}
	file := work + "/release/chaincode/server/connection.json"
	released, err := os.ReadFile(file)
	if got := strings.Join(strings.Fields(string(released)), ""); err != nil || got != example {
		t.Fatalf("released: %s, %v", got, err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != uid {
		t.Errorf("released by %d", owner)
	}
}

// An image for another platform contains programs for that platform. Building it runs none of
// them.
func testOtherPlatform(t *testing.T, b tool, builds []string) {
	arch := "arm64"
	if runtime.GOARCH == arch {
		arch = "amd64"
	}
	builds = append(builds, "--platform", "linux/"+arch)
	expectPrograms(t, b.files(t, root, append(builds, "--target", "builder")...), elfMachine(t, arch))
	standIn := openFolder(t)
	peerImage(t, standIn, "fabric-2.5")
	base := b.build(t, standIn, "fabric-peer", "--platform", "linux/"+arch)
	image := b.build(t, root, "peer", append(builds, "--target", "peer", "--build-arg", "FABRIC_PEER_IMAGE="+base)...)
	if c := b.config(t, image); c.Architecture != arch {
		t.Errorf("the peer's image is for %q", c.Architecture)
	}
}

// The peer's image is its base image with the builder installed and first in core.yaml. The
// builder's own doctor finds that an install works, even in a base image without any library.
func testPeer(t *testing.T, b tool, builds []string, files, form string) {
	standIn := openFolder(t)
	peerImage(t, standIn, form)
	builds = append(builds, "--target", "peer", "--build-arg", "FABRIC_PEER_IMAGE="+b.build(t, standIn, "fabric-peer"))
	image := b.build(t, root, "peer", builds...)
	c := b.config(t, image)
	expectLabels(t, c, "fabric-peer")
	if command := append(c.Config.Entrypoint, c.Config.Cmd...); !slices.Equal(command, []string{"peer", "node", "start"}) {
		t.Errorf("it runs %q", command)
	}
	expectCoreYAML(t, filepath.Join(b.files(t, root, builds...), "etc/hyperledger/fabric"))

	work := openFolder(t)
	ccaas := filepath.Join(files, "bin/ccaas")
	output(t, exec.Command(ccaas, "init", work+"/basic", "--template", "plain"))
	output(t, exec.Command(ccaas, "package", work+"/basic.tgz", "--path", work+"/basic", "--label", "basic_1.0"))
	output(t, b.run(t, container{image: image, user: "7051:7051", volumes: []string{work + ":/work"}, env: []string{"CORE_PEER_ID=peer0.org1"},
		command: []string{"/opt/ccaas-template-builder/bin/ccaas", "doctor", "--core-yaml", "/etc/hyperledger/fabric/core.yaml", "--package", "/work/basic.tgz"}}))
}

// peerImage writes to dir what a stand-in for Fabric's peer image is built from. It contains
// no peer, but has a core.yaml in a volume, as Fabric's image does.
func peerImage(t *testing.T, dir, form string) {
	t.Helper()
	core, err := os.ReadFile("../../pkg/coreyaml/testdata/" + form + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "etc/hyperledger/fabric")
	if err := os.MkdirAll(config, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, config+"/core.yaml", string(core))
	open(t, filepath.Join(dir, "tmp"))
	write(t, dir+"/Dockerfile", `FROM scratch
COPY . /
VOLUME /etc/hyperledger/fabric
CMD ["peer", "node", "start"]
`)
}

// expectCoreYAML checks that the core.yaml in dir propagates what the builder needs: every
// variable of a setting, and the builder's own.
func expectCoreYAML(t *testing.T, dir string) {
	t.Helper()
	core, err := os.ReadFile(dir + "/core.yaml")
	if err != nil {
		t.Fatal(err)
	}
	builders, err := coreyaml.Parse(core)
	if err != nil || len(builders) == 0 {
		t.Fatal(builders, err)
	}
	ours := builders[0]
	if ours.Name != coreyaml.DefaultName || ours.Path != "/opt/ccaas-template-builder" {
		t.Errorf("the first builder is %q at %q", ours.Name, ours.Path)
	}
	want := []string{environ.DirVariable, "CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG", "CORE_PEER_TLS_KEY_FILE"}
	for _, field := range environ.Fields() {
		want = append(want, field.Variable)
	}
	for _, name := range want {
		if !ours.Propagates(name) {
			t.Errorf("the peer does not pass on %s", name)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("beside core.yaml there is more: %v, %v", entries, err)
	}
}

// The chaincode server registers with the package ID that it is given.
func testChaincode(t *testing.T, b tool, builds []string, files string) {
	builds = append(builds, b.base(t, "NODE_IMAGE", nodeImage)...)
	image := b.build(t, root, "chaincode-node", append(builds, "--target", "chaincode-node")...)
	c := b.config(t, image)
	expectLabels(t, c, "chaincode-node")
	if c.Config.User != "65534:65534" {
		t.Errorf("it runs as %q", c.Config.User)
	}

	ccaas := filepath.Join(files, "bin/ccaas")
	work := openFolder(t)
	output(t, exec.Command(ccaas, "init", work+"/notes", "--template", "plain"))
	id := strings.TrimSpace(output(t, exec.Command(ccaas, "package", work+"/notes.tgz", "--path", work+"/notes", "--label", "notes_1.0")))
	address := freeAddress(t)
	server := b.run(t, container{image: image, env: []string{"CORE_CHAINCODE_ID=" + id, "CORE_CHAINCODE_ADDRESS=" + address}})
	var log strings.Builder
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	probe := func() ([]byte, error) {
		return exec.Command(ccaas, "probe", work+"/notes.tgz", "--env", "CORE_CHAINCODE_ADDRESS="+address).CombinedOutput()
	}
	out, err := probe()
	for deadline := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(deadline); out, err = probe() {
		time.Sleep(100 * time.Millisecond)
	}
	syscall.Kill(-server.Process.Pid, syscall.SIGKILL)
	server.Wait()
	if err != nil {
		t.Errorf("%s; the server says: %s", out, &log)
	}
}

// expectPrograms checks the files of an image: they must be the builder's four programs,
// static, executable by anyone, and no larger than maxSize.
func expectPrograms(t *testing.T, files string, machine elf.Machine) {
	t.Helper()
	var found []string
	var size int64
	err := filepath.WalkDir(files, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		found = append(found, strings.TrimPrefix(path, files))
		size += info.Size()
		if info.Mode().Perm() != 0o755 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		expectStatic(t, path, machine)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/bin/ccaas"}
	for _, name := range programs.Names() {
		want = append(want, "/bin/"+name)
	}
	if slices.Sort(want); !slices.Equal(found, want) {
		t.Errorf("it holds %q, want %q", found, want)
	}
	if t.Logf("%s: %d bytes", machine, size); size > maxSize {
		t.Errorf("it has %d bytes, at most %d are allowed", size, maxSize)
	}
}

func expectStatic(t *testing.T, path string, machine elf.Machine) {
	t.Helper()
	program, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if program.Machine != machine {
		t.Errorf("%s is for %s, want %s", path, program.Machine, machine)
	}
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			t.Errorf("%s is not static: it has %s", path, part.Type)
		}
	}
}

func elfMachine(t *testing.T, arch string) elf.Machine {
	t.Helper()
	machine, known := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]
	if !known {
		t.Skipf("not for %s", arch)
	}
	return machine
}

func expectLabels(t *testing.T, c config, title string) {
	t.Helper()
	for name, want := range map[string]string{"title": title, "version": "1.2.3", "revision": "4f1c2b77"} {
		if got := c.Config.Labels["org.opencontainers.image."+name]; got != want {
			t.Errorf("the label %s is %q, want %q", name, got, want)
		}
	}
	if c.Config.Labels["org.opencontainers.image.description"] == "" {
		t.Error("there is no description")
	}
}

// openFolder returns a new folder that every user can write to.
func openFolder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "open")
	open(t, dir)
	return dir
}

func open(t *testing.T, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil { // unlike Mkdir, Chmod ignores the umask
		t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

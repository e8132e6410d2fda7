package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"ccaas-template-builder/internal/docpage"
	"ccaas-template-builder/internal/network"
)

// nanoPage is the page whose commands TestSamples runs.
const nanoPage = "docs/coming-from/test-network-nano-bash.md"

// ownMachine sets up the namespaces in which it runs like a separate machine: with a hosts file
// that may be changed, and with loopback. A peer needs an address other than loopback. With set
// -m, each background script has its own process group, as in a terminal.
const ownMachine = `
set -m
mount --bind ../../hosts /etc/hosts
ip link set lo up
ip addr add 192.0.2.1/32 dev lo
`

// TestSamples runs the commands of a page, exactly as printed, in test-network-nano-bash of a
// fabric-samples checkout, with its orderers, its four peers and its own chaincode. The commands
// have no variables except PATH, HOME, TMPDIR and those that the scripts set. The network has
// fixed ports and the page adds to /etc/hosts, so everything runs in separate namespaces, which
// end with the test.
func TestSamples(t *testing.T) {
	for _, name := range []string{"SAMPLES", "FABRIC_BIN", "FABRIC_CFG"} {
		if os.Getenv(name) == "" {
			t.Skipf("%s is not set: make e2e-samples SAMPLES=DIR sets it", name)
		}
	}
	s := layOutSamples(t)
	before := s.read(s.coreYAML())
	out := s.page()
	for peer, name := range []string{"peer0.org1", "peer1.org1", "peer0.org2", "peer1.org2"} {
		server := "basic-1-0." + name + ".example.com:9999"
		for _, want := range []string{
			fmt.Sprintf(`(?m)^peer%d +%s +mutual .* ok$`, peer+1, server),                   // simulate
			fmt.Sprintf(`(?m)^%s.example.com +127.0.0.1:\d+ +(now|before) +answers$`, name), // deploy
			fmt.Sprintf(`(?m)^{.*"ID":"asset%d".*}$`, peer+1),                               // deploy's query
			fmt.Sprintf(`(?m)^ok +basic_1.0:\w+ +%s`, server),                               // probe
		} {
			if !regexp.MustCompile(want).MatchString(out) {
				s.fatal("the commands do not print %s, but:\n%s", want, out)
			}
		}
	}
	if regexp.MustCompile(`(?m)^(warning|error) `).MatchString(out) {
		s.fatal("lint or doctor has found something:\n%s", out)
	}
	if s.read(s.coreYAML()) != before {
		s.fatal("core.yaml is not what it was before")
	}
}

// samples is a folder like fabric-samples, with only what the page needs.
type samples struct {
	*bench
	path string // PATH for the commands
}

// layOutSamples copies the network, and adds what Fabric's install script would put beside it.
func layOutSamples(t *testing.T) *samples {
	s := &samples{bench: newBench(t)}
	s.step("lay out fabric-samples")
	from := os.Getenv("SAMPLES")
	chaincode := filepath.Join("asset-transfer-basic", "chaincode-external", "chaincode-external")
	if _, err := os.Stat(filepath.Join(from, chaincode)); err != nil {
		s.fatal("%v: build the sample's chaincode there first", err)
	}
	root := filepath.Join(s.dir, "fabric-samples")
	s.must(os.CopyFS(filepath.Join(root, "test-network-nano-bash"), os.DirFS(filepath.Join(from, "test-network-nano-bash"))))
	s.must(os.MkdirAll(filepath.Join(root, filepath.Dir(chaincode)), 0o755))
	s.must(os.Symlink(filepath.Join(from, chaincode), filepath.Join(root, chaincode)))
	s.must(os.Symlink(os.Getenv("FABRIC_BIN"), filepath.Join(root, "bin")))
	s.must(os.Mkdir(filepath.Join(root, "config"), 0o755))
	for _, name := range []string{"core.yaml", "orderer.yaml"} {
		text := s.read(filepath.Join(os.Getenv("FABRIC_CFG"), name))
		s.must(os.WriteFile(filepath.Join(root, "config", name), []byte(text), 0o644))
	}
	s.write("hosts", "127.0.0.1 localhost\n")
	// The commands already run as root in their user namespace.
	s.must(os.Chmod(s.write("sudo/sudo", "#!/bin/sh\nexec \"$@\"\n"), 0o755))
	s.path = strings.Join([]string{filepath.Join(s.dir, "sudo"), buildPrograms(t), os.Getenv("PATH")}, ":")
	return s
}

func (s *samples) coreYAML() string {
	return filepath.Join(s.dir, "fabric-samples", "config", "core.yaml")
}

// page runs the commands of the page, and returns what they print.
func (s *samples) page() string {
	s.t.Helper()
	s.step("run the commands of %s", nanoPage)
	commands := docpage.Blocks(s.t, docpage.Read(s.t, nanoPage), "sh")
	file := s.write("commands", ownMachine+strings.Join(commands, ""))
	runtime.LockOSThread() // Pdeathsig is sent when this thread ends
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(s.ctx, "bash", "-ev", file)
	cmd.Dir = filepath.Join(s.dir, "fabric-samples", "test-network-nano-bash")
	cmd.Env = []string{"PATH=" + s.path, "HOME=" + s.dir, "TMPDIR=" + s.t.TempDir()}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		s.fatal("%v: this user may not make namespaces", err)
	}
	if err != nil {
		s.fatal("%v, after\n%s%s", err, network.Tail(string(out), 40), s.tails(cmd.Dir))
	}
	return string(out)
}

// tails returns the last lines of the logs that the commands write.
func (s *samples) tails(dir string) (text string) {
	logs, _ := filepath.Glob(filepath.Join(dir, "logs", "*.log"))
	for _, log := range logs {
		text += fmt.Sprintf("\n--- %s, last lines:\n%s", log, network.Tail(s.read(log), 5))
	}
	return text
}

package image_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tool is docker, podman or buildah, with the flags that it needs before any verb.
type tool []string

// findTool returns the first tool that works here. A docker without a daemon does not.
func findTool(t *testing.T) tool {
	t.Helper()
	storage := t.TempDir()
	t.Cleanup(func() { // buildah leaves it mounted if a build fails
		exec.Command("umount", "--recursive", storage+"/root/overlay").Run()
	})
	buildah := tool{"buildah", "--root", storage + "/root", "--runroot", storage + "/run"}
	for _, candidate := range []tool{
		{"docker"},
		{"podman"},
		buildah,
		append(buildah[:len(buildah):len(buildah)], "--storage-driver", "vfs"), // slow, but works everywhere
	} {
		if candidate.command("info").Run() == nil {
			t.Logf("by %s", candidate[0])
			return candidate
		}
	}
	t.Fatal("none of docker, podman and buildah works here")
	return nil
}

func (b tool) isBuildah() bool { return b[0] == "buildah" }

func (b tool) command(args ...string) *exec.Cmd {
	cmd := exec.Command(b[0], append(append([]string{}, b[1:]...), args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that everything it starts can be killed
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=1", "BUILDAH_ISOLATION=chroot")
	return cmd
}

// do runs a verb, which must succeed, and returns its output.
func (b tool) do(t *testing.T, args ...string) string {
	t.Helper()
	return output(t, b.command(args...))
}

// output runs a command, which must succeed, and returns its output.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s%s", strings.Join(cmd.Args, " "), err, out, stderr.String())
	}
	return string(out)
}

// build builds an image from the Dockerfile in dir, and returns the image's name.
func (b tool) build(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	image := "localhost/ccaas-image-test/" + name
	b.do(t, append(b.buildArgs(args), "--tag", image, dir)...)
	t.Cleanup(func() { b.do(t, "rmi", "--force", image) })
	return image
}

// files builds the same image, and returns a folder with the image's files.
func (b tool) files(t *testing.T, dir string, args ...string) string {
	t.Helper()
	files := filepath.Join(t.TempDir(), "files")
	b.do(t, append(b.buildArgs(args), "--output", "type=local,dest="+files, dir)...)
	return files
}

// buildArgs returns the arguments of a build for this machine, or for the platform in args.
func (b tool) buildArgs(args []string) []string {
	all := append([]string{"build"}, args...)
	if !b.isBuildah() {
		return all
	}
	arch := runtime.GOARCH
	if i := slices.Index(args, "--platform"); i >= 0 {
		arch = strings.TrimPrefix(args[i+1], "linux/")
	}
	return append(all, "--layers", // cache layers, as docker and podman do by default
		// buildah 1.28, which Debian has, does not set these.
		"--build-arg", "BUILDPLATFORM=linux/"+runtime.GOARCH, "--build-arg", "TARGETOS=linux", "--build-arg", "TARGETARCH="+arch)
}

// config is the configuration of an image.
type config struct {
	Architecture string
	Config       struct {
		User            string
		Entrypoint, Cmd []string
		Labels          map[string]string
	}
}

func (b tool) config(t *testing.T, image string) config {
	t.Helper()
	if b.isBuildah() {
		var inspected struct{ OCIv1 config }
		decode(t, b.do(t, "inspect", "--type", "image", image), &inspected)
		return inspected.OCIv1
	}
	var inspected []config
	decode(t, b.do(t, "image", "inspect", image), &inspected)
	return inspected[0]
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// container says how to run an image. The defaults are the image's own user and command.
type container struct {
	image        string
	user         string
	volumes, env []string
	command      []string
}

// run returns a command that runs a container in the host's network. The container is removed
// when the test ends.
func (b tool) run(t *testing.T, c container) *exec.Cmd {
	t.Helper()
	name := fmt.Sprintf("ccaas-image-test-%d", time.Now().UnixNano())
	options := []string{"--network", "host"}
	for flag, values := range map[string][]string{"--volume": c.volumes, "--env": c.env} {
		for _, value := range values {
			options = append(options, flag, value)
		}
	}
	if c.user != "" {
		options = append(options, "--user", c.user)
	}
	if b.isBuildah() {
		return b.runBuildah(t, c, name, options)
	}
	t.Cleanup(func() { b.do(t, "rm", "--force", name) })
	options = append(options, "--name", name)
	if c.command == nil {
		return b.command(append(append([]string{"run"}, options...), c.image)...)
	}
	options = append(options, "--entrypoint", c.command[0], c.image)
	return b.command(append(append([]string{"run"}, options...), c.command[1:]...)...)
}

// runBuildah does what run does with buildah, which must create a container first and ignores
// the default command.
func (b tool) runBuildah(t *testing.T, c container, name string, options []string) *exec.Cmd {
	t.Helper()
	b.do(t, "from", "--name", name, c.image)
	t.Cleanup(func() { b.do(t, "rm", name) })
	if c.command == nil {
		own := b.config(t, c.image).Config
		c.command = append(own.Entrypoint, own.Cmd...)
	}
	options = append(options, name, "--")
	return b.command(append(append([]string{"run"}, options...), c.command...)...)
}

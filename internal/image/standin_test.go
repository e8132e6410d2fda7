package image_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// base returns the arguments that set the base image of a build. There are none if the default
// in the Dockerfile can be pulled. Otherwise they name a stand-in that is made from this
// machine's own programs.
func (b tool) base(t *testing.T, argument string, standIn func(t *testing.T, dir string)) []string {
	t.Helper()
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	image := regexp.MustCompile("(?m)^ARG " + argument + "=(.*)$").FindSubmatch(text)[1]
	if b.command("pull", string(image)).Run() == nil {
		return nil
	}
	t.Logf("%s cannot be pulled, so a stand-in is used", image)
	dir := t.TempDir()
	standIn(t, dir)
	return []string{"--build-arg", argument + "=" + b.build(t, dir, strings.ToLower(argument))}
}

// goImage writes to dir what a stand-in for Go's image is built from.
func goImage(t *testing.T, dir string) {
	t.Helper()
	goroot := strings.TrimSpace(output(t, exec.Command("go", "env", "GOROOT")))
	for _, folder := range []string{"bin", "pkg", "src"} {
		copyInto(t, dir, filepath.Join(goroot, folder))
	}
	copyInto(t, dir, filepath.Join(goroot, "go.env"))
	copyPrograms(t, dir, "/bin/sh", "mkdir")
	writeDockerfile(t, dir, filepath.Join(goroot, "bin"))
}

// nodeImage writes to dir what a stand-in for Node's image is built from.
func nodeImage(t *testing.T, dir string) {
	t.Helper()
	node := copyPrograms(t, dir, "/bin/sh", "env", "node")
	npm := filepath.Join(strings.TrimSpace(output(t, exec.Command("npm", "root", "--global"))), "npm")
	copyInto(t, dir, npm)
	bin := filepath.Join(dir, "usr/local/bin")
	script := "#!/bin/sh\nexec node " + npm + "/bin/npm-cli.js \"$@\"\n"
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bin+"/npm", []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	writeDockerfile(t, dir, filepath.Dir(node))
}

// writeDockerfile writes a Dockerfile that makes an image of dir. The image trusts the same
// CAs as this machine.
func writeDockerfile(t *testing.T, dir, path string) {
	t.Helper()
	const certificates = "/etc/ssl/certs/ca-certificates.crt"
	copyInto(t, dir, certificates)
	open(t, filepath.Join(dir, "tmp"))
	write(t, filepath.Join(dir, "Dockerfile"), fmt.Sprintf(
		"FROM scratch\nCOPY . /\nENV PATH=%s:/usr/local/bin:/usr/bin:/bin NODE_EXTRA_CA_CERTS=%s\n", path, certificates))
}

// copyPrograms copies programs and the libraries that they load, and returns the path of the
// last program.
func copyPrograms(t *testing.T, dir string, names ...string) (path string) {
	t.Helper()
	for _, name := range names {
		var err error
		if path, err = exec.LookPath(name); err != nil {
			t.Fatal(err)
		}
		libraries, _ := exec.Command("ldd", path).Output() // ldd fails for a static program
		copyInto(t, dir, append(regexp.MustCompile(`/\S+`).FindAllString(string(libraries), -1), path)...)
	}
	return path
}

// copyInto copies files and folders to the same paths below dir.
func copyInto(t *testing.T, dir string, paths ...string) {
	t.Helper()
	output(t, exec.Command("cp", append([]string{"-rL", "--parents", "--target-directory=" + dir}, paths...)...))
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Package main_test runs the programs as peers and people do: as processes with an environment
// of their own. Each script in testdata/script tests one behaviour.
package main_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	main "ccaas-template-builder/cmd/ccaas"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/step/build"
	"ccaas-template-builder/internal/step/detect"
	"ccaas-template-builder/internal/step/release"
	"ccaas-template-builder/internal/testprograms"
)

// builder is a folder with bin/detect, bin/build, bin/release and bin/ccaas as make build
// makes them. Tests use it if they check the files, the system calls or the costs of the
// programs.
var builder string

// In the PATH of scripts, each program is this test binary under the program's name.
func TestMain(m *testing.M) {
	if file := os.Getenv(measureVariable); file != "" {
		os.Exit(measure(file))
	}
	testscript.Main(withBuilder{m}, map[string]func(){
		"detect":  counted("detect", detect.Run),
		"build":   counted("build", build.Run),
		"release": counted("release", release.Run),
		"ccaas":   counted("ccaas", main.Run),
	})
}

// coverage is a link in the folder of the programs in PATH. While coverage is measured, it
// leads to the folder for the results.
const coverage = "coverage"

// counted returns a program that counts in the coverage even if a peer does not pass on the
// variable with the folder for the results.
func counted(name string, run func(*program.Program) error) func() {
	return func() {
		status := program.New(name).Run(run)
		if self, err := os.Executable(); err == nil {
			if dir, err := os.Readlink(filepath.Join(filepath.Dir(self), coverage)); err == nil {
				os.Setenv("GOCOVERDIR", dir)
			}
		}
		os.Exit(status)
	}
}

// withBuilder builds the programs into the folder builder before the tests run.
type withBuilder struct{ *testing.M }

func (m withBuilder) Run() int {
	dir, err := os.MkdirTemp("", "ccaas-test-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	builder = dir
	err = os.Chmod(dir, 0o755) // for scripts that run as nobody
	if err := errors.Join(err, testprograms.Build("../..", dir+"/bin"), linkCoverage()); err != nil {
		panic(err)
	}
	return m.M.Run()
}

// linkCoverage makes the link coverage if coverage is measured.
func linkCoverage() error {
	dir := os.Getenv("GOCOVERDIR")
	if dir == "" {
		return nil
	}
	path, _, _ := strings.Cut(os.Getenv("PATH"), string(filepath.ListSeparator)) // testscript's folder
	return os.Symlink(dir, filepath.Join(path, coverage))
}

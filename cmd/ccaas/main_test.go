// Package main_test runs the programs as a peer and as people run them: as
// processes of their own with an environment of their own. Each script in
// testdata/script is one behaviour.
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

// builder is the folder with bin/detect, bin/build, bin/release and bin/ccaas, as
// make build leaves them: for what looks at them as files, at their system calls,
// or at what they use.
var builder string

// In the scripts' PATH, each program is this test binary, called by its name.
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

// coverage is a link beside the programs in PATH to where they leave what they have
// covered, while coverage is measured.
const coverage = "coverage"

// counted is a program that counts in the coverage, also where a peer does not pass
// on the variable that says where.
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

// withBuilder runs the tests with the folder builder.
type withBuilder struct{ *testing.M }

func (m withBuilder) Run() int {
	dir, err := os.MkdirTemp("", "ccaas-test-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	builder = dir
	err = os.Chmod(dir, 0o755) // for the scripts that run as nobody
	if err := errors.Join(err, testprograms.Build("../..", dir+"/bin"), linkCoverage()); err != nil {
		panic(err)
	}
	return m.M.Run()
}

// linkCoverage makes the link coverage, if coverage is measured.
func linkCoverage() error {
	dir := os.Getenv("GOCOVERDIR")
	if dir == "" {
		return nil
	}
	path, _, _ := strings.Cut(os.Getenv("PATH"), string(filepath.ListSeparator)) // testscript puts it first
	return os.Symlink(dir, filepath.Join(path, coverage))
}

package doctor

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/lint"
	"ccaas-template-builder/internal/programs"
	"ccaas-template-builder/internal/safefile"
)

// programs checks the files that the peer would run.
func (e *examination) programs() []finding.Finding {
	path := e.ours.Path
	if !filepath.IsAbs(path) {
		return lint.Path(e.list, e.ours)
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = errors.New("is not a folder")
	}
	meant := e.ours.MeantPath()
	if _, noBin := os.Stat(filepath.Join(path, "bin")); err == nil && meant != "" && noBin != nil {
		err = errors.New("has no folder bin")
	}
	if err != nil {
		f := finding.New(finding.BadPath, path, "the builder's folder cannot be used: %s", safefile.Reason(err)).
			WithHint("ccaas install %s, or correct the path in %s", path, e.list)
		if meant != "" {
			f = f.WithHint("write %s, the folder above bin, in %s", meant, e.list)
		}
		return []finding.Finding{f}
	}
	var all []finding.Finding
	versions := map[string]string{}
	for _, name := range programs.Names() {
		file := filepath.Join(path, "bin", name)
		if f, wrong := e.program(file, name, versions); wrong {
			all = append(all, f)
		}
	}
	if len(versions) > 1 {
		all = append(all, finding.New(finding.OtherProgram, path, "its programs have different versions").
			WithHint("ccaas install %s", path))
	}
	return all
}

// program checks one program and records its version in versions.
func (e *examination) program(file, name string, versions map[string]string) (f finding.Finding, wrong bool) {
	install := "ccaas install " + e.ours.Path
	if _, err := exec.LookPath(file); errors.Is(err, os.ErrNotExist) {
		return finding.New(finding.NoProgram, file, "is missing").WithOtherwise(otherwise(name)).
			WithHint("%s", install), true
	} else if err != nil {
		return finding.New(finding.NotExecutable, file, "cannot be run by this user: %s", reason(err)).
			WithOtherwise(otherwise(name)).
			WithHint("chmod 0755 the file and the folders above it, or %s", install), true
	}
	p, err := programs.Read(file, name)
	switch {
	case err != nil:
		return finding.New(finding.OtherProgram, file, "%s", err).WithHint("%s", install), true
	case p.Platform != e.Platform:
		return finding.New(finding.WrongPlatform, file, "is for %s, but this machine is %s", p.Platform, e.Platform).
			WithOtherwise(otherwise(name)).
			WithHint("%s with ccaas from a build for %s", install, e.Platform), true
	}
	versions[p.Version] = name
	return f, false
}

// otherwise returns what happens at an install if a program cannot be run.
func otherwise(name string) string {
	switch name {
	case "build":
		return "the install fails with \"external builder '…' failed\""
	case "release":
		return "the install fails, or works without a connection.json"
	}
	return "the peer treats it as a refusal, and the install fails with \"docker build failed\""
}

func reason(err error) error {
	if execError := (*exec.Error)(nil); errors.As(err, &execError) {
		err = execError.Err
	}
	return safefile.Reason(err)
}

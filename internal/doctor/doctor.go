// Package doctor examines a peer's machine before an install: does the peer find the builder,
// can it run it, and does it give it what it needs?
package doctor

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/lint"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/store"
)

// Machine describes the machine that the peer runs on.
type Machine struct {
	// CoreYAML is the path of the peer's core.yaml, and Data its content.
	CoreYAML string
	Data     []byte
	// Builder is the name that our builder has in core.yaml.
	Builder string
	// Env is the environment of the peer's process.
	Env map[string]string
	// PeerDir is the peer's peer.fileSystemPath. If it is empty, the builds are not checked.
	PeerDir string
	// Platform is GOOS/GOARCH.
	Platform string
	// Free returns how many bytes are free in a folder.
	Free func(dir string) (uint64, error)
}

// Package is a package that is to be installed.
type Package struct {
	Name             string // the name of its file
	*archive.Package        // nil if it could not be read
	Err              error  // why it could not be read
}

// Check is one question and what was found that speaks against a yes.
type Check struct {
	Name     string            `json:"name"`
	Findings []finding.Finding `json:"findings"`
	// Skipped reports whether the check was skipped because of earlier findings.
	Skipped bool `json:"skipped"`
	// Hints are the hints that the builder's programs print.
	Hints []string `json:"hints,omitempty"`
}

// examination is the state of one call of Examine.
type examination struct {
	Machine
	builders []coreyaml.Builder
	ours     coreyaml.Builder
	list     string             // the file or variable that lists the builders
	read     bool               // whether the list could be read
	servers  connection.Servers // of the chaincodes that are installed on the peer
	labels   []string           // of the packages, and of what is installed on the peer
	checks   []Check
}

// Examine runs the checks. It skips a check that makes no sense after an earlier error. The
// error is that of ctx.
func Examine(ctx context.Context, machine Machine, packages []Package) ([]Check, error) {
	e := &examination{Machine: machine, list: machine.CoreYAML, servers: installedServers(machine.PeerDir)}
	e.labels = labels(machine.PeerDir, packages)
	found := e.check(true, "the builder is in core.yaml", e.config)
	runs := e.check(found, "its programs can be run", e.programs)
	temp := e.check(true, "there is room for temporary files", e.tempDir)
	e.check(found, "the peer passes on variables", e.inheritance)
	e.packages(ctx, runs && temp, packages)
	if machine.PeerDir != "" {
		e.check(e.read, "earlier builds can be used", e.builds)
	}
	return e.checks, ctx.Err()
}

// labels returns the labels of the packages and of the builds in the peer's folder.
func labels(peerDir string, packages []Package) []string {
	var all []string
	for _, p := range packages {
		if p.Package != nil {
			all = append(all, p.Metadata.Label)
		}
	}
	if peerDir == "" {
		return all
	}
	builds, _ := store.Store(peerDir).Builds() // another check reports the error
	for _, b := range builds {
		name := filepath.Base(string(b)) // has the form LABEL-HASH
		all = append(all, name[:max(0, strings.LastIndexByte(name, '-'))])
	}
	return all
}

// check runs a check and adds its result. If sense is false, it adds the check as skipped. It
// reports whether the check was run and found no error.
func (e *examination) check(sense bool, name string, look func() []finding.Finding) bool {
	check := Check{Name: name, Findings: []finding.Finding{}, Skipped: !sense}
	if sense {
		check.Findings = append(check.Findings, look()...)
	}
	e.checks = append(e.checks, check)
	return sense && finding.Count(check.Findings, finding.Error) == 0
}

// config looks for the builders that the peer has, and for ours among them.
func (e *examination) config() []finding.Finding {
	list, err := lint.ReadBuilders(e.CoreYAML, e.Data, e.Builder, e.Env)
	e.list, e.builders = list.Place, list.Builders
	all := list.Findings
	if err != nil {
		return append(all, lint.BadCoreYAML(e.list, err)...)
	}
	e.read = true
	e.ours, _, err = coreyaml.Find(e.builders, e.Builder)
	if missing := (*coreyaml.NotFoundError)(nil); errors.As(err, &missing) && !list.Concerned {
		all = append(all, lint.MissingBuilder(e.list, missing))
	}
	return all
}

// inheritance reports that none of the builder's variables is set, in which case its programs
// get all variables of the peer.
func (e *examination) inheritance() []finding.Finding {
	if _, inherits := e.ours.Environment(e.Env); inherits {
		return []finding.Finding{finding.New(finding.WholeEnvironment, e.list,
			"no variable propagated to builder %q is set, not even PATH, so it gets all of the peer's", e.ours.Name).
			WithHint("set the variables that the packages need, or PATH, for the peer process")}
	}
	return nil
}

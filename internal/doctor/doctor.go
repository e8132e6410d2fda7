// Package doctor examines the machine of a peer before an install: would the
// peer find the builder, run it, and give it what it needs?
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

// Machine is where the peer runs, and what it is given.
type Machine struct {
	// CoreYAML is the name of the peer's core.yaml, and Data its content.
	CoreYAML string
	Data     []byte
	// Builder is the name of our builder in it.
	Builder string
	// Env is the environment of the peer's process.
	Env map[string]string
	// PeerDir is its peer.fileSystemPath; empty to skip its builds.
	PeerDir string
	// Platform is GOOS/GOARCH.
	Platform string
	// Free returns how many bytes are free in a folder.
	Free func(dir string) (uint64, error)
}

// Package is one that is to be installed.
type Package struct {
	Name             string // of its file
	*archive.Package        // nil if it could not be read
	Err              error  // why not
}

// Check is one question, and what was found against a yes.
type Check struct {
	Name     string            `json:"name"`
	Findings []finding.Finding `json:"findings"`
	// Skipped reports whether it was not asked, because of earlier findings.
	Skipped bool `json:"skipped"`
	// Hints are what the builder's programs say to do.
	Hints []string `json:"hints,omitempty"`
}

// examination is one run of all checks.
type examination struct {
	Machine
	builders []coreyaml.Builder
	ours     coreyaml.Builder
	list     string             // where the builders are listed
	read     bool               // the list could be read
	servers  connection.Servers // of the chaincodes that the peer has built
	labels   []string           // of the packages, and of what is installed
	checks   []Check
}

// Examine runs the checks. One that makes no sense after an earlier error is
// skipped. The error is that of ctx.
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

// labels are those of the packages and of the builds in a peer's folder.
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
	builds, _ := store.Store(peerDir).Builds() // a check of its own says what is wrong with them
	for _, b := range builds {
		name := filepath.Base(string(b)) // LABEL-HASH
		all = append(all, name[:max(0, strings.LastIndexByte(name, '-'))])
	}
	return all
}

// check adds a check, skipped unless it makes sense, and reports whether it was
// made and found no error.
func (e *examination) check(sense bool, name string, look func() []finding.Finding) bool {
	check := Check{Name: name, Findings: []finding.Finding{}, Skipped: !sense}
	if sense {
		check.Findings = append(check.Findings, look()...)
	}
	e.checks = append(e.checks, check)
	return sense && finding.Count(check.Findings, finding.Error) == 0
}

// config finds the builders that the peer has, and ours among them.
func (e *examination) config() []finding.Finding {
	var all []finding.Finding
	var concerned bool // by a key that the peer does not read
	core, err := coreyaml.Read(e.Data)
	replacement := e.Env[coreyaml.ListVariable]
	switch {
	case replacement != "":
		e.list = coreyaml.ListVariable
		all = append(all, finding.New(finding.ListReplaced, e.CoreYAML,
			"%s is set, so the peer does not read the list in core.yaml", coreyaml.ListVariable).
			WithHint("unset it, or add the builder to its value"))
		e.builders, err = coreyaml.ParseVariable(replacement)
	case err == nil:
		e.builders = core.Builders()
		all, concerned = lint.IgnoredKeys(e.list, core, e.Builder)
	}
	if err != nil {
		return append(all, lint.BadCoreYAML(e.list, err)...)
	}
	e.read = true
	e.ours, _, err = coreyaml.Find(e.builders, e.Builder)
	if missing := (*coreyaml.NotFoundError)(nil); errors.As(err, &missing) && !concerned {
		all = append(all, lint.MissingBuilder(e.list, missing))
	}
	return all
}

// inheritance finds a builder none of whose variables is set, so that it gets all.
func (e *examination) inheritance() []finding.Finding {
	if _, inherits := e.ours.Environment(e.Env); inherits {
		return []finding.Finding{finding.New(finding.WholeEnvironment, e.list,
			"no variable propagated to builder %q is set, not even PATH, so it gets all of the peer's", e.ours.Name).
			WithHint("set the variables that the packages need, or PATH, for the peer process")}
	}
	return nil
}

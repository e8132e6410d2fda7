// Package doctor examines the machine of a peer before an install: would the
// peer find the builder, run it, and feed it?
package doctor

import (
	"context"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/lint"
)

// ListVariable, if set for the peer, replaces the list of builders in core.yaml.
const ListVariable = "CORE_CHAINCODE_EXTERNALBUILDERS"

// Machine is where the peer runs, and what it is given.
type Machine struct {
	// CoreYAML is the name of the peer's core.yaml, and Data its content.
	CoreYAML string
	Data     []byte
	// Builder is the name of our builder in it.
	Builder string
	// Env is the environment of the peer's process.
	Env map[string]string
	// PeerDir is its peer.fileSystemPath; empty if it is not to be looked at.
	PeerDir string
	// Platform is GOOS/GOARCH.
	Platform string
	// Free returns the bytes that are free in a folder.
	Free func(dir string) (uint64, error)
}

// Package is one that is to be installed, and the name people have for it.
type Package struct {
	Name string
	*archive.Package
}

// Check is one question, and what speaks against a yes.
type Check struct {
	Name     string            `json:"name"`
	Findings []finding.Finding `json:"findings"`
}

// examination is one run of all checks.
type examination struct {
	Machine
	builders []coreyaml.Builder
	ours     coreyaml.Builder
	list     string // where the builders stand
	read     bool   // the list could be read
	checks   []Check
}

// Examine runs the checks in the order in which the peer would come to them. One
// that makes no sense after an error before it is left out.
func Examine(ctx context.Context, machine Machine, packages []Package) ([]Check, error) {
	e := &examination{Machine: machine, list: machine.CoreYAML}
	found := e.check("the builder is in core.yaml", e.config())
	found = found && e.check("its programs can be run", e.programs())
	temp := e.check("there is room for temporary files", e.tempDir())
	if found {
		e.check("the peer passes on variables", e.inheritance())
	}
	if found && temp {
		if err := e.packages(ctx, packages); err != nil {
			return nil, err
		}
	}
	if machine.PeerDir != "" && e.read {
		builds, err := e.builds()
		if err != nil {
			return nil, err
		}
		e.check("earlier builds can be used", builds)
	}
	return e.checks, nil
}

// check adds a check, and tells whether it found no error.
func (e *examination) check(name string, findings []finding.Finding) bool {
	e.checks = append(e.checks, Check{name, append([]finding.Finding{}, findings...)})
	return finding.Count(findings, finding.Error) == 0
}

// config finds the builders that the peer has, and ours among them.
func (e *examination) config() []finding.Finding {
	var all []finding.Finding
	builders, err := coreyaml.Parse(e.Data)
	if replacement := e.Env[ListVariable]; replacement != "" {
		e.list = ListVariable
		all = append(all, finding.New(finding.ListReplaced, e.CoreYAML, "%s is set, so the peer does not read the list of core.yaml", ListVariable).
			WithHint("unset it, or put the builder into its value"))
		builders, err = coreyaml.ParseVariable(replacement)
	}
	if err != nil {
		for _, err := range program.Errors(err) {
			all = append(all, finding.New(finding.BadCoreYAML, e.list, "%s", err))
		}
		return all
	}
	e.builders, e.read = builders, true
	ours, missing := lint.Ours(e.list, builders, e.Builder)
	if missing != nil {
		return append(all, *missing)
	}
	e.ours = ours
	return all
}

// inheritance finds a builder that gets none of its variables, and so all.
func (e *examination) inheritance() []finding.Finding {
	if _, inherits := e.peer("", nil).Propagated(e.ours); inherits {
		return []finding.Finding{finding.New(finding.WholeEnvironment, e.list, "none of the variables that the builder %q is to get is set, nor is PATH, so it gets all that the peer has", e.ours.Name).
			WithHint("set the variables that the packages need, or PATH, for the peer process")}
	}
	return nil
}

package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/build"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/lint"
	"ccaas-template-builder/pkg/peer"
)

// installTimeout bounds the programs of one install; the peer has no such bound.
const installTimeout = time.Minute

// packages asks of each package whether it would be installed, and of a package
// as simple as can be which builder takes it, if there are none.
func (e *examination) packages(ctx context.Context, packages []Package) error {
	if len(packages) == 0 {
		simple, err := simplePackage()
		if err != nil {
			return err
		}
		taken, err := e.taken(ctx, simple)
		if err != nil {
			return err
		}
		e.check(fmt.Sprintf("it takes packages of type %s", chaincode.DefaultType), taken)
	}
	for _, p := range packages {
		taken, err := e.taken(ctx, p.Package)
		if err != nil {
			return err
		}
		needs, err := e.needs(p)
		if err != nil {
			return err
		}
		if !e.check("it takes "+p.Name, taken) || !e.check("it gets what "+p.Name+" needs", needs) {
			continue
		}
		installed, err := e.install(ctx, p.Package)
		if err != nil {
			return err
		}
		e.check("an install of "+p.Name+" works", installed)
	}
	return nil
}

func simplePackage() (*archive.Package, error) {
	data, err := archive.Write("doctor", chaincode.DefaultType, []archive.File{{Name: chaincode.ConnectionFile, Content: []byte("{}")}})
	if err != nil {
		return nil, err
	}
	return archive.Parse(data)
}

// peer is one that keeps what it builds in dir.
func (e *examination) peer(dir string, log func(string)) *peer.Peer {
	return &peer.Peer{Dir: dir, Builders: e.builders, Env: e.Env, Log: log}
}

// taken looks which builder takes a package.
func (e *examination) taken(ctx context.Context, pkg *archive.Package) ([]finding.Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	taker, err := e.peer("", nil).Detect(ctx, pkg)
	var none *peer.NotTakenError
	switch {
	case errors.As(err, &none):
		return []finding.Finding{finding.New(finding.TakenByNone, e.list, "%s", none).
			WithHint("the type must be one that detect accepts: see CCAAS_TYPES")}, nil
	case err != nil:
		return nil, err
	case taker.Name != e.ours.Name:
		return []finding.Finding{finding.New(finding.TakenByOther, e.list, "the builder %q stands before %q and takes a package of type %q", taker.Name, e.ours.Name, pkg.Metadata.Type).
			WithHint("put %q before it", e.ours.Name)}, nil
	}
	return nil, nil
}

// needs looks for the variables without which a package cannot be built.
func (e *examination) needs(p Package) ([]finding.Finding, error) {
	variables, err := e.variables(p)
	if err != nil || e.gets(environ.DirVariable) { // any of them may be in the folder
		return nil, err
	}
	all := lint.Unpropagated(e.list, e.ours, variables, false)
	for _, v := range variables {
		if v.Required && !e.gets(v.Name) && !(v.File && e.gets(v.Name+"_FILE")) {
			all = append(all, finding.New(finding.NotSet, "", "this process has no %s, which %s needs", lint.Names(v), p.Name).
				WithHint("set it for the peer process; what stands in core.yaml alone, such as peer.id, is not passed on"))
		}
	}
	return all, nil
}

// variables are those that a package reads. What is wrong with its template is
// for the install to say.
func (e *examination) variables(p Package) (variables []build.Variable, err error) {
	err = e.tempFolder(func(dir string) error {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return err
		}
		defer root.Close()
		if p.Unpack(root) == nil {
			if template, err := build.ReadTemplate(root); err == nil {
				variables = template.Variables()
			}
		}
		return nil
	})
	return variables, err
}

// tempFolder makes a folder for as long as use takes.
func (e *examination) tempFolder(use func(dir string) error) (err error) {
	dir, err := os.MkdirTemp(e.Env["TMPDIR"], "ccaas-doctor-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return use(dir)
}

// said is a line of the builder's programs.
var said = regexp.MustCompile(`^(?:detect|build|release): (error|warning|hint): (.*)$`)

// install installs a package on a peer for the purpose, with the variables and
// the programs of this one.
func (e *examination) install(ctx context.Context, pkg *archive.Package) (all []finding.Finding, err error) {
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	var failure error
	err = e.tempFolder(func(dir string) error {
		_, failure = e.peer(dir, func(line string) { all = heard(all, line) }).Install(ctx, pkg)
		return nil
	})
	if failure != nil && finding.Count(all, finding.Error) == 0 {
		for _, err := range program.Errors(failure) {
			all = append(all, finding.New(finding.InstallFails, "", "%s", err))
		}
	}
	return all, err
}

// heard adds what a line of the builder's programs says.
func heard(all []finding.Finding, line string) []finding.Finding {
	words := said.FindStringSubmatch(line)
	switch {
	case words == nil:
	case words[1] == "error":
		return append(all, finding.New(finding.InstallFails, "", "%s", words[2]))
	case words[1] == "warning":
		return append(all, finding.New(finding.InstallWarns, "", "%s", words[2]))
	case len(all) > 0:
		all[len(all)-1].Hint = words[2]
	}
	return all
}

// gets tells whether our builder gets a variable that is set.
func (e *examination) gets(name string) bool {
	return e.Env[name] != "" && slices.Contains(e.ours.PropagateEnvironment, name)
}

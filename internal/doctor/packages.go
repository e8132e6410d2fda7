package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/lint"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/peer"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
)

// packages checks whether each package can be installed. If there are none, it checks which
// builder takes the simplest possible package.
func (e *examination) packages(ctx context.Context, sense bool, packages []Package) {
	if len(packages) == 0 {
		simple, err := simplePackage()
		e.check(sense && err == nil, "it takes packages of type "+chaincode.DefaultType,
			func() []finding.Finding { return e.taken(ctx, simple) })
	}
	servers := maps.Clone(e.servers)
	for _, p := range packages {
		readable := e.check(sense, p.Name+" is a package", p.readable)
		takes := e.check(readable, "the builder takes "+p.Name, func() []finding.Finding { return e.taken(ctx, p.Package) })
		gets := e.check(takes, "it gets what "+p.Name+" needs", func() []finding.Finding { return e.needs(p) })
		heard := heard{known: e.unread(p, nil)}
		installs := func() []finding.Finding { return e.install(ctx, p.Package, &heard) }
		works := e.check(gets, "an install of "+p.Name+" works", installs)
		e.checks[len(e.checks)-1].Hints = heard.hints
		if e.PeerDir != "" || len(packages) > 1 {
			e.check(works, p.Name+" has an address of its own",
				func() []finding.Finding { return p.taken(servers, heard.address) })
		}
	}
}

// readable reports why the package cannot be read.
func (p Package) readable() []finding.Finding {
	if p.Err != nil {
		return []finding.Finding{lint.Unreadable(p.Err)}
	}
	return nil
}

func simplePackage() (*archive.Package, error) {
	files := []archive.File{{Name: chaincode.ConnectionFile, Content: []byte("{}")}}
	return archive.Write("doctor", chaincode.DefaultType, files)
}

// peer returns a simulated peer that keeps its builds in dir.
func (e *examination) peer(dir string, log func(string)) *peer.Peer {
	return &peer.Peer{Dir: dir, Builders: e.builders, Env: e.Env, Log: log}
}

// taken checks that our builder takes the package.
func (e *examination) taken(ctx context.Context, pkg *archive.Package) []finding.Finding {
	ctx, cancel := context.WithTimeout(ctx, peer.InstallTimeout)
	defer cancel()
	taker, err := e.peer("", nil).Detect(ctx, pkg)
	var none *peer.NotTakenError
	switch {
	case errors.As(err, &none):
		return []finding.Finding{finding.New(finding.TakenByNone, e.list, "%s", none).
			WithHint("the type must be one that detect accepts: see %s", chaincode.TypesVariable)}
	case err != nil:
		return []finding.Finding{finding.New(finding.InstallFails, "", "%s", err)}
	case taker.Name != e.ours.Name:
		return []finding.Finding{finding.New(finding.TakenByOther, e.list,
			"the builder %q comes before %q and takes a package of type %q",
			taker.Name, e.ours.Name, chaincode.ShownType(pkg.Metadata.Type)).
			WithHint("put %q before it", e.ours.Name)}
	}
	return nil
}

// needs looks for variables that the package needs to be built and that the builder does not
// get.
func (e *examination) needs(p Package) []finding.Finding {
	parsed := e.template(p)
	if parsed == nil {
		return nil
	}
	has := func(name string) bool {
		return e.ours.Propagates(name) ||
			e.gets(environ.DirVariable) && environ.InFolder(e.Env[environ.DirVariable], p.Metadata.Label, name)
	}
	var missing []template.Variable
	passed, _ := e.ours.Environment(e.Env)
	if env, err := environ.Load(passed, p.Metadata.Label); err == nil { // otherwise the install reports the error
		missing = parsed.MissingFrom(env, p.Metadata)
	}
	all := append(e.unread(p, e.labels), lint.Unpropagated(e.list, e.ours, parsed, missing, has)...)
	for _, v := range missing {
		if slices.ContainsFunc(v.Names(), e.ours.Propagates) {
			all = append(all, e.notSet(v, p.Name))
		}
	}
	return all
}

// unread looks for variables and folders of values that nothing reads and that were probably
// meant for this package. Labels are those of the other packages on this machine, whose
// folders are right. build does not know these labels.
func (e *examination) unread(p Package, labels []string) []finding.Finding {
	if p.Package == nil {
		return nil
	}
	parsed := e.template(p)
	if parsed == nil {
		return nil
	}
	env := maps.Clone(e.Env)
	if !e.gets(environ.DirVariable) {
		delete(env, environ.DirVariable)
	}
	return lint.NotRead(parsed.Unread(env, p.Metadata.Label, labels))
}

// notSet returns the finding about a variable that is needed and propagated, but not set.
func (e *examination) notSet(v template.Variable, pkg string) finding.Finding {
	f := finding.New(finding.NotSet, "", "%s, which %s needs, is not set", strings.Join(v.Names(), " or "), pkg).
		WithHint("set it for the peer process; what is only in core.yaml, such as peer.id, is not passed on")
	for _, name := range v.Names() {
		if e.Env[name] != "" { // it is set, so it must be one that is not passed on
			others := slices.DeleteFunc(v.Names(), func(n string) bool { return n == name })
			f.Message = fmt.Sprintf("%s is set, which %s needs, but the peer passes on only %s",
				name, pkg, strings.Join(others, ""))
			f.Hint = "list " + name + " under propagateEnvironment"
		}
	}
	return f
}

// template returns the template of a package, or nil if it is not valid. In that case the
// install reports the errors.
func (e *examination) template(p Package) *template.Template {
	file, err := p.Template()
	if err != nil {
		return nil
	}
	parsed, err := template.Parse(file.Name, file.Content)
	if err != nil {
		return nil
	}
	return parsed
}

// install installs a package on a simulated peer that has the variables and the builder's
// programs of this machine.
func (e *examination) install(ctx context.Context, pkg *archive.Package, heard *heard) []finding.Finding {
	ctx, cancel := context.WithTimeout(ctx, peer.InstallTimeout)
	defer cancel()
	dir, err := os.MkdirTemp(e.Env["TMPDIR"], "ccaas-doctor-")
	if err == nil {
		var c connection.Connection
		c, err = e.peer(dir, heard.line).Install(ctx, pkg)
		heard.address = c.Address
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if finding.Count(heard.findings, finding.Error) == 0 {
		for _, err := range message.Errors(err) {
			heard.findings = append(heard.findings, finding.New(finding.InstallFails, "", "%s", err))
		}
	}
	return heard.findings
}

// heard collects what the builder's programs print, each line once, and the address that they
// make.
type heard struct {
	known    []finding.Finding // reported by another check, or known to be harmless
	findings []finding.Finding
	hints    []string
	address  string
}

// maxHeard is the maximum number of findings, and of hints, that are kept.
const maxHeard = 50

func (h *heard) line(line string) {
	said, _ := message.Parse(line)
	switch said.Kind {
	case message.Error:
		h.add(finding.InstallFails, said.Text)
	case message.Warning:
		h.add(finding.InstallWarns, said.Text)
	case message.Hint:
		if !slices.Contains(h.hints, said.Text) && len(h.hints) < maxHeard {
			h.hints = append(h.hints, said.Text)
		}
	}
}

func (h *heard) add(code finding.Code, text string) {
	same := func(f finding.Finding) bool { return f.Message == text }
	known := slices.ContainsFunc(h.known, same) || slices.ContainsFunc(h.findings, same)
	if !known && len(h.findings) < maxHeard {
		h.findings = append(h.findings, finding.New(code, "", "%s", text))
	}
}

// gets reports whether a variable is set and our builder gets it.
func (e *examination) gets(name string) bool {
	return e.Env[name] != "" && e.ours.Propagates(name)
}

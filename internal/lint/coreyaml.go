package lint

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
)

// coreYAML checks whether the builder in the peers' core.yaml gets the variables that the
// template reads. If the template could not be read, it leaves that out.
func coreYAML(peers Peers, parsed *template.Template, label string) []finding.Finding {
	list, err := ReadBuilders(peers.CoreYAML, peers.Data, peers.Builder, nil)
	if err != nil {
		return BadCoreYAML(peers.CoreYAML, err)
	}
	all := list.Findings
	builder, before, err := coreyaml.Find(list.Builders, peers.Builder)
	if missing := (*coreyaml.NotFoundError)(nil); errors.As(err, &missing) {
		if !list.Concerned {
			all = append(all, MissingBuilder(peers.CoreYAML, missing))
		}
		return all
	}
	all = append(all, askedFirst(peers.CoreYAML, builder, before)...)
	all = append(all, Path(peers.CoreYAML, builder)...)
	if parsed == nil || list.Concerned {
		return all
	}
	dir := peers.EnvDir
	if dir != "" && !builder.Propagates(environ.DirVariable) {
		all = append(all, finding.New(finding.OptionalNotPropagated, peers.CoreYAML,
			"the builder %q does not get %s, so it gets no value from %q", builder.Name, environ.DirVariable, dir).
			WithHint("list it under propagateEnvironment: %s", patch(peers.CoreYAML, builder.Name)))
		dir = ""
	}
	has := func(name string) bool { return builder.Propagates(name) || environ.InFolder(dir, label, name) }
	all = append(all, Unpropagated(peers.CoreYAML, builder, parsed, parsed.Missing(has), has)...)
	return append(all, NotRead(parsed.Unread(map[string]string{environ.DirVariable: dir}, label, nil))...)
}

// BuilderList is the list of builders that a peer has.
type BuilderList struct {
	Place    string // the file or the variable that holds it
	Builders []coreyaml.Builder
	// Findings are about keys that the peer does not read, and about a list that it does not.
	Findings []finding.Finding
	// Concerned reports whether one of those keys is about our builder.
	Concerned bool
}

// ReadBuilders returns the builders of a peer with the environment env whose core.yaml is the
// file with this content. Name is the name of our builder. An error is about the list's place.
func ReadBuilders(file string, data []byte, name string, env map[string]string) (list BuilderList, err error) {
	if value := env[coreyaml.ListVariable]; value != "" {
		list.Place = coreyaml.ListVariable
		list.Findings = []finding.Finding{finding.New(finding.ListReplaced, file,
			"%s is set, so the peer does not read the list in core.yaml", list.Place).
			WithHint("unset it, or add the builder to its value")}
		list.Builders, err = coreyaml.ParseVariable(value)
		return list, err
	}
	list.Place = file
	core, err := coreyaml.Read(data)
	if err == nil {
		list.Builders = core.Builders()
		list.Findings, list.Concerned = IgnoredKeys(file, core, name)
	}
	return list, err
}

// IgnoredKeys returns findings about keys that the peer does not read. ours reports whether
// one of them is about the builder with this name. Such a key has to be corrected before
// anything else about the builder can be checked.
func IgnoredKeys(file string, core *coreyaml.File, name string) (all []finding.Finding, ours bool) {
	for _, ignored := range core.Ignored() {
		ours = ours || ignored.Builder == "" || ignored.Builder == name
		all = append(all, finding.New(finding.IgnoredKey, file, "%s", ignored))
	}
	return all, ours
}

// askedFirst reports which builders the peer asks before ours. Only doctor can tell whether
// one of them takes the package.
func askedFirst(file string, ours coreyaml.Builder, before []coreyaml.Builder) []finding.Finding {
	var names []string
	for _, b := range before {
		names = append(names, strconv.Quote(b.Name))
	}
	if names == nil {
		return nil
	}
	return []finding.Finding{finding.New(finding.AskedFirst, file,
		"the peer asks the builder %s before %q, and the first that accepts the package takes it",
		strings.Join(names, ", "), ours.Name).
		WithHint("put %q first, or run ccaas doctor on the peer's machine to see which one takes it", ours.Name)}
}

// Path checks the path of a builder, as far as that is possible on another machine than the
// peer's.
func Path(file string, b coreyaml.Builder) []finding.Finding {
	meant := b.MeantPath()
	switch {
	case !filepath.IsAbs(b.Path):
		hint := "write the absolute path of the folder above bin, as the peer sees it"
		if strings.ContainsAny(b.Path, "~$") {
			hint += ": it expands neither ~ nor variables"
		}
		return []finding.Finding{finding.New(finding.BadPath, file,
			"the path %q of the builder %q is not absolute", b.Path, b.Name).WithHint("%s", hint)}
	case meant != "":
		return []finding.Finding{finding.New(finding.PathToBin, file,
			"with the path %q of the builder %q, the peer runs %q, did you mean %q",
			b.Path, b.Name, filepath.Join(b.Path, "bin", "detect"), meant).
			WithHint("write %s, the folder above bin, unless there is another bin in it", meant)}
	}
	return nil
}

// NotRead returns a finding for each error of template.Unread.
func NotRead(unread []error) []finding.Finding {
	var all []finding.Finding
	for _, err := range unread {
		all = append(all, finding.New(finding.NotRead, "", "%s", err).WithHint("rename it"))
	}
	return all
}

// MissingBuilder returns the finding about a core.yaml that lacks our builder.
func MissingBuilder(file string, err *coreyaml.NotFoundError) finding.Finding {
	missing := finding.New(finding.NoBuilder, file, "%s", err).WithHint("add it: %s", patch(file, err.Name))
	if len(err.Names) > 0 {
		missing.Hint += ", or name yours with --name"
	}
	return missing
}

// BadCoreYAML returns the findings about a core.yaml whose builders cannot be read.
func BadCoreYAML(file string, err error) []finding.Finding {
	var all []finding.Finding
	for _, err := range message.Errors(err) {
		all = append(all, finding.New(finding.BadCoreYAML, file, "%s", err))
	}
	return all
}

// Unpropagated returns findings about variables that the template reads and the builder does
// not get: errors about those that are missing, and warnings about the rest. has reports which
// variables the builder may get.
func Unpropagated(
	file string, b coreyaml.Builder, parsed *template.Template,
	missing []template.Variable, has func(name string) bool,
) []finding.Finding {
	required := map[string]bool{}
	for _, v := range missing {
		required[v.Name] = true
	}
	var all []finding.Finding
	for _, v := range parsed.Variables() {
		code, what := finding.NotPropagated, "which the package needs for"
		switch {
		case slices.ContainsFunc(v.Names(), has):
			continue
		case required[v.Name]:
		case v.InDocument:
			code, what = finding.OptionalNotPropagated, "which the package may read for"
		default:
			continue
		}
		names, fields := strings.Join(v.Names(), " or "), strings.Join(v.Fields, ", ")
		all = append(all, finding.New(code, file, "the builder %q does not get %s, %s %s", b.Name, names, what, fields).
			WithHint("list it under propagateEnvironment: %s", patch(file, b.Name)))
	}
	return all
}

// patch says how to add what a package needs to the builder.
func patch(file, builder string) string {
	if file == coreyaml.ListVariable {
		return "in the value of " + file
	}
	command := "ccaas coreyaml PACKAGE --patch " + file
	if builder != coreyaml.DefaultName {
		command += " --name " + builder
	}
	return command
}

package lint

import (
	"errors"
	"slices"
	"strings"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
)

// coreYAML checks whether the builder in the peers' core.yaml gets what a template
// reads, if that could be read.
func coreYAML(peers Peers, parsed *template.Template, label string) []finding.Finding {
	core, err := coreyaml.Read(peers.Data)
	if err != nil {
		return BadCoreYAML(peers.CoreYAML, err)
	}
	builder, _, err := coreyaml.Find(core.Builders(), peers.Builder)
	if missing := (*coreyaml.NotFoundError)(nil); errors.As(err, &missing) {
		return []finding.Finding{MissingBuilder(peers.CoreYAML, missing)}
	}
	if parsed == nil {
		return nil
	}
	all := Unpropagated(peers.CoreYAML, builder, parsed, func(name string) bool {
		return peers.EnvDir != "" && environ.InFolder(peers.EnvDir, label, name)
	})
	return append(all, NotRead(parsed.Unread(map[string]string{environ.DirVariable: peers.EnvDir}, label, nil))...)
}

// NotRead returns the findings of what template.Unread has found.
func NotRead(unread []error) []finding.Finding {
	var all []finding.Finding
	for _, err := range unread {
		all = append(all, finding.New(finding.NotRead, "", "%s", err).WithHint("rename it"))
	}
	return all
}

// MissingBuilder returns the finding of a core.yaml that lacks our builder.
func MissingBuilder(file string, err *coreyaml.NotFoundError) finding.Finding {
	missing := finding.New(finding.NoBuilder, file, "%s", err).WithHint("add it: %s", patch(file, err.Name))
	if len(err.Names) > 0 {
		missing.Hint += ", or name yours with --name"
	}
	return missing
}

// BadCoreYAML returns the findings of a core.yaml whose builders cannot be read.
func BadCoreYAML(file string, err error) []finding.Finding {
	var all []finding.Finding
	for _, err := range message.Errors(err) {
		all = append(all, finding.New(finding.BadCoreYAML, file, "%s", err))
	}
	return all
}

// Unpropagated finds the variables of a template that a builder does not get,
// except those in a folder of values.
func Unpropagated(
	file string, b coreyaml.Builder, parsed *template.Template, inFolder func(name string) bool,
) []finding.Finding {
	has := func(name string) bool { return b.Propagates(name) || inFolder(name) }
	missing := parsed.Missing(has)
	var all []finding.Finding
	for _, v := range parsed.Variables() {
		code, what := finding.NotPropagated, "which the package needs for"
		switch {
		case slices.ContainsFunc(v.Names(), has):
			continue
		case slices.ContainsFunc(missing, func(m template.Variable) bool { return m.Name == v.Name }):
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

// patch says how a builder gets what a package needs.
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

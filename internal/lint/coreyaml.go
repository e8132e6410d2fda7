package lint

import (
	"slices"
	"strings"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/nearest"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/environ"
	"ccaas-template-builder/pkg/template"
)

// coreYAML checks whether the builder in the peers' core.yaml gets what a template
// reads, if that could be read.
func coreYAML(peers Peers, parsed *template.Template, label string) []finding.Finding {
	builders, err := coreyaml.Parse(peers.Data)
	if err != nil {
		return BadCoreYAML(peers.CoreYAML, err)
	}
	builder, missing := Ours(peers.CoreYAML, builders, peers.Builder)
	switch {
	case missing != nil:
		return []finding.Finding{*missing}
	case parsed == nil:
		return nil
	}
	return Unpropagated(peers.CoreYAML, builder, parsed, func(name string) bool {
		return peers.EnvDir != "" && environ.InFolder(peers.EnvDir, label, name)
	})
}

// Ours returns the builder called name among those of a core.yaml, or what is
// to be said if there is none.
func Ours(file string, builders []coreyaml.Builder, name string) (coreyaml.Builder, *finding.Finding) {
	var names []string
	for _, b := range builders {
		if b.Name == name {
			return b, nil
		}
		names = append(names, b.Name)
	}
	missing := finding.New(finding.NoBuilder, file, "has no external builder %q%s", name, nearest.DidYouMean(name, "", names)).
		WithHint("put it in: %s", patch(file, name))
	if len(names) > 0 {
		missing.Message += "; it has " + strings.Join(names, ", ")
		missing.Hint += ", or name yours by --name"
	}
	return coreyaml.Builder{}, &missing
}

// BadCoreYAML are the findings of a core.yaml whose builders cannot be read.
func BadCoreYAML(file string, err error) []finding.Finding {
	var all []finding.Finding
	for _, err := range message.Errors(err) {
		all = append(all, finding.New(finding.BadCoreYAML, file, "%s", err))
	}
	return all
}

// Unpropagated finds the variables of a template that a builder does not get, but
// for those that stand in a folder of values.
func Unpropagated(file string, b coreyaml.Builder, parsed *template.Template, inFolder func(name string) bool) []finding.Finding {
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
		all = append(all, finding.New(code, file, "the builder %q does not get %s, %s %s", b.Name, strings.Join(v.Names(), " or "), what, strings.Join(v.Fields, ", ")).
			WithHint("list it under propagateEnvironment: %s", patch(file, b.Name)))
	}
	return all
}

// patch is how a builder gets what a package needs.
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

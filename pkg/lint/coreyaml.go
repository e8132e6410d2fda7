package lint

import (
	"slices"
	"strings"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/nearest"
	"ccaas-template-builder/pkg/build"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/environ"
)

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
		WithHint("put it in with ccaas coreyaml PACKAGE --patch %s", file)
	if len(names) > 0 {
		missing.Message += "; it has " + strings.Join(names, ", ")
		missing.Hint += ", or name yours by --name"
	}
	return coreyaml.Builder{}, &missing
}

// Unpropagated finds the variables of a template that a builder does not get.
// Where there may be a folder of values, any of them may be in it.
func Unpropagated(file string, b coreyaml.Builder, variables []build.Variable, folder bool) []finding.Finding {
	var all []finding.Finding
	for _, v := range variables {
		if propagates(b, v.Name) || v.File && propagates(b, v.Name+"_FILE") {
			continue
		}
		code, what := finding.NotPropagated, "which the package needs for "+strings.Join(v.Fields, ", ")
		switch {
		case v.Required && folder:
			code, what = finding.OptionalNotPropagated, what+", unless it stands in the folder that "+environ.DirVariable+" names"
		case v.Required:
		case v.InDocument && !folder:
			code, what = finding.OptionalNotPropagated, "which the package may read for "+strings.Join(v.Fields, ", ")
		default:
			continue
		}
		all = append(all, finding.New(code, file, "the builder %q does not get %s, %s", b.Name, Names(v), what).
			WithHint("list it under propagateEnvironment, by hand or with ccaas coreyaml PACKAGE --patch %s", file))
	}
	return all
}

func propagates(b coreyaml.Builder, name string) bool {
	return slices.Contains(b.PropagateEnvironment, name)
}

// Names are the names by which a variable may be given.
func Names(v build.Variable) string {
	if v.File {
		return v.Name + " or " + v.Name + "_FILE"
	}
	return v.Name
}

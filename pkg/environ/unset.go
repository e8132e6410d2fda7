package environ

import (
	"fmt"
	"slices"
	"strings"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/nearest"
)

// Unknown returns the error for a template that reads a name that is not in Root.
func (e *Environment) Unknown(name string) error {
	meant := DidYouMean(name)
	set := e.legacyMisnamed()
	switch {
	case e.legacy.set:
		return fmt.Errorf(".%s is neither a setting nor a key in %s%s", name, LegacyVariable, meant)
	case set != "":
		return fmt.Errorf(".%s is not a setting, and %s, which could supply it, is not set, but %s is: rename it",
			name, LegacyVariable, set)
	case meant != "":
		return fmt.Errorf(".%s is not a setting%s", name, meant)
	}
	err := fmt.Errorf(".%s is not a setting, and %s, which could supply it, is not set", name, LegacyVariable)
	return message.WithHint(err, e.hint())
}

// DidYouMean returns what to append to an error about a name at the root of a template that is not
// a setting: the setting that was probably meant, or "".
func DidYouMean(name string) string {
	first, rest, _ := strings.Cut(name, ".")
	if nearest.Name(first, []string{"Env", "Environ", "Environment"}) != "" && first != "Env" {
		return fmt.Sprintf(", did you mean %q", strings.TrimSuffix(".Env."+rest, "."))
	}
	settings := []string{"Env", "Chaincode", "Chaincode.Label", "Chaincode.Type", "Chaincode.Path", "Chaincode.Extra"}
	for setting := range Fields() {
		group, _, _ := strings.Cut(setting, ".")
		settings = append(settings, setting, group)
	}
	slices.Sort(settings)
	settings = slices.DeleteFunc(settings, func(setting string) bool {
		return setting == name || strings.Count(setting, ".") != strings.Count(name, ".")
	})
	return nearest.DidYouMean(name, ".", settings)
}

// hint returns what to do about a variable that is not set.
func (e *Environment) hint() string {
	hint := "set it for the peer process and list it under propagateEnvironment in core.yaml"
	if len(e.layers) > 1 {
		hint += ", or put it into the folder that " + DirVariable + " names"
	}
	return hint
}

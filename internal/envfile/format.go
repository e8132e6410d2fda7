package envfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Format returns env as the text of an env file that Parse reads back. Values that need quotes
// have them.
func Format(env map[string]string) string {
	var file strings.Builder
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&file, "%s=%s\n", name, written(env[name]))
	}
	return file.String()
}

// written returns a value as it is written in the file, in quotes if it needs them.
func written(value string) string {
	const special = " \t\n\"'`$\\;&|<>()~"
	switch {
	case !strings.ContainsAny(value, special):
		return value
	case !strings.Contains(value, "'"):
		return "'" + value + "'"
	}
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "$", `\$`, "`", "\\`").Replace(value) + `"`
}

package render

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"ccaas-template-builder/pkg/environ"
)

// verb matches a formatting verb. Widths and precisions have at most two digits, so that no result
// can fill the memory.
var verb = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`%[-+ 0#]*(\d{0,2})(?:\.(\d{0,2}))?(.?)`) })

// printf formats as fmt.Sprintf does, with the verbs %s %q %v %d %x %t %e %f %g and %%. Each verb must
// have one argument of the right kind: otherwise Go would write an error into the result. An integer
// may be formatted as a float, because Go reads all JSON numbers as floats.
func printf(args []any) (any, error) {
	format := args[0].(string)
	args = slices.Clone(args[1:])
	used := 0
	for _, v := range verb().FindAllStringSubmatch(format, -1) {
		letter := v[3]
		if v[0] == "%%" {
			continue
		}
		if letter == "" || !strings.Contains("sqvdxtefg", letter) {
			const known = "%s %q %v %d %x %t %e %f %g %%"
			return nil, fmt.Errorf("%q in its format is not one of %s with a width under 100", v[0], known)
		}
		if used == len(args) {
			return nil, fmt.Errorf("its format needs more than %d arguments", len(args))
		}
		if kind := kindOf(args[used]); !fits(letter, args[used]) {
			return nil, fmt.Errorf("%q in its format does not take %s", v[0], kind)
		}
		if n, ok := args[used].(int64); ok && strings.Contains("efg", letter) {
			args[used] = float64(n)
		}
		used++
	}
	if used < len(args) {
		return nil, fmt.Errorf("its format takes %d arguments, not %d", used, len(args))
	}
	return fmt.Sprintf(format, args...), nil
}

func fits(letter string, v any) bool {
	switch v.(type) {
	case string:
		return strings.Contains("sqvx", letter)
	case int64:
		return strings.Contains("vdxefg", letter)
	case float64:
		return strings.Contains("vefg", letter)
	case bool:
		return strings.Contains("vt", letter)
	}
	return false
}

// printfSize returns the maximum size of printf's result. It allows for widths, %q and %x.
func printfSize(args []any) int {
	format, _ := args[0].(string)
	size := len(format) + 100*strings.Count(format, "%")
	for _, arg := range args[1:] {
		size += 10 * sizeOf(arg)
	}
	return size
}

// format returns a scalar as text, or false for any other value.
func format(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case environ.Secret:
	}
	return "", false
}

package coreyaml

import (
	"maps"
	"slices"
)

// AlwaysPropagated returns the variables that the peer always passes on.
func AlwaysPropagated() []string { return []string{"LD_LIBRARY_PATH", "LIBPATH", "PATH", "TMPDIR"} }

// Propagates reports whether the peer passes the variable on to the builder, if it is set.
func (b Builder) Propagates(name string) bool {
	return slices.Contains(b.PropagateEnvironment, name) || slices.Contains(AlwaysPropagated(), name)
}

// Environment returns the environment that the builder's programs get from a peer whose
// process has the variables in process. These are the propagated variables that are set. If
// none is set, the programs inherit all variables, and inherits is true.
func (b Builder) Environment(process map[string]string) (env map[string]string, inherits bool) {
	env = map[string]string{}
	for name, value := range process {
		if b.Propagates(name) {
			env[name] = value
		}
	}
	if len(env) == 0 {
		return maps.Clone(process), true
	}
	return env, false
}

package main

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/envfile"
	"ccaas-template-builder/internal/program"
)

// envFileHelp is the description of the flag --env-file, without its default.
const envFileHelp = "a file of NAME=VALUE lines, as docker, Compose and systemd read it; may be repeated"

// warn prints a warning, as program.Warn does.
type warn func(format string, args ...any)

// readEnvFile returns the variables in a file. It warns about lines that a peer might get
// differently.
func readEnvFile(warn warn, file string) (map[string]string, error) {
	env, warnings, err := envfile.Read(file)
	for _, warning := range warnings {
		warn("%s", warning)
	}
	return env, err
}

// peerVariables are the flags that give the variables of one peer.
type peerVariables struct{ envFiles, pairs []string }

func (v *peerVariables) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&v.envFiles, "env-file", nil, envFileHelp)
	cmd.Flags().StringArrayVar(&v.pairs, "env", nil, "NAME=VALUE; may be repeated")
}

// read returns the variables, including those in more env files.
func (v peerVariables) read(p *program.Program, more ...string) (map[string]string, error) {
	return environmentOf(p.Warn, slices.Concat(v.envFiles, more), v.pairs)
}

// environmentOf merges env files and NAME=VALUE pairs. If a variable is set twice, the last
// value counts.
func environmentOf(warn warn, files, pairs []string) (map[string]string, error) {
	env := map[string]string{}
	for _, file := range files {
		read, err := readEnvFile(warn, file)
		if err != nil {
			return nil, err
		}
		maps.Copy(env, read)
	}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, program.Exit(program.Misused, errors.New("--env takes NAME=VALUE"))
		}
		env[name] = value
	}
	return env, nil
}

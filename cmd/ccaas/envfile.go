package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/joho/godotenv"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
)

const maxEnvFile = 4 << 20

// readEnvFile returns the variables of a file of NAME=VALUE lines, as Compose
// and systemd use them. No error holds a value.
func readEnvFile(file string) (map[string]string, error) {
	data, err := safefile.ReadOperators(file, maxEnvFile)
	if err != nil {
		return nil, fmt.Errorf("env file %q: %w", file, err)
	}
	env, err := godotenv.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("env file %q: must consist of NAME=VALUE lines", file)
	}
	return env, nil
}

// environmentOf merges env files and NAME=VALUE pairs; the last one wins.
func environmentOf(files, pairs []string) (map[string]string, error) {
	env := map[string]string{}
	for _, file := range files {
		read, err := readEnvFile(file)
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

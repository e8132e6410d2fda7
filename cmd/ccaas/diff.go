package main

import (
	"context"
	"errors"
	"fmt"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/connection"
)

// diffPeers prints the differences between two peers, whose variables are in the two env
// files.
func diffPeers(
	ctx context.Context, p *program.Program, name string, envFiles []string, options renderOptions,
) (err error) {
	source, err := openSource(ctx, name, options.label)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	var peers [2]connection.Connection
	var errs []error
	for i, envFile := range envFiles {
		variables, err := options.read(p, envFile)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		rendered, err := renderFor(p, source, variables)
		errs = append(errs, message.Each(err, func(err error) error { return fmt.Errorf("%s: %w", envFile, err) }))
		for _, warning := range rendered.Warnings {
			p.Warn("%s: %v", envFile, warning)
		}
		peers[i] = rendered.Connection
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	found := connection.Differences(peers[0], peers[1])
	if options.output.json() {
		return writeJSON(p, map[string]any{"differences": found})
	}
	if len(found) == 0 {
		_, err := fmt.Fprintln(p.Stdout, "the two peers get the same connection.json")
		return err
	}
	var rows [][]string
	for _, d := range found {
		rows = append(rows, []string{d.Key, d.A, d.B})
	}
	return writeTable(p.Stdout, append([]string{"KEY"}, envFiles...), rows)
}

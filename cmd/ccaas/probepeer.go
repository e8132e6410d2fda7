package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/probe"
	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
)

// probePeer probes the servers of all chaincodes on a peer that our builder has built.
func probePeer(ctx context.Context, p *program.Program, options probeOptions) error {
	r := refresh.Refresher{
		Store:   store.Store(options.peerDir),
		Builder: options.builder,
		Adopt:   options.adopt,
		Env:     func() (map[string]string, error) { return p.Env, nil },
		Now:     p.Now,
		Probe: func(ctx context.Context, target probe.Target) probe.Result {
			target.Timeout = options.timeout
			return probe.Run(ctx, target)
		},
	}
	servers, err := r.Servers(ctx, options.label)
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		return err
	case options.output.json():
		err = writeJSON(p, map[string]any{"chaincodes": servers})
	default:
		err = writeTable(p.Stdout, []string{"STATE", "CHAINCODE", "ADDRESS", "EXPIRES", "FOUND"}, serverRows(servers))
	}
	failed := []error{err}
	for _, s := range servers {
		for _, warning := range s.Warnings {
			p.Warn("%s: %v", s.PackageID, warning)
		}
		failed = append(failed, message.Each(errors.Join(s.Errors...), func(err error) error {
			return fmt.Errorf("%s: %w", s.PackageID, err)
		}))
	}
	switch {
	case len(servers) > 0:
	case options.label != "":
		err := fmt.Errorf("there is no build of a package with the label %q by the builder %q",
			options.label, options.builder)
		failed = append(failed, message.WithHint(err, "without --label, all builds are probed"))
	default:
		p.Warn("there is no build by the builder %q to probe", options.builder)
	}
	return errors.Join(failed...)
}

// serverRows returns a row for each server.
func serverRows(servers []refresh.Server) [][]string {
	var rows [][]string
	for _, s := range servers {
		state, found := probe.OK, "has registered with the package ID"
		if len(s.Errors) > 0 {
			state, found = probe.Failed, s.Errors[0].Error()
		} else if i := slices.IndexFunc(s.Stages, func(s probe.Stage) bool { return s.Name == "tls" }); i >= 0 {
			found += ", by " + s.Stages[i].Finding
		}
		rows = append(rows, []string{
			string(state), chaincode.ShortID(s.PackageID), cmp.Or(s.Address, "-"), expiry(s.Certificates), found,
		})
	}
	return rows
}

// expiry returns the day on which the first of these certificates expires.
func expiry(certificates []refresh.Certificate) string {
	if len(certificates) == 0 {
		return "-"
	}
	first := slices.MinFunc(certificates, func(a, b refresh.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	return first.NotAfter.UTC().Format(time.DateOnly) + " " + first.Key
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/peer"
	"ccaas-template-builder/pkg/probe"
	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
)

type refreshOptions struct {
	peerDir  string
	builder  string
	adopt    []string
	envFiles []string
	coreYAML string
	dryRun   bool
	probe    bool
	output   outputFlag
}

func refreshCommand(p *program.Program) *cobra.Command {
	var options refreshOptions
	cmd := &cobra.Command{
		Use:   "refresh --peer-dir DIR [--builder NAME]",
		Short: "Render the connections of installed chaincodes anew",
		Long: `Render the connection.json of each chaincode that is installed on a peer anew,
with today's values, and replace it if the new one is valid and another. The
peer reads it at its next connection: there is nothing to reinstall, and the
package ID stays. What cannot be rendered keeps the connection that it has.

The values are those of --env-file, or without it those of this very process;
with --core-yaml, only those that the peer passes on to the builder.

A peer keeps the connection that it has open. To make it use the new one at
once, restart the chaincode server: the peer dials anew at the next invocation.`,
		Example: `  ccaas refresh --peer-dir /var/peer --env-file peer0.env --dry-run
  ccaas refresh --peer-dir /var/peer --env-file peer0.env --probe`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return refreshOnce(cmd.Context(), p, options)
		},
	}
	cmd.Flags().StringVar(&options.peerDir, "peer-dir", "", "the peer's peer.fileSystemPath")
	cmd.Flags().StringVar(&options.builder, "builder", coreyaml.DefaultName, "the name of the builder in core.yaml, which the peer keeps with each build")
	cmd.Flags().StringArrayVar(&options.adopt, "adopt", nil, "another builder's name, whose builds are to be rendered too; may be repeated")
	cmd.Flags().StringArrayVar(&options.envFiles, "env-file", nil, "a file of NAME=VALUE lines; may be repeated (default: the environment of this process)")
	cmd.Flags().StringVar(&options.coreYAML, "core-yaml", "", "the peer's core.yaml, of which the variables that the builder gets are taken")
	cmd.Flags().BoolVar(&options.dryRun, "dry-run", false, "show what would change, and change nothing")
	cmd.Flags().BoolVar(&options.probe, "probe", false, "dial each new connection as ccaas probe does, and keep the old one where the new does not work")
	options.output.add(cmd)
	requireFlags(cmd, "peer-dir")
	return cmd
}

// environment returns the environment that the builder's programs would get
// today; it is read anew each time.
func (o refreshOptions) environment(p *program.Program) (func() (map[string]string, error), error) {
	given := func() (map[string]string, error) {
		if len(o.envFiles) == 0 {
			return p.Env, nil
		}
		return environmentOf(o.envFiles, nil)
	}
	if o.coreYAML == "" {
		return given, nil
	}
	ours, _, err := ourBuilder(o.coreYAML, o.builder)
	if err != nil {
		return nil, err
	}
	return func() (map[string]string, error) {
		env, err := given()
		passed, _ := (&peer.Peer{Env: env}).Environment(ours)
		return program.Environment(passed), err
	}, nil
}

// refresher is what the options ask for, with the environment env.
func (o refreshOptions) refresher(p *program.Program, env map[string]string) refresh.Refresher {
	r := refresh.Refresher{Store: store.Store(o.peerDir), Builder: o.builder, Adopt: o.adopt, Env: env, Now: p.Now(), DryRun: o.dryRun}
	if o.probe {
		r.Probe = probeNew
	}
	return r
}

// probeNew dials a connection that has just been rendered.
func probeNew(ctx context.Context, packageID string, c connection.Connection) error {
	if err := probeVerdict(probe.Run(ctx, probe.Target{Connection: c, PackageID: packageID})); err != nil {
		return fmt.Errorf("the new connection does not work, so the old one stays: %w", err)
	}
	return nil
}

func refreshOnce(ctx context.Context, p *program.Program, options refreshOptions) error {
	environment, err := options.environment(p)
	if err != nil {
		return err
	}
	env, err := environment()
	if err != nil {
		return err
	}
	results, err := options.refresher(p, env).Run(ctx)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err != nil {
		return err
	}
	if options.output.json() {
		err = writeJSON(p, map[string]any{"chaincodes": jsonResults(results)})
	} else {
		err = writeTable(p.Stdout, []string{"STATE", "CHAINCODE", "WHAT"}, resultRows(results))
	}
	if err != nil {
		return err
	}
	return sayResults(p, options, results)
}

// sayResults says what people should know besides. The error joins what failed.
func sayResults(p *program.Program, options refreshOptions, results []refresh.Result) error {
	var failed []error
	for _, r := range results {
		for _, warning := range r.Warnings {
			p.Warn("%s: %v", r.PackageID, warning)
		}
		if r.State == refresh.Failed {
			failed = append(failed, program.Each(r.Err, func(err error) error { return fmt.Errorf("%s: %w", r.PackageID, err) }))
		}
	}
	switch {
	case len(results) > 0 && refresh.Count(results, refresh.LeftAlone) == len(results):
		p.Warn("none of the builds was made by the builder %q", options.builder)
	case refresh.Count(results, refresh.Refreshed) > 0:
		p.Hint("a peer keeps the connection that it has open: restart the chaincode server where the new one is to be used at once")
	}
	return errors.Join(failed...)
}

// resultRows has a row for each build, and one more for each change after the first.
func resultRows(results []refresh.Result) [][]string {
	var rows [][]string
	for _, r := range results {
		var what []string
		for _, change := range r.Changes {
			what = append(what, change.String())
		}
		switch r.State {
		case refresh.Failed:
			what = []string{"the old connection stays"}
		case refresh.LeftAlone:
			what = []string{r.Err.Error()}
		case refresh.Unchanged:
			what = []string{""}
		}
		rows = append(rows, []string{string(r.State), shortID(r.PackageID), what[0]})
		for _, more := range what[1:] {
			rows = append(rows, []string{"", "", more})
		}
	}
	return rows
}

// shortID is a package ID as far as people need it to tell one from another.
func shortID(packageID string) string {
	const hash, shown = 64, 8
	if len(packageID) <= hash {
		return packageID
	}
	return packageID[:len(packageID)-hash+shown]
}

// jsonResult is a result for machines.
type jsonResult struct {
	PackageID    string            `json:"packageID"`
	State        refresh.State     `json:"state"`
	Changes      []jsonChange      `json:"changes"`
	Certificates []jsonCertificate `json:"certificates"`
	Warnings     []string          `json:"warnings"`
	Errors       []string          `json:"errors"` // why it failed or was left
}

type jsonChange struct {
	What string `json:"what"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

type jsonCertificate struct {
	Key         string    `json:"key"`
	Fingerprint string    `json:"fingerprint"`
	NotAfter    time.Time `json:"notAfter"`
}

func jsonResults(results []refresh.Result) []jsonResult {
	all := []jsonResult{}
	for _, r := range results {
		j := jsonResult{PackageID: r.PackageID, State: r.State, Changes: []jsonChange{}, Certificates: []jsonCertificate{}, Warnings: []string{}, Errors: []string{}}
		for _, c := range r.Changes {
			j.Changes = append(j.Changes, jsonChange(c))
		}
		for _, c := range r.Certificates {
			j.Certificates = append(j.Certificates, jsonCertificate{c.Key, c.Fingerprint, c.NotAfter.UTC()})
		}
		for _, warning := range r.Warnings {
			j.Warnings = append(j.Warnings, warning.Error())
		}
		for _, err := range program.Errors(r.Err) {
			j.Errors = append(j.Errors, err.Error())
		}
		all = append(all, j)
	}
	return all
}

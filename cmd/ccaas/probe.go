package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/probe"
)

type probeOptions struct {
	envFiles  []string
	env       []string
	label     string
	packageID string
	timeout   time.Duration
	output    outputFlag
}

func probeCommand(p *program.Program) *cobra.Command {
	var options probeOptions
	cmd := &cobra.Command{
		Use:   "probe CONNECTION_JSON|FILE|DIR",
		Short: "Dial a chaincode server as a peer would, stage by stage",
		Long: `Dial a chaincode server as a peer would, stage by stage: resolve its name,
connect, speak TLS, open gRPC, wait for its registration message, and compare
its chaincode ID with the package ID. It never answers that message, so the
server goes on serving.

The connection is that of a connection.json or, with --env-file or --env, the
one that a package or a package folder gives a peer with these variables. Run it
where the peer runs: names and networks differ.`,
		Example: `  ccaas probe connection.json --package-id basic_1.0:63948944a195dab0…
  ccaas probe basic.tgz --env-file peer0.env`,
		Args: arguments("CONNECTION_JSON|FILE|DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("timeout") && options.timeout <= 0 {
				return misused(cmd, errors.New("--timeout must be more than 0"))
			}
			return probeServer(cmd.Context(), p, args[0], options)
		},
	}
	cmd.Flags().StringArrayVar(&options.envFiles, "env-file", nil, envFileHelp)
	cmd.Flags().StringArrayVar(&options.env, "env", nil, "NAME=VALUE; may be repeated")
	cmd.Flags().StringVar(&options.label, "label", "", "for a folder, the label of its package")
	cmd.Flags().StringVar(&options.packageID, "package-id", "",
		"the chaincode ID that the server should have (default: that of the package)")
	cmd.Flags().DurationVar(&options.timeout, "timeout", 0,
		"how long dialling, and then registering, may take (default dial_timeout, and "+probe.RegisterTimeout.String()+")")
	options.output.add(cmd)
	return cmd
}

func probeServer(ctx context.Context, p *program.Program, name string, options probeOptions) error {
	target, err := probeTarget(ctx, p, name, options)
	if err != nil {
		return err
	}
	stages := probe.Run(ctx, target)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if options.output.json() {
		if err := writeJSON(p, map[string]any{"address": target.Connection.Address, "stages": stages}); err != nil {
			return err
		}
	} else if err := writeStages(p.Stdout, stages); err != nil {
		return err
	}
	return probeVerdict(stages)
}

// probeTarget returns the connection that was named, or is rendered.
func probeTarget(ctx context.Context, p *program.Program, name string, options probeOptions) (target probe.Target, err error) {
	target = probe.Target{PackageID: options.packageID, Timeout: options.timeout}
	if len(options.envFiles)+len(options.env) == 0 {
		target.Connection, err = readConnection(name)
		return target, err
	}
	source, err := openSource(ctx, name, options.label)
	if err != nil {
		return target, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	variables, err := environmentOf(p.Warn, options.envFiles, options.env)
	if err != nil {
		return target, err
	}
	rendered, err := renderFor(p, source, variables)
	if err != nil {
		return target, err
	}
	target.Connection = rendered.Connection
	if target.PackageID == "" {
		target.PackageID, err = source.packageID()
	}
	return target, err
}

// readConnection reads a connection.json as strictly as the peer should.
func readConnection(file string) (connection.Connection, error) {
	var c connection.Connection
	data, err := safefile.ReadOperators(file, chaincode.MaxConnection)
	if err == nil {
		c, err = connection.Decode(data)
	}
	if err == nil {
		err = c.Validate()
	}
	if err != nil {
		return c, message.WithHint(atFile(file, err), "for a package or a folder, give the peer's variables with --env-file")
	}
	return c, nil
}

// probeVerdict returns the error of a probe that failed.
func probeVerdict(stages []probe.Stage) error {
	for _, s := range stages {
		if s.State == probe.Failed {
			return message.WithHint(fmt.Errorf("%s: %s", s.Name, s.Finding), s.Hint)
		}
	}
	return nil
}

func writeStages(w io.Writer, stages []probe.Stage) error {
	var rows [][]string
	for _, s := range stages {
		took := ""
		if s.State != probe.Skipped {
			took = time.Duration(s.Seconds * float64(time.Second)).Round(100 * time.Microsecond).String()
		}
		rows = append(rows, []string{string(s.State), s.Name, took, s.Finding})
	}
	return writeTable(w, []string{"STATE", "STAGE", "TIME", "FOUND"}, rows)
}

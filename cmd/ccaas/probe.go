package main

import (
	"context"
	"errors"
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
	peerVariables
	label     string
	packageID string
	peerDir   string
	builder   string
	adopt     []string
	timeout   time.Duration
	output    outputFlag
}

func probeCommand(p *program.Program) *cobra.Command {
	var options probeOptions
	cmd := &cobra.Command{
		Use:   "probe CONNECTION_JSON|FILE|DIR|--peer-dir DIR",
		Short: "Dial a chaincode server as a peer would, stage by stage",
		Long: `Dial a chaincode server as a peer would, stage by stage: resolve its name,
connect, speak TLS, open gRPC, wait for its registration message, and compare
its chaincode ID with the package ID. It never answers that message, so the
server goes on serving.

The connection comes from a connection.json or, with --env-file or --env, from a
package or a package folder, rendered for a peer with these variables. With
--peer-dir, ccaas dials the servers of all chaincodes that the builder has built
on a peer, with the connections that the peer reads, and fails if any server
does not answer with its package ID. Run it where the peer runs, since names and
networks may differ elsewhere.`,
		Example: `  ccaas probe connection.json --package-id basic_1.0:63948944a195dab0…
  ccaas probe basic.tgz --env-file peer0.env
  ccaas probe --peer-dir /var/peer`,
		Args: func(cmd *cobra.Command, args []string) error {
			if options.peerDir != "" {
				return arguments()(cmd, args)
			}
			return arguments("CONNECTION_JSON|FILE|DIR")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkProbe(cmd, options); err != nil {
				return misused(cmd, err)
			}
			if options.peerDir != "" {
				return probePeer(cmd.Context(), p, options)
			}
			return probeServer(cmd.Context(), p, args[0], options)
		},
	}
	options.peerVariables.add(cmd)
	cmd.Flags().StringVar(&options.label, "label", "",
		"for a folder, the label of its package; with --peer-dir, only packages with this label, of which there must be one")
	cmd.Flags().StringVar(&options.packageID, "package-id", "",
		"the chaincode ID that the server should have (default: that of the package)")
	cmd.Flags().StringVar(&options.peerDir, "peer-dir", "", "the peer's peer.fileSystemPath, to probe all its servers")
	addBuilderFlags(cmd, &options.builder, &options.adopt)
	cmd.Flags().DurationVar(&options.timeout, "timeout", 0,
		"how long dialling, and then registering, may take (default dial_timeout, and "+probe.RegisterTimeout.String()+")")
	options.output.add(cmd)
	return cmd
}

// checkProbe refuses flags that cannot be used together.
func checkProbe(cmd *cobra.Command, options probeOptions) error {
	changed := cmd.Flags().Changed
	if changed("timeout") && options.timeout <= 0 {
		return errors.New("--timeout must be more than 0")
	}
	if options.peerDir == "" && (changed("builder") || changed("adopt")) {
		return errors.New("--builder and --adopt require --peer-dir")
	}
	if options.peerDir != "" && (changed("env-file") || changed("env") || changed("package-id")) {
		return errors.New("--peer-dir reads connections on disk: it cannot be used with --env-file, --env or --package-id")
	}
	return nil
}

func probeServer(ctx context.Context, p *program.Program, name string, options probeOptions) error {
	target, err := probeTarget(ctx, p, name, options)
	if err != nil {
		return err
	}
	result := probe.Run(ctx, target)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if options.output.json() {
		err = writeJSON(p, result)
	} else {
		err = writeStages(p.Stdout, result.Stages)
	}
	return errors.Join(err, result.Err())
}

// probeTarget returns the connection in the file, or the rendered one.
func probeTarget(
	ctx context.Context, p *program.Program, name string, options probeOptions,
) (target probe.Target, err error) {
	target = probe.Target{PackageID: options.packageID, Timeout: options.timeout}
	if len(options.envFiles)+len(options.pairs) == 0 {
		target.Connection, err = readConnection(name)
		return target, err
	}
	source, err := openSource(ctx, name, options.label)
	if err != nil {
		return target, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	variables, err := options.read(p)
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

// readConnection reads a connection.json more strictly than the peer does.
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

package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/peer"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/coreyaml"
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
	watch    bool
	interval time.Duration
	settle   time.Duration
	listen   string
	output   outputFlag
	hook     hookOptions

	probeInterval time.Duration
}

// ofWatch lists the flags that require --watch.
var ofWatch = []string{"listen", "interval", "settle", "probe-interval"}

func refreshCommand(p *program.Program) *cobra.Command {
	var options refreshOptions
	cmd := &cobra.Command{
		Use:   "refresh --peer-dir DIR [--builder NAME] [-- COMMAND ARGS...]",
		Short: "Re-render the connections of installed chaincodes",
		Long: `Re-render the connection.json of each chaincode installed on a peer with the
current values, and replace it if the new one is valid and different. The peer
reads it when it next connects: there is nothing to reinstall, and the package
ID stays the same. A connection that cannot be rendered stays as it is.

The values are those in --env-file or, without it, in the environment of this
process; with --core-yaml, only those that the peer passes on to the builder.

A peer keeps its open connection. To make it use the new one at once, restart
the chaincode server: the peer dials again at the next invocation. COMMAND can
do that. It runs once for each chaincode whose connection has changed, without a
shell, with CCAAS_PACKAGE_ID, CCAAS_LABEL, CCAAS_ADDRESS and CCAAS_CHANGED (the
changed keys, separated by commas) in its environment. If it fails or is killed,
the next refresh that has a COMMAND runs it again.

With --watch, it runs until it gets a signal, and refreshes whenever a file of
values changes, a chaincode is installed, or the interval has passed. It logs a
line for each event. A COMMAND that fails is run again, at growing intervals.`,
		Example: `  ccaas refresh --peer-dir /var/peer --env-file peer0.env --dry-run
  ccaas refresh --peer-dir /var/peer --env-file peer0.env --probe
  ccaas refresh --peer-dir /var/peer --core-yaml core.yaml --watch --listen :9464
  ccaas refresh --peer-dir /var/peer --env-file peer0.env -- sh restart.sh`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := options.hook.take(cmd, args); err != nil {
				return err
			}
			switch {
			case options.watch && options.interval <= 0:
				return misused(cmd, errors.New("--interval must be more than 0"))
			case options.watch && (options.settle <= 0 || options.probeInterval < 0):
				return misused(cmd, errors.New("--settle must be more than 0, --probe-interval not negative"))
			case options.watch:
				return watchPeer(cmd.Context(), p, options)
			case slices.ContainsFunc(ofWatch, cmd.Flags().Changed):
				return misused(cmd, errors.New("--listen, --interval, --settle and --probe-interval require --watch"))
			}
			return refreshOnce(cmd.Context(), p, options)
		},
	}
	cmd.Flags().StringVar(&options.peerDir, "peer-dir", "", "the peer's peer.fileSystemPath")
	addBuilderFlags(cmd, &options.builder, &options.adopt)
	cmd.Flags().StringArrayVar(&options.envFiles, "env-file", nil,
		envFileHelp+" (default: the environment of this process)")
	cmd.Flags().StringVar(&options.coreYAML, "core-yaml", "",
		"the peer's core.yaml; only variables it passes to the builder are used")
	cmd.Flags().BoolVar(&options.dryRun, "dry-run", false, "show what would change, and change nothing")
	cmd.Flags().BoolVar(&options.probe, "probe", false,
		"dial each server as ccaas probe does, fail if one does not answer with its package ID, and keep the old "+
			"connection if a new one does not work")
	cmd.Flags().BoolVar(&options.watch, "watch", false, "keep running, and refresh whenever something changes")
	cmd.Flags().DurationVar(&options.interval, "interval", time.Minute,
		"with --watch, refresh after this time even if no change is noticed")
	cmd.Flags().DurationVar(&options.settle, "settle", 500*time.Millisecond,
		"with --watch, refresh when nothing has changed for this long, or after ten times as long")
	cmd.Flags().DurationVar(&options.probeInterval, "probe-interval", 0,
		"with --watch, how often to dial the server of each connection in place, as ccaas probe does; 0 means never")
	options.hook.add(cmd)
	cmd.Flags().StringVar(&options.listen, "listen", "",
		"with --watch, the HOST:PORT that serves /healthz, /readyz and /metrics")
	options.output.add(cmd)
	requireFlags(cmd, "peer-dir")
	return cmd
}

// addBuilderFlags adds the flags that say which builds are ours.
func addBuilderFlags(cmd *cobra.Command, builder *string, adopt *[]string) {
	cmd.Flags().StringVar(builder, "builder", coreyaml.DefaultName,
		"the builder's name in core.yaml, which the peer records with each build")
	cmd.Flags().StringArrayVar(adopt, "adopt", nil,
		"another builder whose builds count as ours, by its name; may be repeated")
}

// environment returns a function that reads the environment that the builder's programs would
// get now. The function passes warnings about files to warn.
func (o refreshOptions) environment(p *program.Program, warn warn) func() (map[string]string, error) {
	given := func() (map[string]string, error) {
		if len(o.envFiles) == 0 {
			return p.Env, nil
		}
		env, err := environmentOf(warn, o.envFiles, nil)
		return peer.Process(env), err
	}
	if o.coreYAML == "" {
		if len(o.envFiles) == 0 {
			warn("the packages' templates can read every variable of this process: " +
				"name the peer's core.yaml with --core-yaml, or give --env-file")
		}
		return given
	}
	return func() (map[string]string, error) {
		data, err := readCoreYAML(o.coreYAML)
		if err != nil {
			return nil, err
		}
		env, err := given()
		if err != nil {
			return nil, err
		}
		ours, err := ourBuilder(warn, o.coreYAML, data, o.builder, env)
		passed, _ := ours.Environment(env)
		return passed, err
	}
}

// files returns the files that the environment is read from.
func (o refreshOptions) files() []string {
	if o.coreYAML == "" {
		return o.envFiles
	}
	return append(slices.Clone(o.envFiles), o.coreYAML)
}

// refresher returns a Refresher with the options and the environment that env returns.
func (o refreshOptions) refresher(p *program.Program, env func() (map[string]string, error)) refresh.Refresher {
	r := refresh.Refresher{
		Store:   store.Store(o.peerDir),
		Builder: o.builder,
		Adopt:   o.adopt,
		Env:     env,
		Now:     p.Now,
		DryRun:  o.dryRun,
		Mark:    o.hook.command != nil,
	}
	if o.probe {
		r.Probe = probe.Run
	}
	return r
}

func refreshOnce(ctx context.Context, p *program.Program, options refreshOptions) error {
	results, err := options.refresher(p, options.environment(p, p.Warn)).Run(ctx)
	options.hook.run(ctx, p, store.Store(options.peerDir), results)
	interrupted := ctx.Err() != nil
	if interrupted {
		results = slices.DeleteFunc(results, func(r refresh.Result) bool { return r.State == "" })
	} else if err != nil {
		return err
	}
	if options.output.json() {
		err = writeJSON(p, map[string]any{"chaincodes": append([]refresh.Result{}, results...)})
	} else {
		err = writeTable(p.Stdout, []string{"STATE", "CHAINCODE", "WHAT"}, resultRows(results))
	}
	if err != nil {
		return err
	}
	err = reportResults(p, options, results)
	if interrupted {
		err = errors.Join(err, errInterrupted)
	}
	return err
}

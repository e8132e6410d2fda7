package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/lint"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/peer"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/probe"
	"ccaas-template-builder/pkg/template"
)

type simulateOptions struct {
	peers        []string
	builder      string
	coreYAML     string
	name         string
	probe        bool
	withoutFiles bool
	output       outputFlag
}

func simulateCommand(p *program.Program) *cobra.Command {
	var options simulateOptions
	cmd := &cobra.Command{
		Use:   "simulate FILE… --peer NAME=ENVFILE…",
		Short: "Install packages on simulated peers",
		Long: `Install packages on simulated peers, with the builder's real programs, in the
order, the folders and the environment that a peer uses. Each peer has only the
variables in its own env file, besides the PATH and HOME that every process has.
It propagates those that core.yaml lists or, without --core-yaml, all in its env
file. ccaas fails if the install fails on any peer, and warns if several
packages would have the same address on one.

With --without-files, certificates and keys whose files are not on this machine
are shown as "not here", and everything else is checked as usual.`,
		Example: `  ccaas simulate basic.tgz --peer peer0=peer0.env --peer peer1=peer1.env
  ccaas simulate basic.tgz --peer peer0=peer0.env --core-yaml core.yaml`,
		Args: someArguments("FILE…"),
		RunE: func(cmd *cobra.Command, args []string) error {
			peers, err := namedPeers(options.peers)
			if err != nil {
				return misused(cmd, err)
			}
			if options.withoutFiles && options.probe {
				return misused(cmd, errors.New("--probe needs the peers' files, so it cannot be used with --without-files"))
			}
			return simulate(cmd.Context(), p, args, peers, options)
		},
	}
	cmd.Flags().StringArrayVar(&options.peers, "peer", nil, "NAME=ENVFILE; may be repeated")
	cmd.Flags().StringVar(&options.builder, "builder", "",
		"the folder with bin/detect, bin/build and bin/release (default: that of ccaas itself)")
	addCoreYAMLFlags(cmd, &options.coreYAML, &options.name)
	cmd.Flags().BoolVar(&options.probe, "probe", false, "also dial each peer's chaincode server; see ccaas probe")
	cmd.Flags().BoolVar(&options.withoutFiles, "without-files", false,
		"use stand-ins for the peers' certificates and keys that are not on this machine")
	options.output.add(cmd)
	requireFlags(cmd, "peer")
	return cmd
}

// maxLines is the maximum number of different lines of a builder that are kept.
const maxLines = 1000

// simulated is the result of the install on one peer.
type simulated struct {
	Name       string                  `json:"name"`
	OK         bool                    `json:"ok"`
	Connection *connection.Connection  `json:"connection,omitempty"`
	Errors     []string                `json:"errors"`
	Probe      []probe.Stage           `json:"probe,omitempty"`
	NotHere    []string                `json:"notHere,omitempty"` // keys of the connection whose values are not here
	lines      []string                // everything that the builder's programs printed
	shared     *connection.SharedError // set if an earlier package has the same address
}

// namedPeer is a simulated peer: its name, its env file and variables, its builder, and what is
// installed on it.
type namedPeer struct {
	name, envFile string
	env           map[string]string
	builder       coreyaml.Builder
	servers       connection.Servers
}

func namedPeers(args []string) ([]namedPeer, error) {
	var peers []namedPeer
	for _, arg := range args {
		name, envFile, _ := strings.Cut(arg, "=")
		if name == "" || envFile == "" {
			return nil, fmt.Errorf("--peer takes NAME=ENVFILE, not %q", arg)
		}
		if slices.ContainsFunc(peers, func(p namedPeer) bool { return p.name == name }) {
			return nil, fmt.Errorf("two peers are named %q", name)
		}
		peers = append(peers, namedPeer{name: name, envFile: envFile, servers: connection.Servers{}})
	}
	return peers, nil
}

// simulate installs the packages in files on each peer. The arguments have been checked.
func simulate(
	ctx context.Context, p *program.Program, files []string, peers []namedPeer, options simulateOptions,
) error {
	var packages []*archive.Package
	for _, file := range files {
		pkg, err := packageFile(ctx, file)
		if err != nil {
			return err
		}
		var warnings []string
		for _, name := range pkg.Unknown {
			warnings = append(warnings, fmt.Sprintf("%q: the peer ignores the entry %q", file, name))
		}
		p.WarnAll(warnings)
		packages = append(packages, pkg)
	}
	s, err := options.prepare(p, peers)
	if err != nil {
		return err
	}
	var failures []error
	for _, pkg := range packages {
		results, err := s.installOnAll(ctx, p, pkg)
		if err != nil {
			return err
		}
		failed := s.report(p, pkg.ID, results)
		if failed != nil && len(packages) > 1 {
			failed = fmt.Errorf("%s: %w", chaincode.ShortID(pkg.ID), failed)
		}
		failures = append(failures, failed)
	}
	return errors.Join(failures...)
}

// simulation is the simulated peers.
type simulation struct {
	simulateOptions
	peers    []namedPeer
	standIns *peer.StandIns // nil: the peers' files must be on this machine
}

// prepare reads the files that the options name.
func (o simulateOptions) prepare(p *program.Program, peers []namedPeer) (*simulation, error) {
	var err error
	for i, named := range peers {
		if peers[i].env, err = readEnvFile(p.Warn, named.envFile); err != nil {
			return nil, err
		}
	}
	if err := o.setBuilders(p, peers); err != nil {
		return nil, err
	}
	s := &simulation{simulateOptions: o, peers: peers}
	if o.withoutFiles {
		s.standIns, err = peer.NewStandIns(p.Now())
	}
	return s, err
}

// installOnAll installs pkg on each peer. With --probe, it also dials the peer's chaincode
// server.
func (s *simulation) installOnAll(ctx context.Context, p *program.Program, pkg *archive.Package) ([]simulated, error) {
	var results []simulated
	for _, named := range s.peers {
		for _, err := range unread(pkg, named.builder, named.env) {
			p.Warn("%s: %v", named.name, err)
		}
		result, err := installOn(ctx, named, pkg, s.standIns)
		if err != nil {
			return nil, err
		}
		if c := result.Connection; c != nil {
			result.shared = named.servers.Shared(pkg.ID, c.Address)
			named.servers.Add(pkg.ID, c.Address)
			if s.probe {
				result.dial(ctx, pkg.ID)
			}
			hidden := c.Redacted()
			result.Connection = &hidden
		}
		results = append(results, result)
	}
	return results, nil
}

// unread returns errors about a peer's variables that were probably meant for the package. It
// leaves out those that the builder gets, since the builder warns about them itself.
func unread(pkg *archive.Package, builder coreyaml.Builder, env map[string]string) []error {
	file, err := pkg.Template()
	if err != nil {
		return nil // the install reports the error
	}
	parsed, err := template.Parse(file.Name, file.Content)
	if err != nil {
		return nil
	}
	passed, _ := builder.Environment(env)
	said := parsed.Unread(passed, pkg.Metadata.Label, nil)
	return slices.DeleteFunc(parsed.Unread(env, pkg.Metadata.Label, nil), func(err error) bool {
		return slices.ContainsFunc(said, func(other error) bool { return other.Error() == err.Error() })
	})
}

// setBuilders sets the builder of each peer: the programs of the options, and the variables that
// the peer's list of builders names or, without a core.yaml, all that the peer has.
func (o simulateOptions) setBuilders(p *program.Program, peers []namedPeer) error {
	dir, err := builderDir(o.builder)
	if err != nil {
		return err
	}
	if o.coreYAML == "" {
		for i, named := range peers {
			names := slices.Collect(maps.Keys(named.env))
			peers[i].builder = coreyaml.Builder{Name: o.name, Path: dir, PropagateEnvironment: names}
		}
		return nil
	}
	data, err := readCoreYAML(o.coreYAML)
	if err != nil {
		return err
	}
	found := map[string]coreyaml.Builder{} // keyed by what replaces the list in core.yaml, so that warnings come once
	for i, named := range peers {
		list := named.env[coreyaml.ListVariable]
		if _, ok := found[list]; !ok {
			builder, err := o.listed(p, data, named)
			if err != nil {
				return err
			}
			builder.Path = dir
			found[list] = builder
		}
		peers[i].builder = found[list]
	}
	return nil
}

// listed returns the builder in the peer's list. data is the content of core.yaml. It warns about
// what is different on the real peer.
func (o simulateOptions) listed(p *program.Program, data []byte, named namedPeer) (coreyaml.Builder, error) {
	ours, err := ourBuilder(p.Warn, o.coreYAML, data, o.name, named.env)
	if err != nil && ours.place != o.coreYAML {
		err = atFile(named.envFile, err)
	}
	if err != nil {
		return ours.Builder, err
	}
	for _, other := range ours.before {
		p.Warn("%s: the peers ask the builder %q first, but this simulation does not",
			message.Printable(ours.place), other.Name)
	}
	warnOf(p.Warn, lint.Path(ours.place, ours.Builder))
	return ours.Builder, nil
}

// builderDir returns the path of the builder's folder, as core.yaml would have it.
func builderDir(dir string) (string, error) {
	if dir == "" {
		self, err := os.Executable()
		if err != nil {
			return "", err
		}
		dir = filepath.Dir(self)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if filepath.Base(dir) == "bin" {
		dir = filepath.Dir(dir)
	}
	if _, err := os.Stat(filepath.Join(dir, "bin", "detect")); err != nil {
		return "", message.WithHint(fmt.Errorf("there is no bin/detect in %q", dir),
			"name the builder's folder with --builder, or run make build")
	}
	return dir, nil
}

// installOn installs pkg on a peer in a folder of its own. If standIns is not nil, they
// replace files that are not on this machine.
func installOn(
	ctx context.Context, named namedPeer, pkg *archive.Package, standIns *peer.StandIns,
) (result simulated, err error) {
	dir, err := os.MkdirTemp("", "ccaas-peer-")
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, cancel := context.WithTimeout(ctx, peer.InstallTimeout)
	defer cancel()

	env := named.env
	if standIns != nil {
		if env, err = standIns.Replace(env, filepath.Join(dir, "stand-ins")); err != nil {
			return result, err
		}
	}
	result = simulated{Name: named.name, Errors: []string{}}
	builders := []coreyaml.Builder{named.builder}
	simulatedPeer := &peer.Peer{Dir: dir, Builders: builders, Env: peer.Process(env), Log: func(line string) {
		if slices.Contains(result.lines, line) || len(result.lines) == maxLines {
			return // printed before
		}
		result.lines = append(result.lines, line)
		if said, ok := message.Parse(line); ok && said.Kind == message.Error {
			result.Errors = append(result.Errors, line)
		}
	}}
	c, err := simulatedPeer.Install(ctx, pkg)
	if ctx.Err() != nil && context.Cause(ctx) != context.DeadlineExceeded {
		return result, errInterrupted
	}
	for _, err := range message.Errors(err) {
		result.lines = append(result.lines, err.Error())
		result.Errors = append(result.Errors, err.Error())
	}
	if err == nil {
		result.OK, result.Connection = true, &c
		if standIns != nil {
			result.NotHere = standIns.Hide(&c)
		}
	}
	return result, nil
}

// dial probes the peer's chaincode server.
func (r *simulated) dial(ctx context.Context, packageID string) {
	found := probe.Run(ctx, probe.Target{Connection: *r.Connection, PackageID: packageID})
	r.Probe = found.Stages
	for _, line := range message.Lines("probe", found.Err()) {
		r.lines = append(r.lines, line.String())
		if line.Kind == message.Error {
			r.OK = false
			r.Errors = append(r.Errors, line.String())
		}
	}
}

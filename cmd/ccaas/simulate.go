package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/peer"
)

// installTimeout bounds one simulated install; a peer has no such bound.
const installTimeout = time.Minute

type simulateOptions struct {
	peers   []string
	builder string
	output  outputFlag
}

func simulateCommand(p *program.Program) *cobra.Command {
	var options simulateOptions
	cmd := &cobra.Command{
		Use:   "simulate FILE --peer NAME=ENVFILE…",
		Short: "Install a package on simulated peers, with the builder's real programs",
		Long: `Install a package on simulated peers, with the builder's real programs, in the
order, the folders and the environment that a peer has. Each peer has only the
variables in its own env file, all of them propagated. Fails if any peer does.`,
		Example: "  ccaas simulate basic.tgz --peer peer0=peer0.env --peer peer1=peer1.env",
		Args:    arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return simulate(cmd.Context(), p, args[0], options)
		},
	}
	cmd.Flags().StringArrayVar(&options.peers, "peer", nil, "NAME=ENVFILE; may be repeated")
	cmd.Flags().StringVar(&options.builder, "builder", "", "the folder with bin/detect, bin/build and bin/release (default: that of ccaas itself)")
	options.output.add(cmd)
	requireFlags(cmd, "peer")
	return cmd
}

// simulated is what came of the install on one peer.
type simulated struct {
	Name       string                 `json:"name"`
	OK         bool                   `json:"ok"`
	Connection *connection.Connection `json:"connection,omitempty"`
	Errors     []string               `json:"errors,omitempty"`
	warnings   []string
}

func simulate(ctx context.Context, p *program.Program, file string, options simulateOptions) error {
	pkg, err := archive.Open(file)
	if err != nil {
		return err
	}
	for _, name := range pkg.Unknown {
		p.Warn("%q: the peer ignores the entry %q", file, name)
	}
	builder, err := builderDir(options.builder)
	if err != nil {
		return err
	}
	var results []simulated
	for _, named := range options.peers {
		name, envFile, ok := strings.Cut(named, "=")
		if !ok {
			return program.Exit(program.Misused, fmt.Errorf("--peer takes NAME=ENVFILE, not %q", named))
		}
		env, err := readEnvFile(envFile)
		if err != nil {
			return err
		}
		result, err := installOn(ctx, name, env, builder, pkg)
		if err != nil {
			return err
		}
		results = append(results, result)
	}
	return report(p, pkg.ID, results, options.output)
}

// builderDir is the path of the external builder, as core.yaml would have it.
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
		return "", program.WithHint(fmt.Errorf("there is no bin/detect in %q", dir), "name the builder's folder by --builder, or run make build")
	}
	return dir, nil
}

// installOn installs pkg on a peer of its own, in a folder of its own.
func installOn(ctx context.Context, name string, env map[string]string, builder string, pkg *archive.Package) (result simulated, err error) {
	dir, err := os.MkdirTemp("", "ccaas-peer-")
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()

	result.Name = name
	var lines []string
	simulatedPeer := &peer.Peer{Dir: dir, Builder: builder, BuilderName: "ccaas-template-builder", Env: env, Log: func(line string) { lines = append(lines, line) }}
	c, err := simulatedPeer.Install(ctx, pkg)
	if err != nil {
		for _, e := range program.Errors(err) {
			lines = append(lines, e.Error())
		}
		result.Errors = lines
		return result, nil
	}
	result.OK, result.warnings = true, lines
	c = c.Redacted()
	result.Connection = &c
	return result, nil
}

// report prints the results and fails if an install did.
func report(p *program.Program, packageID string, results []simulated, output outputFlag) error {
	var failed []string
	for _, r := range results {
		if !r.OK {
			failed = append(failed, r.Name)
		}
	}
	if output.json() {
		if err := writeJSON(p, map[string]any{"packageID": packageID, "peers": results}); err != nil {
			return err
		}
	} else if err := table(p, packageID, results); err != nil {
		return err
	}
	if len(failed) > 0 {
		return fmt.Errorf("the install failed on %s", strings.Join(failed, ", "))
	}
	return nil
}

func table(p *program.Program, packageID string, results []simulated) error {
	fmt.Fprintln(p.Stdout, packageID)
	w := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PEER\tADDRESS\tTLS\tCLIENT CERTIFICATE\tEXPIRES\tRESULT")
	for _, r := range results {
		fmt.Fprintln(w, strings.Join(row(r), "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range results {
		for _, line := range append(r.Errors, r.warnings...) {
			fmt.Fprintf(p.Stderr, "%s: %s\n", r.Name, line)
		}
	}
	return nil
}

func row(r simulated) []string {
	if !r.OK {
		return []string{r.Name, "-", "-", "-", "-", "failed"}
	}
	c := r.Connection
	cells := []string{r.Name, c.Address, "no", "-", "-", "ok"}
	root, client := c.Certificates()
	certs := append(root, client...)
	switch {
	case c.ClientAuthRequired:
		cells[2] = "mutual"
		cells[3] = client[0].Subject.CommonName
	case c.TLSRequired:
		cells[2] = "yes"
	}
	for i, cert := range certs {
		if day := cert.NotAfter.UTC().Format(time.DateOnly); i == 0 || day < cells[4] {
			cells[4] = day
		}
	}
	return cells
}

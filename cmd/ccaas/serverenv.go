package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/peer"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/template"
)

type serverEnvOptions struct {
	peerVariables
	label        string
	withoutFiles bool
	shim         string
	files        serverFiles
	output       outputFlag
}

func serverEnvCommand(p *program.Program) *cobra.Command {
	var options serverEnvOptions
	cmd := &cobra.Command{
		Use:   "serverenv FILE|DIR --shim go|node|java --env-file ENVFILE",
		Short: "Print the environment of a peer's chaincode server",
		Long: `Print the environment of the chaincode server that a peer with these variables
will dial: the package ID, the address to listen on, and the TLS settings that
match the peer's connection.json. The names are those that the shim reads or,
for Go, those that Fabric's sample chaincode-external reads.

Give the paths at which the server finds its files: with TLS its certificate and
key, with client authentication also the CA of the peer's client certificate.
ccaas does not read them. With --without-files, the peer's own certificates and
keys need not be on this machine.

docker, Compose and systemd can read the lines as they are. -o yaml prints the
env of a Kubernetes container instead.`,
		Example: `  ccaas serverenv basic.tgz --shim go --env-file peer0.env
  ccaas serverenv basic.tgz --shim node --env-file peer0.env -o yaml`,
		Args: arguments("FILE|DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			shim, ok := shims[options.shim]
			if !ok {
				return misused(cmd, fmt.Errorf("--shim must be go, node or java, not %q", options.shim))
			}
			return serverEnv(cmd.Context(), p, args[0], shim, options)
		},
	}
	options.peerVariables.add(cmd)
	cmd.Flags().StringVar(&options.label, "label", "", "for a folder, the label of its package")
	cmd.Flags().StringVar(&options.shim, "shim", "", "go, node or java")
	cmd.Flags().StringVar(&options.files.cert, "cert", "", "the file of the server's certificate")
	cmd.Flags().StringVar(&options.files.key, "key", "", "the file of its private key")
	cmd.Flags().StringVar(&options.files.clientCAs, "client-ca", "",
		"the file of the CA that issued the peer's client certificate")
	cmd.Flags().BoolVar(&options.withoutFiles, "without-files", false,
		"use stand-ins for the peer's certificates and keys that are not on this machine")
	options.output.add(cmd, "yaml")
	requireFlags(cmd, "shim")
	return cmd
}

func serverEnv(ctx context.Context, p *program.Program, name string, shim shim, options serverEnvOptions) (err error) {
	source, err := openSource(ctx, name, options.label)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	id, err := source.packageID()
	if err == nil && id == "" {
		err = program.Exit(program.Misused, errors.New("--label is missing: the package ID of a folder depends on it"))
	}
	if err != nil {
		return err
	}
	rendered, err := options.render(p, source)
	if err != nil {
		return err
	}
	c := rendered.Connection
	for _, warning := range rendered.Warnings {
		p.Warn("%v", warning)
	}
	if err := options.files.check(c, shim); err != nil {
		return program.Exit(program.Misused, err)
	}
	if c.ClientAuthRequired && !shim.clientCAs {
		p.Warn("the shim has no variable for the CA of the peer's client certificate, so its server serves every client; " +
			"set trustCertCollectionFile of ChaincodeServerProperties")
	}
	f := options.files
	environment := shim.variables(server{id, listenAddress(c.Address), c.TLSRequired, f.cert, f.key, f.clientCAs}).set()
	switch options.output.format {
	case "json":
		return writeJSON(p, environment.object())
	case "yaml":
		return environment.writeYAML(p.Stdout, remarks(c, shim))
	}
	return environment.writeLines(p.Stdout, remarks(c, shim))
}

// render renders the peer's connection. With --without-files, stand-ins replace files that are
// not on this machine.
func (o serverEnvOptions) render(p *program.Program, source *source) (rendered template.Rendered, err error) {
	variables, err := o.read(p)
	if err != nil {
		return rendered, err
	}
	if !o.withoutFiles {
		return renderFor(p, source, variables)
	}
	dir, err := os.MkdirTemp("", "ccaas-serverenv-")
	if err != nil {
		return rendered, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	standIns, err := peer.NewStandIns(p.Now())
	if err != nil {
		return rendered, err
	}
	if variables, err = standIns.Replace(variables, filepath.Join(dir, "stand-ins")); err != nil {
		return rendered, err
	}
	rendered, err = renderFor(p, source, variables)
	standIns.Hide(&rendered.Connection)
	return rendered, err
}

// serverFiles are the paths of a chaincode server's files on the server's machine.
type serverFiles struct{ cert, key, clientCAs string }

// check checks that the server has the files that the peer's connection needs.
func (f serverFiles) check(c connection.Connection, shim shim) error {
	var errs []error
	check := func(flag, file string, needed bool) {
		switch {
		case needed && file == "":
			errs = append(errs, fmt.Errorf("%s is missing: the peer dials %s", flag, security(c)))
		case !needed && file != "" && flag == "--client-ca" && c.ClientAuthRequired:
			errs = append(errs, fmt.Errorf("%s cannot be used: the shim has no variable for it", flag))
		case !needed && file != "":
			errs = append(errs, fmt.Errorf("%s cannot be used: the peer dials %s", flag, security(c)))
		}
	}
	check("--cert", f.cert, c.TLSRequired)
	check("--key", f.key, c.TLSRequired)
	check("--client-ca", f.clientCAs, c.ClientAuthRequired && shim.clientCAs)
	return errors.Join(errs...)
}

// security says how a peer dials with this connection: with or without TLS and a client
// certificate.
func security(c connection.Connection) string {
	switch {
	case c.ClientAuthRequired:
		return "with TLS and a client certificate"
	case c.TLSRequired:
		return "with TLS and no client certificate"
	}
	return "without TLS"
}

// remarks returns what people who set up the server must know besides its environment.
func remarks(c connection.Connection, shim shim) []string {
	all := []string{fmt.Sprintf("for a peer that dials %s %s", c.Address, security(c))}
	if !c.TLSRequired {
		return all
	}
	for key, certs := range c.Certificates() {
		switch {
		case key == "root_cert":
			name := fmt.Sprintf("%q", c.ServerName())
			if c.Host() != c.ServerName() {
				name += fmt.Sprintf(" (for a peer before Fabric 3: for %q)", c.Host())
			}
			all = append(all, fmt.Sprintf("the server's certificate must be valid for %s and come from %s",
				name, subjects(certs)))
		case len(certs) > 0:
			all = append(all, fmt.Sprintf("the peer's client certificate is that of %q and comes from %q",
				certs[0].Subject, certs[0].Issuer))
		}
	}
	if shim.remark != "" {
		all = append(all, shim.remark)
	}
	return all
}

// subjects returns the names of the CAs in a bundle.
func subjects(certs []*x509.Certificate) string {
	if len(certs) == 0 { // the file is not on this machine
		return "a CA in the peer's root_cert"
	}
	var names []string
	for _, cert := range certs {
		names = append(names, fmt.Sprintf("%q", cert.Subject))
	}
	return strings.Join(names, " or ")
}

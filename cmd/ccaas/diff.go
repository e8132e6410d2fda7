package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/connection"
)

// difference is a key of connection.json that two peers have not alike.
type difference struct {
	Name string `json:"name"`
	A    string `json:"a"`
	B    string `json:"b"`
}

// diffPeers prints what differs between the peers with the variables in the two
// env files.
func diffPeers(p *program.Program, name string, envFiles []string, options renderOptions) (err error) {
	source, err := openSource(name, options.label)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	var peers [2]connection.Connection
	var errs []error
	for i, envFile := range envFiles {
		rendered, err := renderFor(p, source, append(slices.Clone(options.envFiles), envFile), options.env)
		errs = append(errs, program.Each(err, func(err error) error { return fmt.Errorf("%s: %w", envFile, err) }))
		for _, warning := range rendered.Warnings {
			p.Warn("%s: %v", envFile, warning)
		}
		peers[i] = rendered.Connection
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	found := differences(peers[0], peers[1])
	if options.output.json() {
		return writeJSON(p, map[string]any{"differences": found})
	}
	if len(found) == 0 {
		_, err := fmt.Fprintln(p.Stdout, "the two peers get the same connection.json")
		return err
	}
	var rows [][]string
	for _, d := range found {
		rows = append(rows, []string{d.Name, d.A, d.B})
	}
	return writeTable(p.Stdout, append([]string{"KEY"}, envFiles...), rows)
}

func differences(a, b connection.Connection) []difference {
	found := []difference{}
	for _, key := range connection.Keys() {
		if a.Value(key) != b.Value(key) {
			found = append(found, difference{key, describe(a, key), describe(b, key)})
		}
	}
	return found
}

// describe is the value of a key as people can tell it from another: of a
// certificate the name, the end and the fingerprint, of a private key nothing.
func describe(c connection.Connection, key string) string {
	if key == "client_key" && c.ClientKey != "" {
		return "(hidden)"
	}
	for of, certificates := range c.Certificates() {
		if of == key {
			return describeCertificates(certificates)
		}
	}
	return fmt.Sprint(c.Value(key))
}

func describeCertificates(certificates []*x509.Certificate) string {
	var all []string
	for _, cert := range certificates {
		all = append(all, fmt.Sprintf("%s until %s %s", cert.Subject.CommonName, cert.NotAfter.UTC().Format(time.DateOnly), connection.Fingerprint(cert)))
	}
	return strings.Join(all, ", ")
}

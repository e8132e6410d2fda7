package main

import (
	"fmt"
	"strings"
	"time"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/peer"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/chaincode"
)

// report prints the results. It returns an error if an install failed.
func (s *simulation) report(p *program.Program, packageID string, results []simulated) error {
	if s.output.json() {
		if err := writeJSON(p, map[string]any{"packageID": packageID, "peers": results}); err != nil {
			return err
		}
	} else if err := table(p, packageID, results); err != nil {
		return err
	}
	return s.failures(p, packageID, results)
}

// failures prints what the peers would log. It returns an error if an install or a probe
// failed.
func (s *simulation) failures(p *program.Program, packageID string, results []simulated) error {
	var failed []string
	for _, r := range results {
		if !r.OK {
			failed = append(failed, r.Name)
		}
		for _, line := range r.lines {
			fmt.Fprintf(p.Stderr, "%s: %s\n", r.Name, message.Printable(line))
		}
		if r.shared != nil {
			p.Warn("%s: %s %v", r.Name, chaincode.ShortID(packageID), r.shared)
			p.Hint("%s", r.shared.Hint())
		}
	}
	switch {
	case len(failed) == 0:
		return nil
	case s.probe:
		return fmt.Errorf("the install or the probe failed on %s", strings.Join(failed, ", "))
	}
	return fmt.Errorf("the install failed on %s", strings.Join(failed, ", "))
}

// table prints the package ID and a row for each peer.
func table(p *program.Program, packageID string, results []simulated) error {
	fmt.Fprintln(p.Stdout, packageID)
	var rows [][]string
	for _, r := range results {
		rows = append(rows, row(r))
	}
	return writeTable(p.Stdout, []string{"PEER", "ADDRESS", "TLS", "CLIENT CERTIFICATE", "EXPIRES", "RESULT"}, rows)
}

// row returns the table row of a peer. It shows when the client's own certificate expires,
// which is the first in its chain.
func row(r simulated) []string {
	if r.Connection == nil {
		return []string{r.Name, "-", "-", "-", "-", "failed"}
	}
	c := r.Connection
	cells := []string{r.Name, c.Address, "no", "-", "-", "ok"}
	if !r.OK {
		cells[5] = "failed"
	}
	if len(r.NotHere) > 0 {
		cells[5] += "; not here: " + strings.Join(r.NotHere, ", ")
	}
	if c.TLSRequired {
		cells[2] = "yes"
	}
	if c.ClientCert == peer.NotHere {
		cells[2] = "mutual"
	}
	for key, certs := range c.Certificates() {
		if key == "client_cert" && len(certs) > 0 {
			cells[2], cells[3], cells[4] = "mutual", certs[0].Subject.CommonName, certs[0].NotAfter.UTC().Format(time.DateOnly)
		}
	}
	return cells
}

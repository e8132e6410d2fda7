package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/lifecycle"
	"ccaas-template-builder/internal/program"
)

// accessFlags are the flags of the verbs that talk to peers. They say where the peers are.
// Everything else comes from the environment of the peer CLI.
type accessFlags struct {
	profile   string
	addresses []string
	roots     []string
}

func (f *accessFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.profile, "connection-profile", "",
		"a connection profile (YAML or JSON): the peers, and the MSP ID")
	cmd.Flags().StringArrayVar(&f.addresses, "peerAddresses", nil,
		"HOST:PORT of a peer; may be repeated (default: the organisation's peers on the channel)")
	cmd.Flags().StringArrayVar(&f.roots, "tlsRootCertFiles", nil,
		"the file of the TLS CA of each peer in --peerAddresses, in the same order")
	cmd.MarkFlagsMutuallyExclusive("connection-profile", "peerAddresses")
}

func (f *accessFlags) open(p *program.Program) (*lifecycle.Organisation, error) {
	return lifecycle.Open(lifecycle.Access{
		Env: p.Env, Profile: f.profile, PeerAddresses: f.addresses, TLSRootCertFiles: f.roots, Now: p.Now(),
	})
}

// questionFlags are the flags that say what to ask the chaincode.
type questionFlags struct {
	query   string
	timeout time.Duration
}

func (f *questionFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.query, "query", "",
		`what to ask, as for the peer CLI: '{"Args":["FUNCTION",…]}' (default: the contract's metadata)`)
	cmd.Flags().DurationVar(&f.timeout, "query-timeout", 10*time.Second, "how long the answer may take")
}

func (f *questionFlags) question() (*lifecycle.Question, error) {
	if f.timeout <= 0 {
		return nil, errors.New("--query-timeout must be more than 0")
	}
	args := lifecycle.Metadata
	if f.query != "" {
		var err error
		if args, err = lifecycle.ParseQuestion(f.query); err != nil {
			return nil, fmt.Errorf("--query %w", err)
		}
	}
	return &lifecycle.Question{Args: args, Timeout: f.timeout}, nil
}

// writeApprovals prints which organisations have approved a definition, and which has done so
// in this run.
func writeApprovals(
	p *program.Program, approvals map[string]bool, mismatches map[string][]string, now string,
) error {
	var rows [][]string
	for _, mspID := range slices.Sorted(maps.Keys(approvals)) {
		approved := yes(approvals[mspID])
		if mspID == now {
			approved = "now"
		}
		if !approvals[mspID] && len(mismatches[mspID]) > 0 {
			approved += ", but with other " + strings.Join(mismatches[mspID], " and ")
		}
		rows = append(rows, []string{mspID, approved})
	}
	return writeTable(p.Stdout, []string{"ORGANISATION", "APPROVED"}, rows)
}

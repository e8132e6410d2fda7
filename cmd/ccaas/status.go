package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ccaas-template-builder/internal/lifecycle"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/chaincode"
)

type statusOptions struct {
	access   accessFlags
	question questionFlags
	channel  string
	name     string
	ask      bool
	output   outputFlag
}

func statusCommand(p *program.Program) *cobra.Command {
	var options statusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show which of an organisation's peers have its chaincodes",
		Long: `Show, for each chaincode that is committed or that the organisation has
approved, which peers of the organisation have the approved package, and which
organisations have approved. It changes nothing, and fails if a peer lacks the
package or does not answer. It uses the environment of the peer CLI.

With --ask, also ask the chaincode on each peer for an answer. This is not the
default: if a chaincode server has another package ID, the peer that asks it
commits no more blocks until that server is stopped.`,
		Example: `  ccaas status
  ccaas status -C mychannel -n basic --ask`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			question, err := options.question.question()
			if err != nil {
				return misused(cmd, err)
			}
			if !options.ask {
				question = nil
			}
			return status(cmd.Context(), p, question, options)
		},
	}
	cmd.Flags().StringVarP(&options.channel, "channelID", "C", "", "the channel (default: all that the peer has joined)")
	cmd.Flags().StringVarP(&options.name, "name", "n", "", "the name of the chaincode (default: all)")
	cmd.Flags().BoolVar(&options.ask, "ask", false, "ask the chaincode on each peer for an answer")
	options.access.add(cmd)
	options.question.add(cmd)
	options.output.add(cmd)
	return cmd
}

func status(ctx context.Context, p *program.Program, question *lifecycle.Question, options statusOptions) error {
	organisation, err := options.access.open(p)
	if err != nil {
		return err
	}
	defer organisation.Close()
	channels := []string{options.channel}
	if options.channel == "" {
		if channels, err = organisation.Channels(ctx); err != nil {
			return err
		}
	}
	all := []lifecycle.ChaincodeStatus{}
	var errs []error
	for _, name := range channels {
		channel, err := organisation.On(ctx, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found, err := channel.Status(ctx, options.name, question)
		all = append(all, found...)
		errs = append(errs, err)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	if options.name != "" && len(all) == 0 && errors.Join(errs...) == nil {
		errs = append(errs, fmt.Errorf("%s is not committed on %s, and %s has not approved it",
			options.name, strings.Join(channels, ", "), organisation.MSPID))
	}
	if options.output.json() {
		errs = append(errs, writeJSON(p, map[string]any{"mspID": organisation.MSPID, "chaincodes": all}))
	} else {
		errs = append(errs, writeStatus(p, organisation.MSPID, all, options.ask))
	}
	return errors.Join(errs...)
}

func writeStatus(p *program.Program, mspID string, all []lifecycle.ChaincodeStatus, asked bool) error {
	for i, s := range all {
		if i > 0 {
			fmt.Fprintln(p.Stdout)
		}
		state := "not committed"
		if s.Committed {
			state = "committed"
		}
		line := fmt.Sprintf("%s %s on %s, sequence %d, %s", s.Name, s.Version, s.Channel, s.Sequence, state)
		fmt.Fprintln(p.Stdout, message.OneLine(line))
		approved := mspID + " has approved no package for it"
		if s.PackageID != "" {
			approved = mspID + " has approved " + s.PackageID
		}
		fmt.Fprintln(p.Stdout, message.OneLine(approved))
		if err := writePeers(p, s.Peers, asked); err != nil {
			return err
		}
		if err := writeApprovals(p, s.Approvals, s.Mismatches, ""); err != nil {
			return err
		}
		if s.NeedsInit {
			fmt.Fprintln(p.Stdout, message.OneLine(needsInit(s.Channel, s.Name)))
		}
	}
	return nil
}

// writePeers prints a row for each peer. The peers' errors go to stderr.
func writePeers(p *program.Program, peers []lifecycle.PeerStatus, asked bool) error {
	headings := []string{"PEER", "ADDRESS", "BLOCKS", "INSTALLED", "PACKAGES"}
	if asked {
		headings = append(headings, "SERVER", "TIME")
	}
	var rows [][]string
	for _, peer := range peers {
		installed := "-"
		if peer.Installed != nil {
			installed = yes(*peer.Installed)
		}
		var packages []string
		for _, id := range peer.Packages {
			packages = append(packages, chaincode.ShortID(id))
		}
		row := []string{peer.Name, peer.Address, strconv.FormatUint(peer.Height, 10), installed,
			cmp.Or(strings.Join(packages, ", "), "-")}
		if asked {
			took := ""
			if peer.Answers != nil {
				took = time.Duration(peer.Seconds * float64(time.Second)).Round(100 * time.Microsecond).String()
			}
			row = append(row, answer(peer.Answers), took)
		}
		rows = append(rows, row)
	}
	return writeTable(p.Stdout, headings, rows)
}

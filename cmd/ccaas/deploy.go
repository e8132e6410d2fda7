package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ccaas-template-builder/internal/lifecycle"
	"ccaas-template-builder/internal/lint"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/archive"
)

type deployOptions struct {
	access        accessFlags
	question      questionFlags
	channel       string
	name          string
	version       string
	sequence      int64
	signature     string
	channelPolicy string
	collections   string
	initRequired  bool
	initGiven     bool
	simulated     simulateOptions
	dryRun        bool
	noAsk         bool
	wait          time.Duration
	output        outputFlag
}

func deployCommand(p *program.Program) *cobra.Command {
	var options deployOptions
	cmd := &cobra.Command{
		Use:   "deploy FILE -C CHANNEL",
		Short: "Bring a package to all peers of an organisation",
		Long: `Bring a package to all peers of an organisation: install it, approve it, commit
it once all organisations of the channel have approved, and ask the chaincode on
each peer for an answer. Only what is missing is done, so you can run it again
at any time. It uses the environment of the peer CLI.

Parts of the definition for which you give no flag stay as they are on the
channel. The peers are those that the peer at CORE_PEER_ADDRESS knows, which may
not include one that has been down for long. To name them yourself, use
--peerAddresses or --connection-profile.`,
		Example: `  ccaas deploy basic_1.0.tgz -C mychannel
  ccaas deploy basic.tgz -C mychannel -n basic -v 2.0 --dry-run
  ccaas deploy basic.tgz -C mychannel --peer peer0=peer0.env --wait 10m`,
		Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			options.initGiven = cmd.Flags().Changed("init-required")
			request, peers, err := options.request()
			if err != nil {
				return misused(cmd, err)
			}
			return deploy(cmd.Context(), p, args[0], peers, request, options)
		},
	}
	options.addDefinition(cmd)
	options.access.add(cmd)
	cmd.Flags().StringArrayVar(&options.simulated.peers, "peer", nil,
		"NAME=ENVFILE: before anything is installed, install the package on a simulated peer with these variables "+
			"and probe its chaincode server; may be repeated")
	cmd.Flags().StringVar(&options.simulated.builder, "builder", "",
		"with --peer, the folder of the builder (default: that of ccaas itself)")
	cmd.Flags().BoolVar(&options.dryRun, "dry-run", false, "print what would be done, and do nothing")
	cmd.Flags().DurationVar(&options.wait, "wait", 0, "how long to wait for the other organisations' approvals")
	options.question.add(cmd)
	cmd.Flags().BoolVar(&options.noAsk, "no-ask", false, "do not ask the chaincode on each peer for an answer")
	options.output.add(cmd)
	requireFlags(cmd, "channelID")
	return cmd
}

// addDefinition adds the flags of a definition, with the names that the peer CLI has for them.
func (o *deployOptions) addDefinition(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&o.channel, "channelID", "C", "", "the channel")
	flags.StringVarP(&o.name, "name", "n", "", "the name of the chaincode (default: NAME in the label NAME_VERSION)")
	flags.StringVarP(&o.version, "version", "v", "", "its version (default: VERSION in the label NAME_VERSION)")
	flags.Int64Var(&o.sequence, "sequence", 0, "the sequence (default: the committed one, or the next after a change)")
	flags.StringVar(&o.signature, "signature-policy", "", "the endorsement policy")
	flags.StringVar(&o.channelPolicy, "channel-config-policy", "",
		"a policy of the channel, as the endorsement policy")
	flags.StringVar(&o.collections, "collections-config", "", "the file of the private data collections")
	flags.BoolVar(&o.initRequired, "init-required", false, "whether init must be called before anything else")
	cmd.MarkFlagsMutuallyExclusive("signature-policy", "channel-config-policy")
}

// request returns the request that the flags describe, and the peers to simulate.
func (o *deployOptions) request() (request lifecycle.Request, peers []namedPeer, err error) {
	if peers, err = namedPeers(o.simulated.peers); err != nil {
		return request, nil, err
	}
	if o.sequence < 0 || o.wait < 0 {
		return request, nil, errors.New("--sequence and --wait must not be negative")
	}
	request = lifecycle.Request{DryRun: o.dryRun, Wait: o.wait}
	if request.Question, err = o.question.question(); err != nil {
		return request, nil, err
	}
	if o.noAsk {
		request.Question = nil
	}
	request.Wanted = lifecycle.Wanted{Name: o.name, Version: o.version, Sequence: o.sequence}
	if o.initGiven {
		request.Wanted.InitRequired = &o.initRequired
	}
	if request.Wanted.Policy, err = lifecycle.Policy(o.signature, o.channelPolicy); err != nil {
		return request, nil, fmt.Errorf("--signature-policy: %w", err)
	}
	if o.collections != "" {
		data, err := safefile.ReadOperators(o.collections, maxCollections)
		if err == nil {
			request.Wanted.Collections, err = lifecycle.Collections(data)
		}
		if err != nil {
			return request, nil, fmt.Errorf("--collections-config: %w", atFile(o.collections, err))
		}
	}
	return request, peers, nil
}

const maxCollections = 1 << 20

// deploy first makes all checks that need no network, and then deploys.
func deploy(
	ctx context.Context, p *program.Program, file string, peers []namedPeer,
	request lifecycle.Request, options deployOptions,
) error {
	pkg, err := packageFile(ctx, file)
	if err != nil {
		return err
	}
	if err := options.lint(ctx, p, file); err != nil {
		return err
	}
	if err := nameByLabel(&request.Wanted, pkg.Metadata.Label); err != nil {
		return err
	}
	organisation, err := options.access.open(p)
	if err != nil {
		return err
	}
	defer organisation.Close()
	if err := tryOut(ctx, p, pkg, peers, options.simulated); err != nil {
		return err
	}
	var data bytes.Buffer
	if _, err := pkg.WriteTo(&data); err != nil {
		return err
	}
	request.Package, request.PackageID, request.Progress = data.Bytes(), pkg.ID, progress(p)
	channel, err := organisation.On(ctx, options.channel)
	if err != nil {
		return err
	}
	result, err := channel.Deploy(ctx, request)
	if ctx.Err() != nil {
		return errInterrupted
	}
	return errors.Join(writeDeployed(p, result, options), err)
}

// lint returns the errors that lint finds in the package.
func (o deployOptions) lint(ctx context.Context, p *program.Program, file string) error {
	all, err := findings(ctx, p, file, "", lint.Peers{})
	if err != nil {
		return err
	}
	return refusal(all, "nothing was done")
}

// labelled matches a label that ends in a version.
var labelled = regexp.MustCompile(`^(.+)_(v?[0-9][^_]*)$`)

// nameByLabel takes the name and the version from the label, unless they are given.
func nameByLabel(w *lifecycle.Wanted, label string) error {
	parts := labelled.FindStringSubmatch(label)
	if parts == nil && (w.Name == "" || w.Version == "") {
		return message.WithHint(fmt.Errorf("the label %q is not NAME_VERSION", label), "give --name and --version")
	}
	if w.Name == "" {
		w.Name = parts[1]
	}
	if w.Version == "" {
		w.Version = parts[2]
	}
	return w.Check()
}

// tryOut installs the package on simulated peers, and probes their chaincode servers.
func tryOut(
	ctx context.Context, p *program.Program, pkg *archive.Package, peers []namedPeer, options simulateOptions,
) error {
	if len(peers) == 0 {
		return nil
	}
	options.probe = true
	s, err := options.prepare(p, peers)
	if err != nil {
		return err
	}
	results, err := s.installOnAll(ctx, p, pkg)
	if err != nil {
		return err
	}
	return message.WithHint(s.failures(p, pkg.ID, results), "nothing was installed: fix that first")
}

// progress returns a function that prints what is being done, if stderr is a terminal.
func progress(p *program.Program) func(string) {
	file, ok := p.Stderr.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func(string) {}
	}
	return func(line string) { fmt.Fprintln(p.Stderr, message.OneLine(line)) }
}

func writeDeployed(p *program.Program, r *lifecycle.Result, options deployOptions) error {
	if options.output.json() {
		return writeJSON(p, r)
	}
	line := func(format string, args ...any) {
		fmt.Fprintln(p.Stdout, message.OneLine(fmt.Sprintf(format, args...)))
	}
	if r.Sequence == 0 {
		return nil // the channel could not be asked, so nothing was done
	}
	line("%s %s on %s as %s: %s", r.Name, r.Version, r.Channel, r.MSPID, r.PackageID)
	var rows [][]string
	for _, peer := range r.Peers {
		installed := string(peer.Installed)
		if installed == "" {
			installed = "no"
		}
		rows = append(rows, []string{peer.Name, peer.Address, installed, answer(peer.Answers)})
	}
	if err := writeTable(p.Stdout, []string{"PEER", "ADDRESS", "INSTALLED", "SERVER"}, rows); err != nil {
		return err
	}
	now := ""
	if r.ApprovedNow {
		now = r.MSPID
	}
	if err := writeApprovals(p, r.Approvals, r.Mismatches, now); err != nil {
		return err
	}
	if r.Renewed != "" {
		line("sequence %d was approved with %s before", r.Sequence, r.Renewed)
	}
	for _, change := range r.Changes {
		line("sequence %d changes: %s", r.Sequence, change)
	}
	writeOutcome(line, r, options.dryRun)
	if r.NeedsInit {
		line("%s", needsInit(r.Channel, r.Name))
	}
	return nil
}

// needsInit says what to do with a chaincode whose init function must be called.
func needsInit(channel, name string) string {
	return fmt.Sprintf("%s answers only after a call of its init function: peer chaincode invoke --isInit -C %s -n %s …",
		name, channel, name)
}

// writeOutcome prints what was done, or would be done, about the definition.
func writeOutcome(line func(string, ...any), r *lifecycle.Result, dryRun bool) {
	switch {
	case dryRun && len(r.Plan) == 0:
		line("nothing would be done")
	case dryRun:
		for _, step := range r.Plan {
			line("would %s", step)
		}
	case r.Committed:
		line("sequence %d is committed", r.Sequence)
	case !r.Approvals[r.MSPID]:
		line("sequence %d is not approved by %s", r.Sequence, r.MSPID)
	case len(r.WaitsFor) > 0:
		line("sequence %d waits for %s", r.Sequence, strings.Join(r.WaitsFor, ", "))
	default:
		line("sequence %d is not committed", r.Sequence)
	}
}

// answer returns the table cell that says whether the chaincode answers on a peer.
func answer(answers *bool) string {
	switch {
	case answers == nil:
		return "-"
	case *answers:
		return "answers"
	}
	return "fails"
}

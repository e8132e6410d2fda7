package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"

	"ccaas-template-builder/internal/message"
)

// Question is what a peer asks the chaincode.
type Question struct {
	Args    []string
	Timeout time.Duration
}

// Metadata is a question that every chaincode made with a contract API answers. Any other
// chaincode answers it with an error, which is also an answer.
var Metadata = []string{"org.hyperledger.fabric:GetMetadata"}

// ParseQuestion reads a call in the JSON of the peer CLI: {"Args":[…]}, with the function as
// the first argument or under a key of its own.
func ParseQuestion(text string) ([]string, error) {
	var call struct {
		Function string
		Args     []string
	}
	err := json.Unmarshal([]byte(text), &call)
	args := call.Args
	if call.Function != "" {
		args = append([]string{call.Function}, args...)
	}
	if err != nil || len(args) == 0 {
		return nil, fmt.Errorf(`must be {"Args":["FUNCTION","ARGUMENT",…]}, not %q`, text)
	}
	return args, nil
}

// adoptionTimeout is how long a peer may take to use an installed package for a definition
// that was committed through another peer.
const adoptionTimeout = 30 * time.Second

// question asks the chaincode on each peer of the organisation.
func (d *deployment) question(ctx context.Context) error {
	d.Progress("asking the chaincode on each peer for an answer")
	var needsInit atomic.Bool
	err := d.each(func(i int, p *Peer) error {
		_, err := p.answer(ctx, d.Name, d.state.definition, d.PackageID, *d.Question)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, errNeedsInit) {
			needsInit.Store(true)
			return nil
		}
		answers := err == nil
		d.result.Peers[i].Answers = &answers
		return err
	})
	d.result.NeedsInit = needsInit.Load()
	if err != nil && d.before != "" && d.before != d.PackageID {
		silent := fmt.Errorf("%s %s is committed, but does not answer everywhere", d.result.Name, d.result.Version)
		return errors.Join(err, message.WithHint(silent,
			fmt.Sprintf("to go back: ccaas deploy FILE -C %s -n %s -v %s, with the package %s as FILE",
				d.Name, d.result.Name, d.result.Version, d.before)))
	}
	return err
}

// errNeedsInit is the error for a chaincode that peers do not call before its init function
// (CheckInvocation in core/chaincode of Fabric). So nothing is known of its server.
var errNeedsInit = errors.New("its init function must be called first")

// answer waits until the peer uses the package, asks its chaincode, and returns how long the
// answer took.
func (p *Peer) answer(
	ctx context.Context, channel string, d *chaincode.Definition, packageID string, q Question,
) (time.Duration, error) {
	if err := p.adopted(ctx, channel, d, packageID); err != nil {
		return 0, err
	}
	asked, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	start := time.Now()
	response, err := p.process(asked, calling(channel, d.Name, q.Args...))
	took := time.Since(start)
	switch {
	case err != nil && silent(err):
		return took, fmt.Errorf("%s: %w", p, explain(
			fmt.Sprintf("has not answered for %v: most likely its chaincode server has another package ID than %s, "+
				"and this peer commits no blocks on %s until that server is stopped", q.Timeout, packageID, channel),
			"stop that server, start it with the package ID "+packageID+
				", and run ccaas probe --peer-dir on that peer's machine", err))
	case err != nil:
		return took, p.wrong("", err)
	case strings.Contains(response.GetResponse().GetMessage(), "must call as init first"):
		return took, errNeedsInit
	case len(response.GetPayload()) == 0: // the response is the peer's, not the chaincode's
		return took, fmt.Errorf("%s: %w", p, message.WithHint(
			fmt.Errorf("gets no answer from its chaincode server: %s", reason(response.GetResponse().GetMessage())),
			"run ccaas probe --peer-dir on that peer's machine: it says what is wrong with the connection"))
	}
	return took, nil
}

// reason returns what a peer says about its server, without the text before it, which has the
// transaction and repeats the package ID.
func reason(said string) string {
	if i := strings.LastIndex(said, "error creating grpc connection to "); i >= 0 {
		return said[i:]
	}
	return said
}

// adopted waits until the peer uses the package for the definition.
func (p *Peer) adopted(ctx context.Context, channel string, d *chaincode.Definition, packageID string) error {
	for late := time.Now().Add(adoptionTimeout); ; {
		asked, cancel := context.WithTimeout(ctx, queryTimeout)
		installed, err := chaincode.NewPeer(p.conn, p.id).QueryInstalled(asked)
		cancel()
		if err != nil {
			return p.wrong("", err)
		}
		if uses(installed, channel, d) == packageID {
			return nil
		}
		if time.Now().After(late) {
			return fmt.Errorf("%s: %w", p, message.WithHint(
				fmt.Errorf("has not heard of sequence %d for %v: it commits no blocks on %s", d.Sequence, adoptionTimeout, channel),
				"most likely a chaincode server of this peer has another package ID than its package: stop it; "+
					"ccaas probe --peer-dir on that peer's machine finds it"))
		}
		if err := sleep(ctx, pause/2); err != nil {
			return err
		}
	}
}

// uses returns the package that a peer uses for this version of the chaincode, or "".
func uses(installed *lifecycle.QueryInstalledChaincodesResult, channel string, d *chaincode.Definition) string {
	for _, pkg := range installed.GetInstalledChaincodes() {
		for _, used := range pkg.GetReferences()[channel].GetChaincodes() {
			if used.GetName() == d.Name && used.GetVersion() == d.Version {
				return pkg.GetPackageId()
			}
		}
	}
	return ""
}

package lifecycle

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"ccaas-template-builder/internal/message"
)

// Wanted is the definition that the user asks for. A nil field stays as it is on the channel,
// or else gets Fabric's default.
type Wanted struct {
	Name         string
	Version      string
	Sequence     int64 // 0: the committed sequence, or the next if something changes
	Policy       *peer.ApplicationPolicy
	Collections  *peer.CollectionConfigPackage
	InitRequired *bool
}

// Check returns an error if peers would refuse the name or the version
// (core/chaincode/lifecycle/scc.go).
func (w Wanted) Check() error {
	if !regexp.MustCompile(`^[a-zA-Z0-9]+([-_][a-zA-Z0-9]+)*$`).MatchString(w.Name) {
		return fmt.Errorf("the name %q must consist of letters and digits, with single - and _ between them", w.Name)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_.+-]+$`).MatchString(w.Version) {
		return fmt.Errorf("the version %q must consist of letters, digits and _.+-", w.Version)
	}
	if w.Sequence < 0 {
		return fmt.Errorf("the sequence must be more than 0, not %d", w.Sequence)
	}
	return nil
}

// What peers assume if a definition leaves it out.
const (
	defaultPolicy = "/Channel/Application/Endorsement"
	defaultEscc   = "escc"
	defaultVscc   = "vscc"
)

// recorded is any of the messages in which peers return a definition.
type recorded interface {
	GetSequence() int64
	GetVersion() string
	GetEndorsementPlugin() string
	GetValidationPlugin() string
	GetValidationParameter() []byte
	GetCollections() *peer.CollectionConfigPackage
	GetInitRequired() bool
}

// definition converts a recorded definition.
func definition(channel, name string, r recorded) (*chaincode.Definition, error) {
	policy := &peer.ApplicationPolicy{}
	if err := proto.Unmarshal(r.GetValidationParameter(), policy); err != nil {
		return nil, fmt.Errorf("the policy of %s, sequence %d, cannot be read: %w", name, r.GetSequence(), err)
	}
	return &chaincode.Definition{
		ChannelName: channel, Name: name, Version: r.GetVersion(), Sequence: r.GetSequence(),
		EndorsementPlugin: r.GetEndorsementPlugin(), ValidationPlugin: r.GetValidationPlugin(),
		ApplicationPolicy: policy, Collections: r.GetCollections(), InitRequired: r.GetInitRequired(),
	}, nil
}

// resolve returns the definition to be approved and committed. It has what is wanted. What w
// leaves open comes from committed or, if the organisation has already approved this version,
// from approved. Either may be nil.
func (w Wanted) resolve(channel string, committed, approved *chaincode.Definition) (*chaincode.Definition, error) {
	d := &chaincode.Definition{
		EndorsementPlugin: defaultEscc, ValidationPlugin: defaultVscc,
		ApplicationPolicy: channelPolicy(defaultPolicy),
	}
	last := int64(0)
	if committed != nil {
		last = committed.Sequence
		*d = *committed
	}
	if approved != nil && approved.Sequence > last && approved.Version == w.Version {
		*d = *approved
	}
	d.ChannelName, d.Name, d.Version = channel, w.Name, w.Version
	if w.Policy != nil {
		d.ApplicationPolicy = w.Policy
	}
	if w.Collections != nil {
		d.Collections = w.Collections
	}
	if w.InitRequired != nil {
		d.InitRequired = *w.InitRequired
	}
	var changes []string
	if committed != nil {
		changes = differences(committed, d)
	}
	d.Sequence = w.Sequence
	switch {
	case w.Sequence == 0 && committed != nil && len(changes) == 0:
		d.Sequence = last
	case w.Sequence == 0:
		d.Sequence = last + 1
	case w.Sequence == last && len(changes) > 0:
		return nil, message.WithHint(fmt.Errorf("sequence %d of %s is committed and would have to change: %s",
			last, w.Name, strings.Join(changes, "; ")), fmt.Sprintf("leave --sequence out, or give %d", last+1))
	case w.Sequence != last && w.Sequence != last+1:
		err := fmt.Errorf("the next sequence of %s on %s is %d, not %d", w.Name, channel, last+1, w.Sequence)
		return nil, message.WithHint(err, "leave --sequence out")
	}
	return d, nil
}

// differences lists what differs between two definitions, except the sequence.
func differences(from, to *chaincode.Definition) (changes []string) {
	changed := func(what, from, to string) {
		if from != to {
			changes = append(changes, fmt.Sprintf("%s %s instead of %s", what, to, from))
		}
	}
	changed("version", from.Version, to.Version)
	if !proto.Equal(from.ApplicationPolicy, to.ApplicationPolicy) {
		changed("policy", policyText(from.ApplicationPolicy), policyText(to.ApplicationPolicy))
	}
	some := len(from.Collections.GetConfig())+len(to.Collections.GetConfig()) > 0
	if some && !proto.Equal(from.Collections, to.Collections) {
		names := fmt.Sprintf("other collections (%s instead of %s)", collectionNames(to), collectionNames(from))
		changes = append(changes, names)
	}
	if from.InitRequired != to.InitRequired {
		changes = append(changes, fmt.Sprintf("--init-required=%t", to.InitRequired))
	}
	return changes
}

// policyText returns a policy as people write it.
func policyText(policy *peer.ApplicationPolicy) string {
	if signature := policy.GetSignaturePolicy(); signature != nil {
		text, err := chaincode.SignaturePolicyEnvelopeToString(signature)
		if err != nil {
			return "(unknown)"
		}
		return text
	}
	return policy.GetChannelConfigPolicyReference()
}

func collectionNames(d *chaincode.Definition) string {
	var names []string
	for _, config := range d.Collections.GetConfig() {
		names = append(names, config.GetStaticCollectionConfig().GetName())
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

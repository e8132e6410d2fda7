package lifecycle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"ccaas-template-builder/internal/message"
)

// Policy returns the policy given by --signature-policy or by --channel-config-policy, or nil
// if both are empty.
func Policy(signature, reference string) (*peer.ApplicationPolicy, error) {
	switch {
	case signature != "" && reference != "":
		return nil, errors.New("give a signature policy or a channel config policy, not both")
	case signature != "":
		return signaturePolicy(signature)
	case reference != "":
		return channelPolicy(reference), nil
	}
	return nil, nil
}

func signaturePolicy(text string) (*peer.ApplicationPolicy, error) {
	policy, err := chaincode.NewApplicationPolicy(text, "")
	if err != nil { // replaced, since it complains about numbers where there are none
		return nil, message.WithHint(fmt.Errorf("%q is not a signature policy", text),
			"such as OR('Org1MSP.peer','Org2MSP.peer'): AND, OR or OutOf(N, …) of quoted MSPID.ROLE, "+
				"with the roles member, admin, client and peer")
	}
	return policy, nil
}

// channelPolicy returns a reference to a policy in the channel's configuration.
func channelPolicy(reference string) *peer.ApplicationPolicy {
	return &peer.ApplicationPolicy{
		Type: &peer.ApplicationPolicy_ChannelConfigPolicyReference{ChannelConfigPolicyReference: reference},
	}
}

// collection is a collection as the peer CLI reads it (internal/peer/chaincode/common.go).
type collection struct {
	Name              string `json:"name"`
	Policy            string `json:"policy"`
	RequiredPeerCount int32  `json:"requiredPeerCount"`
	MaxPeerCount      *int32 `json:"maxPeerCount"`
	BlockToLive       uint64 `json:"blockToLive"`
	MemberOnlyRead    bool   `json:"memberOnlyRead"`
	MemberOnlyWrite   bool   `json:"memberOnlyWrite"`
	EndorsementPolicy struct {
		ChannelConfigPolicy string `json:"channelConfigPolicy"`
		SignaturePolicy     string `json:"signaturePolicy"`
	} `json:"endorsementPolicy"`
}

// Collections reads the JSON of the peer CLI's --collections-config. It returns nil for an
// empty list.
func Collections(data []byte) (*peer.CollectionConfigPackage, error) {
	var collections []collection
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&collections)
	if err == nil && decoder.More() {
		err = errors.New("more than one value")
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("must be a JSON list of collections: %w", err)
	}
	configs := &peer.CollectionConfigPackage{}
	for i, c := range collections {
		config, err := c.config()
		if err != nil {
			return nil, fmt.Errorf("collection %d, %q: %w", i+1, c.Name, err)
		}
		configs.Config = append(configs.Config, &peer.CollectionConfig{
			Payload: &peer.CollectionConfig_StaticCollectionConfig{StaticCollectionConfig: config},
		})
	}
	return configs, nil
}

func (c collection) config() (*peer.StaticCollectionConfig, error) {
	if c.Name == "" {
		return nil, errors.New("has no name")
	}
	members, err := signaturePolicy(c.Policy)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	endorsement, err := Policy(c.EndorsementPolicy.SignaturePolicy, c.EndorsementPolicy.ChannelConfigPolicy)
	if err != nil {
		return nil, fmt.Errorf("endorsementPolicy: %w", err)
	}
	most := int32(1) // the peer CLI's default
	if c.MaxPeerCount != nil {
		most = *c.MaxPeerCount
	}
	return &peer.StaticCollectionConfig{
		Name: c.Name,
		MemberOrgsPolicy: &peer.CollectionPolicyConfig{
			Payload: &peer.CollectionPolicyConfig_SignaturePolicy{SignaturePolicy: members.GetSignaturePolicy()},
		},
		RequiredPeerCount: c.RequiredPeerCount, MaximumPeerCount: most, BlockToLive: c.BlockToLive,
		MemberOnlyRead: c.MemberOnlyRead, MemberOnlyWrite: c.MemberOnlyWrite, EndorsementPolicy: endorsement,
	}, nil
}

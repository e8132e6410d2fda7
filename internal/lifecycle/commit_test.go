package lifecycle

import (
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"

	"ccaas-template-builder/internal/must"
)

func TestNeeded(t *testing.T) {
	config := func(policy *common.Policy) *common.Config {
		return &common.Config{ChannelGroup: &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{"Application": {
			Policies: map[string]*common.ConfigPolicy{"LifecycleEndorsement": {Policy: policy}},
		}}}}
	}
	meta := func(rule common.ImplicitMetaPolicy_Rule) *common.Config {
		value := must.Get(proto.Marshal(&common.ImplicitMetaPolicy{SubPolicy: "Endorsement", Rule: rule}))(t)
		return config(&common.Policy{Type: int32(common.Policy_IMPLICIT_META), Value: value})
	}
	for _, test := range []struct {
		what   string
		config *common.Config
		want   [4]int // for 1, 2, 3 and 4 organisations
	}{
		{"ANY", meta(common.ImplicitMetaPolicy_ANY), [4]int{1, 1, 1, 1}},
		{"MAJORITY", meta(common.ImplicitMetaPolicy_MAJORITY), [4]int{1, 2, 2, 3}},
		{"ALL", meta(common.ImplicitMetaPolicy_ALL), [4]int{1, 2, 3, 4}},
		{"a signature policy", config(&common.Policy{Type: int32(common.Policy_SIGNATURE)}), [4]int{1, 2, 3, 4}},
		{"none", &common.Config{}, [4]int{1, 2, 3, 4}},
	} {
		for i, want := range test.want {
			if got := needed(test.config, i+1); got != want {
				t.Errorf("%s of %d organisations is %d, want %d", test.what, i+1, got, want)
			}
		}
	}
}

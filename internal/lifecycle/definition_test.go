package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"ccaas-template-builder/internal/must"
)

// at returns a definition as a peer returns it.
func at(t *testing.T, sequence int64, version, signature string, collections ...string) *chaincode.Definition {
	d := &chaincode.Definition{Sequence: sequence, Version: version, EndorsementPlugin: "escc", ValidationPlugin: "vscc",
		ApplicationPolicy: channelPolicy(defaultPolicy)}
	if signature != "" {
		d.ApplicationPolicy = must.Get(signaturePolicy(signature))(t)
	}
	if len(collections) > 0 {
		d.Collections = collectionsOf(t, collections...)
	}
	return d
}

func collectionsOf(t *testing.T, names ...string) *peer.CollectionConfigPackage {
	var all []string
	for _, name := range names {
		all = append(all, fmt.Sprintf(`{"name": %q, "policy": "OR('Org1MSP.member')"}`, name))
	}
	return must.Get(Collections([]byte("[" + strings.Join(all, ",") + "]")))(t)
}

const either = "OR('Org1MSP.peer', 'Org2MSP.peer')"

func TestResolve(t *testing.T) {
	yes := true
	wanted := func(version string) Wanted { return Wanted{Name: "basic", Version: version} }
	for name, test := range map[string]struct {
		wanted              Wanted
		committed, approved *chaincode.Definition
		want                string // the definition, or a part of the error
	}{
		"the first":                 {wanted("1.0"), nil, nil, "1 1.0 /Channel/Application/Endorsement none false"},
		"the same":                  {wanted("1.0"), at(t, 3, "1.0", ""), nil, "3 1.0 /Channel/Application/Endorsement none false"},
		"the next":                  {wanted("2.0"), at(t, 3, "1.0", ""), nil, "4 2.0 /Channel/Application/Endorsement none false"},
		"the rest stays":            {wanted("2.0"), at(t, 1, "1.0", either, "a", "b"), nil, "2 2.0 " + "OR('Org1MSP.peer','Org2MSP.peer')" + " a, b false"},
		"as it was approved before": {wanted("2.0"), at(t, 1, "1.0", ""), at(t, 2, "2.0", either, "a"), "2 2.0 OR('Org1MSP.peer','Org2MSP.peer') a false"},
		"not committed yet":         {wanted("1.0"), nil, at(t, 1, "1.0", either), "1 1.0 OR('Org1MSP.peer','Org2MSP.peer') none false"},
		"another was approved":      {wanted("1.0"), at(t, 1, "1.0", ""), at(t, 2, "2.0", either), "1 1.0 /Channel/Application/Endorsement none false"},
		"init": {Wanted{Name: "basic", Version: "1.0", InitRequired: &yes}, at(t, 1, "1.0", ""), nil,
			"2 1.0 /Channel/Application/Endorsement none true"},
		"another policy": {Wanted{Name: "basic", Version: "1.0", Policy: channelPolicy("/Channel/Application/Admins")}, at(t, 1, "1.0", either), nil,
			"2 1.0 /Channel/Application/Admins none false"},
		"other collections": {Wanted{Name: "basic", Version: "1.0", Collections: collectionsOf(t, "c")}, at(t, 1, "1.0", "", "a"), nil,
			"2 1.0 /Channel/Application/Endorsement c false"},
		"no collections any more": {Wanted{Name: "basic", Version: "1.0", Collections: collectionsOf(t)}, at(t, 1, "1.0", "", "a"), nil,
			"2 1.0 /Channel/Application/Endorsement none false"},
		"no collections, as before": {Wanted{Name: "basic", Version: "1.0", Collections: collectionsOf(t)}, at(t, 1, "1.0", ""), nil,
			"1 1.0 /Channel/Application/Endorsement none false"},
		"the sequence that is next": {Wanted{Name: "basic", Version: "1.0", Sequence: 2}, at(t, 1, "1.0", ""), nil,
			"2 1.0 /Channel/Application/Endorsement none false"},
		"the sequence that is": {Wanted{Name: "basic", Version: "1.0", Sequence: 1}, at(t, 1, "1.0", ""), nil,
			"1 1.0 /Channel/Application/Endorsement none false"},
		"a sequence too far":  {Wanted{Name: "basic", Version: "1.0", Sequence: 3}, at(t, 1, "1.0", ""), nil, "the next sequence of basic on mychannel is 2, not 3"},
		"a sequence of old":   {Wanted{Name: "basic", Version: "1.0", Sequence: 1}, at(t, 2, "1.0", ""), nil, "the next sequence of basic on mychannel is 3, not 1"},
		"a sequence to alter": {Wanted{Name: "basic", Version: "2.0", Sequence: 1}, at(t, 1, "1.0", ""), nil, "would have to change: version 2.0 instead of 1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := test.wanted.resolve("mychannel", test.committed, test.approved)
			if err != nil {
				explainsAs(t, err, test.want)
				return
			}
			policy := strings.ReplaceAll(policyText(d.ApplicationPolicy), ", ", ",")
			if got := fmt.Sprintf("%d %s %s %s %t", d.Sequence, d.Version, policy, collectionNames(d), d.InitRequired); got != test.want {
				t.Errorf("it is %s, want %s", got, test.want)
			}
			if d.Name != "basic" || d.ChannelName != "mychannel" {
				t.Errorf("it is %s on %s", d.Name, d.ChannelName)
			}
		})
	}
}

func TestCheckWanted(t *testing.T) {
	for _, good := range []Wanted{{Name: "basic", Version: "1.0"}, {Name: "a-b_c1", Version: "v1+x_y-z"}} {
		explainsAs(t, good.Check(), "")
	}
	for _, bad := range []Wanted{{Name: "", Version: "1"}, {Name: "a__b", Version: "1"}, {Name: "-a", Version: "1"}, {Name: "a", Version: "1 0"},
		{Name: "a", Version: ""}, {Name: "a\n", Version: "1"}, {Name: "a", Version: "1", Sequence: -1}} {
		if bad.Check() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

func TestMissing(t *testing.T) {
	const own, id, old = "Org1MSP", "basic_1.0:01", "basic_0.9:00"
	approvals := func(org1, org2 bool) map[string]bool { return map[string]bool{"Org1MSP": org1, "Org2MSP": org2} }
	first := at(t, 1, "1.0", "")
	for name, test := range map[string]struct {
		state   state
		lacking []string
		ask     bool
		want    []string
	}{
		"everything": {state{definition: first, approvals: approvals(false, false)}, []string{"peer0", "peer1"}, true,
			[]string{"install the package on peer0, peer1", "approve sequence 1 for Org1MSP", "wait for Org2MSP to approve sequence 1"}},
		"the last to approve": {state{definition: first, approvals: approvals(false, true)}, nil, true,
			[]string{"approve sequence 1 for Org1MSP", "commit sequence 1", "ask the chaincode on each peer for an answer"}},
		"only to commit": {state{definition: first, approvals: approvals(true, true), packageID: id}, nil, false,
			[]string{"commit sequence 1"}},
		"only to wait": {state{definition: first, approvals: approvals(true, false), packageID: id}, nil, true,
			[]string{"wait for Org2MSP to approve sequence 1"}},
		"nothing": {state{definition: first, committed: first, approvals: approvals(true, true), packageID: id}, nil, false, nil},
		"committed without us": {state{definition: first, committed: first, approvals: approvals(false, true)}, nil, false,
			[]string{"approve sequence 1 for Org1MSP"}},
		"committed without the other": {state{definition: first, committed: first, approvals: approvals(true, false), packageID: id}, nil, true,
			[]string{"ask the chaincode on each peer for an answer"}},
		"another package": {state{definition: first, committed: first, approvals: approvals(true, true), packageID: old}, []string{"peer1"}, false,
			[]string{"install the package on peer1", "approve sequence 1 for Org1MSP again, with this package instead of " + old}},
		"approved without a package": {state{definition: first, committed: first, approvals: approvals(true, true)}, nil, false,
			[]string{"approve sequence 1 for Org1MSP"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.state.missing(own, id, test.lacking).steps(test.ask); !slices.Equal(got, test.want) {
				t.Errorf("it is %q, want %q", got, test.want)
			}
		})
	}
}

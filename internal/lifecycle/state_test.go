package lifecycle

import (
	"testing"

	"github.com/hyperledger/fabric-admin-sdk/pkg/chaincode"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer/lifecycle"
)

// A run ends with an error if others commit another definition than it has approved. It does not
// if the organisation has approved that one too, or if the peer does not know the approval yet.
func TestOvertakes(t *testing.T) {
	defined := func(sequence int64, version string) *chaincode.Definition {
		return &chaincode.Definition{Sequence: sequence, Version: version}
	}
	for name, test := range map[string]struct {
		approved, committed, wanted *chaincode.Definition
		approves                    bool
		want                        string
	}{
		"nothing approved":      {nil, defined(2, "2.0"), defined(2, "2.0"), false, ""},
		"nothing committed":     {defined(1, "1.0"), nil, defined(1, "1.0"), true, ""},
		"not yet committed":     {defined(2, "2.0"), defined(1, "1.0"), defined(2, "2.0"), true, ""},
		"committed":             {defined(2, "2.0"), defined(2, "2.0"), defined(2, "2.0"), true, ""},
		"approval not known":    {defined(2, "2.0"), defined(2, "2.0"), defined(2, "2.0"), false, ""},
		"another":               {defined(2, "2.0"), defined(2, "3.0"), defined(3, "2.0"), false, "Org1MSP has approved: version 3.0 instead of 2.0"},
		"another that is right": {defined(2, "2.0"), defined(2, "3.0"), defined(2, "3.0"), false, "run it again"},
		"a later one":           {defined(2, "2.0"), defined(3, "2.0"), defined(4, "2.0"), false, "sequence 3 instead of 2"},
		"a later one, approved": {defined(2, "2.0"), defined(3, "2.0"), defined(3, "2.0"), true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &state{definition: test.wanted, committed: test.committed, approvals: map[string]bool{"Org1MSP": test.approves}}
			explainsAs(t, s.overtakes(test.approved, "Org1MSP"), test.want)
		})
	}
}

// What is wrong with a peer depends on what it has installed, what it uses, and what its
// organisation has approved.
func TestHas(t *testing.T) {
	installed := func(used bool) *lifecycle.QueryInstalledChaincodesResult {
		pkg := &lifecycle.QueryInstalledChaincodesResult_InstalledChaincode{PackageId: "basic_1.0:1", Label: "basic_1.0"}
		if used {
			pkg.References = map[string]*lifecycle.QueryInstalledChaincodesResult_References{"ch": {
				Chaincodes: []*lifecycle.QueryInstalledChaincodesResult_Chaincode{{Name: "basic", Version: "1.0"}},
			}}
		}
		return &lifecycle.QueryInstalledChaincodesResult{
			InstalledChaincodes: []*lifecycle.QueryInstalledChaincodesResult_InstalledChaincode{pkg},
		}
	}
	for name, test := range map[string]struct {
		installed *lifecycle.QueryInstalledChaincodesResult
		approves  bool
		want      string
	}{
		"used":             {installed(true), true, ""},
		"not installed":    {nil, true, "lacks the package"},
		"not used":         {installed(false), true, "look again in a minute"},
		"another approval": {installed(false), false, "approve the committed one"},
	} {
		t.Run(name, func(t *testing.T) {
			s := ChaincodeStatus{Channel: "ch", PackageID: "basic_1.0:1", Committed: true, Approvals: map[string]bool{"Org1MSP": test.approves},
				definition: &chaincode.Definition{Name: "basic", Version: "1.0", Sequence: 1}}
			explainsAs(t, s.has(&PeerStatus{}, &Peer{Name: "peer0"}, test.installed, "Org1MSP"), test.want)
		})
	}
}

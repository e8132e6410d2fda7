package lifecycle

import (
	"strings"
	"testing"

	"ccaas-template-builder/internal/must"
)

func TestPolicy(t *testing.T) {
	for _, good := range []string{either, "AND('A.member', OR('B.admin', 'C-1.x.client'))", "OutOf(2, 'A.peer', 'A.peer', 'B.peer')"} {
		policy, err := Policy(good, "")
		if err != nil || policy.GetSignaturePolicy() == nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"Org1MSP.peer", "OR('Org1MSP.boss')", "OR('Org1MSP.peer'", "'", "OutOf(3, 'A.peer')", "XOR('A.peer','B.peer')"} {
		_, err := Policy(bad, "")
		explainsAs(t, err, "is not a signature policy")
	}
	if policy, err := Policy("", ""); policy != nil || err != nil {
		t.Errorf("no policy is %v, %v", policy, err)
	}
	if _, err := Policy(either, "/Channel/Application/Endorsement"); err == nil {
		t.Error("two policies are taken")
	}
}

func TestCollections(t *testing.T) {
	all := must.Get(Collections([]byte(`[
		{"name": "a", "policy": "OR('Org1MSP.member')"},
		{"name": "b", "policy": "OR('Org1MSP.member', 'Org2MSP.member')", "requiredPeerCount": 2, "maxPeerCount": 0, "blockToLive": 7,
			"memberOnlyRead": true, "memberOnlyWrite": true, "endorsementPolicy": {"channelConfigPolicy": "/Channel/Application/Admins"}}]`)))(t).GetConfig()
	a, b := all[0].GetStaticCollectionConfig(), all[1].GetStaticCollectionConfig()
	if a.GetRequiredPeerCount() != 0 || a.GetMaximumPeerCount() != 1 || a.GetEndorsementPolicy() != nil || a.GetMemberOnlyRead() {
		t.Errorf("the defaults are %v", a)
	}
	if b.GetRequiredPeerCount() != 2 || b.GetMaximumPeerCount() != 0 || b.GetBlockToLive() != 7 || !b.GetMemberOnlyRead() || !b.GetMemberOnlyWrite() ||
		b.GetEndorsementPolicy().GetChannelConfigPolicyReference() != "/Channel/Application/Admins" ||
		len(b.GetMemberOrgsPolicy().GetSignaturePolicy().GetIdentities()) != 2 {
		t.Errorf("it is read as %v", b)
	}
	for text, want := range map[string]string{
		"":                                     "is empty",
		"{}":                                   "must be a JSON list of collections",
		"[] []":                                "more than one value",
		`[{"nam": 1}]`:                         `unknown field "nam"`,
		`[{"name": "a", "policy": "Org1MSP"}]`: `collection 1, "a": policy: "Org1MSP" is not a signature policy`,
		`[{"policy": "OR('A.member')"}]`:       "has no name",
		`[{"name": "a", "policy": "OR('A.member')",
			"endorsementPolicy": {"signaturePolicy": "x"}}]`: "endorsementPolicy: ",
	} {
		_, err := Collections([]byte(text))
		explainsAs(t, err, want)
	}
}

func TestParseQuestion(t *testing.T) {
	for text, want := range map[string]string{
		`{"Args":["server"]}`:                 "server",
		`{"args":["get","a b"]}`:              "get|a b",
		`{"function":"get","Args":["a","b"]}`: "get|a|b",
		`{"Args":[]}`:                         "",
		`["get"]`:                             "",
		`get`:                                 "",
	} {
		args, err := ParseQuestion(text)
		if got := strings.Join(args, "|"); got != want || (err != nil) != (want == "") {
			t.Errorf("%s is read as %q, %v", text, args, err)
		}
	}
}

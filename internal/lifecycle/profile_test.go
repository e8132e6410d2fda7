package lifecycle

import (
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/must"
	"ccaas-template-builder/internal/testpki"
)

const yamlProfile = `
name: test
version: 1.0.0
client: {organization: Org1, connection: {timeout: {peer: {endorser: '300'}}}}
organizations:
  Org1: {mspid: Org1MSP, peers: [peer0.org1, peer1.org1], certificateAuthorities: [ca]}
  Org2: {mspid: Org2MSP, peers: [peer0.org2]}
peers:
  peer0.org1:
    url: grpcs://localhost:7051
    tlsCACerts: {path: tls/ca.crt}
    grpcOptions: {ssl-target-name-override: peer0.org1, hostnameOverride: peer0.org1}
  peer1.org1:
    url: grpcs://localhost:8051
    tlsCACerts: {path: ABSOLUTE}
  peer0.org2:
    url: grpc://localhost:9051
`

func TestProfile(t *testing.T) {
	dir := t.TempDir()
	ca := must.Get(testpki.CA("ca", time.Now()))(t)
	absolute := write(t, dir, "tls/ca.crt", ca.Cert)
	file := write(t, dir, "profile.yaml", strings.ReplaceAll(yamlProfile, "ABSOLUTE", absolute))
	for own, want := range map[string]string{
		"":        "Org1MSP peer0.org1@localhost:7051/peer0.org1 peer1.org1@localhost:8051/",
		"Org1MSP": "Org1MSP peer0.org1@localhost:7051/peer0.org1 peer1.org1@localhost:8051/",
		"Org2MSP": "Org2MSP peer0.org2@localhost:9051/",
	} {
		mspID, targets, err := readProfile(file, own)
		got := mspID
		for _, p := range targets {
			if !p.others {
				got += " " + p.name + "@" + p.address + "/" + p.host
			}
			if (p.roots == nil) != (p.name == "peer0.org2") {
				t.Errorf("the TLS of %s is not that of its url", p.name)
			}
		}
		if err != nil || got != want || len(targets) != 3 {
			t.Errorf("for %q it is %s, %v", own, got, err)
		}
	}
}

func TestProfileErrors(t *testing.T) {
	pem := strings.ReplaceAll(must.Get(testpki.CA("ca", time.Now()))(t).Cert, "\n", `\n`)
	peer := func(url, ca string) string {
		return `{"organizations": {"A": {"mspid": "AMSP", "peers": ["p"]}}, "peers": {"p": {"url": "` + url + `", "tlsCACerts": {` + ca + `}}}}`
	}
	for name, test := range map[string]struct{ profile, own, want string }{
		"one organisation":     {peer("grpcs://p:1", `"pem": "`+pem+`"`), "", ""},
		"a list of PEM":        {peer("grpcs://p:1/", `"pem": ["`+pem+`", "`+pem+`"]`), "AMSP", ""},
		"another organisation": {peer("grpc://p:1", ""), "BMSP", `no organisation with the MSP ID "BMSP"`},
		"no CA":                {peer("grpcs://p:1", ""), "", "tlsCACerts holds no certificate"},
		"no PEM":               {peer("grpcs://p:1", `"pem": "x"`), "", "tlsCACerts holds no certificate"},
		"no file":              {peer("grpcs://p:1", `"path": "nowhere"`), "", "tlsCACerts: "},
		"https":                {peer("https://p:1", ""), "", "the url must be grpcs://HOST:PORT"},
		"no port":              {peer("grpc://p", ""), "", "the address in the url must be HOST:PORT"},
		"no mspid":             {`{"organizations": {"A": {"peers": ["p"]}}}`, "", `the organisation "A" has no mspid`},
		"whose":                {`{"organizations": {"A": {}, "B": {}}}`, "", "set CORE_PEER_LOCALMSPID"},
		"no peers":             {`{"organizations": {"A": {"mspid": "AMSP"}}}`, "", `has no peers of the organisation "A"`},
		"a peer without entry": {strings.Replace(peer("grpc://p:1", ""), `["p"]`, `["p", "q"]`, 1), "",
			`"q" is a peer of the organisation "A", but has no entry in peers`},
		"a list":  {`[1, 2]`, "", "is not a connection profile"},
		"no YAML": {"\tx: [", "", "is not a connection profile"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := readProfile(write(t, t.TempDir(), "profile.json", test.profile), test.own)
			explainsAs(t, err, test.want)
		})
	}
}

package lifecycle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/must"
	"ccaas-template-builder/internal/testpki"
)

// write writes a file below dir and returns its path.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// explainsAs fails the test unless the error and its hints contain words. Empty words mean no
// error.
func explainsAs(t *testing.T, err error, words string) {
	t.Helper()
	var lines []string
	for _, line := range message.Lines("test", err) {
		lines = append(lines, line.Text)
	}
	if text := strings.Join(lines, "\n"); words == "" && err != nil || words != "" && !strings.Contains(text, words) {
		t.Errorf("the error is %q, want %q", text, words)
	}
}

func TestAdministrator(t *testing.T) {
	now := time.Now()
	ca := must.Get(testpki.CA("ca", now))(t)
	admin := must.Get(ca.Issue("Admin@org1", now, now.Add(time.Hour)))(t)
	other := must.Get(ca.Issue("other", now, now.Add(time.Hour)))(t)
	expired := must.Get(ca.Issue("Old@org1", now, now.Add(-time.Second)))(t)
	encrypted := strings.ReplaceAll(admin.Key, " PRIVATE KEY", " ENCRYPTED PRIVATE KEY")
	large := strings.Repeat("x", maxPEM+1)
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"good":         {map[string]string{"signcerts/cert.pem": admin.Cert, "keystore/x_sk": admin.Key}, ""},
		"several keys": {map[string]string{"signcerts/c.pem": admin.Cert, "keystore/1_sk": other.Key, "keystore/2_sk": admin.Key}, ""},
		"a key of another": {map[string]string{"signcerts/c.pem": admin.Cert, "keystore/k": other.Key},
			`belongs to the certificate of "Admin@org1"`},
		"no key":      {map[string]string{"signcerts/c.pem": admin.Cert, "keystore/.keep": admin.Key}, "no ECDSA key in"},
		"no keystore": {map[string]string{"signcerts/c.pem": admin.Cert}, "one that is in an HSM cannot be used here"},
		"no PEM":      {map[string]string{"signcerts/c.pem": admin.Cert, "keystore/k": "no key"}, "no ECDSA key in"},
		"unreadable key": {map[string]string{"signcerts/c.pem": admin.Cert, "keystore/k": large, "keystore/other": other.Key},
			`keystore/k": is larger than`},
		"one unreadable key":   {map[string]string{"signcerts/c.pem": admin.Cert, "keystore/a": large, "keystore/b/x": "", "keystore/k": admin.Key}, ""},
		"unreadable signcerts": {map[string]string{"signcerts/c.pem": large, "keystore/k": admin.Key}, `signcerts/c.pem": is larger than`},
		"signcerts is a file":  {map[string]string{"signcerts": admin.Cert, "keystore/k": admin.Key}, `signcerts": not a directory`},
		"encrypted":            {map[string]string{"signcerts/c.pem": admin.Cert, "keystore/k": encrypted}, "is encrypted"},
		"no signcerts":         {map[string]string{"keystore/k": admin.Key}, "name the msp folder of an administrator"},
		"only a key":           {map[string]string{"signcerts/c.pem": admin.Key, "keystore/k": admin.Key}, "no certificate in"},
		"expired":              {map[string]string{"signcerts/c.pem": expired.Cert, "keystore/k": expired.Key}, `the certificate of "Old@org1" is valid only from`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, content := range test.files {
				write(t, dir, file, content)
			}
			id, err := environment{mspVariable: dir}.administrator("Org1MSP", now)
			explainsAs(t, err, test.want)
			if err == nil && (id.MspID() != "Org1MSP" || string(id.Credentials()) != admin.Cert) {
				t.Errorf("it is %s with %s", id.MspID(), id.Credentials())
			}
			for _, key := range []string{admin.Key, other.Key, expired.Key} {
				if err != nil && strings.Contains(err.Error(), strings.Split(key, "\n")[1]) {
					t.Error("the error holds a key")
				}
			}
		})
	}
	_, err := environment{}.administrator("Org1MSP", now)
	explainsAs(t, err, "CORE_PEER_MSPCONFIGPATH is not set")
	_, err = environment{"CORE_PEER_BCCSP_DEFAULT": "PKCS11"}.administrator("Org1MSP", now)
	explainsAs(t, err, "a key in an HSM cannot be used here")
}

// A relative path in the environment is relative to the folder of core.yaml, as in the peer
// CLI.
func TestOwnPeer(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	ca := must.Get(testpki.CA("ca", now))(t)
	client := must.Get(ca.Issue("client", now, now.Add(time.Hour)))(t)
	write(t, dir, "ca.crt", ca.Cert)
	write(t, dir, "client.crt", client.Cert)
	write(t, dir, "client.key", client.Key)
	write(t, dir, "empty", "")
	for name, test := range map[string]struct {
		env  environment
		want string
	}{
		"without TLS":  {environment{addressVariable: "peer0:7051"}, ""},
		"with TLS":     {environment{addressVariable: "peer0:7051", tlsVariable: "true", rootsVariable: dir + "/ca.crt"}, ""},
		"relative":     {environment{addressVariable: "peer0:7051", tlsVariable: "1", rootsVariable: "ca.crt", "FABRIC_CFG_PATH": dir}, ""},
		"no address":   {environment{tlsVariable: "false"}, "CORE_PEER_ADDRESS is not set"},
		"no port":      {environment{addressVariable: "peer0"}, `CORE_PEER_ADDRESS must be HOST:PORT, not "peer0"`},
		"no host":      {environment{addressVariable: ":7051"}, "must be HOST:PORT"},
		"no CA":        {environment{addressVariable: "peer0:7051", tlsVariable: "true"}, "CORE_PEER_TLS_ROOTCERT_FILE is not set"},
		"CA not there": {environment{addressVariable: "peer0:7051", tlsVariable: "true", rootsVariable: "/nowhere"}, `CORE_PEER_TLS_ROOTCERT_FILE: "/nowhere"`},
		"empty CA":     {environment{addressVariable: "peer0:7051", tlsVariable: "true", rootsVariable: dir + "/empty"}, "CORE_PEER_TLS_ROOTCERT_FILE holds no certificate"},
		"perhaps TLS":  {environment{addressVariable: "peer0:7051", tlsVariable: "on"}, "CORE_PEER_TLS_ENABLED must be true or false"},
	} {
		t.Run(name, func(t *testing.T) {
			own, err := test.env.own()
			explainsAs(t, err, test.want)
			if err == nil && (own.address != "peer0:7051" || (own.roots != nil) != (test.env[tlsVariable] != "")) {
				t.Errorf("it is %+v", own)
			}
		})
	}
	mutual := environment{mutualVariable: "true", clientCertVariable: dir + "/client.crt", clientKeyVariable: dir + "/client.key"}
	if pair, err := mutual.clientCertificate(); err != nil || len(hashOf(pair)) != 32 {
		t.Errorf("mutual TLS: %v", err)
	}
	mutual[clientKeyVariable] = dir + "/client.crt"
	_, err := mutual.clientCertificate()
	explainsAs(t, err, "are not a certificate and its key")
	delete(mutual, clientCertVariable)
	_, err = mutual.clientCertificate()
	explainsAs(t, err, "CORE_PEER_TLS_CLIENTCERT_FILE is not set")
	_, err = environment{tlsVariable: "true"}.given([]string{"a:1", "b:1"}, []string{dir + "/ca.crt"})
	explainsAs(t, err, "each address needs its file")
	_, err = environment{}.given([]string{"a:1"}, []string{dir + "/ca.crt"})
	explainsAs(t, err, "1 --peerAddresses and 1 --tlsRootCertFiles")
}

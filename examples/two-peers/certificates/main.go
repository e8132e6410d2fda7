// Command certificates makes throwaway certificates for an organisation with two peers, and an
// env file for each peer:
//
//	DIR/peerN/client.crt, client.key  the peer's client certificate and key
//	DIR/peerN/ca.crt                  the CA of the chaincode servers
//	DIR/peerN.env                     the variables of the peer's process
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ccaas-template-builder/internal/testpki"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: certificates DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "certificates:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	now := time.Now()
	servers, err := testpki.CA("chaincode servers of org1", now)
	if err != nil {
		return err
	}
	for i, timeout := range []string{"3s", "10s"} {
		id := fmt.Sprintf("peer%d.org1.example.com", i)
		clients, err := testpki.CA("clients of "+id, now)
		if err != nil {
			return err
		}
		client, err := clients.Issue(id, now, now.AddDate(0, 0, 90))
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, fmt.Sprintf("peer%d", i)), id, timeout, servers, client); err != nil {
			return err
		}
	}
	return nil
}

// write writes the files of a peer to the folder own, and the env file beside that folder.
func write(own, id, timeout string, servers, client testpki.Identity) error {
	if err := os.MkdirAll(own, 0o700); err != nil {
		return err
	}
	env := fmt.Sprintf(`CORE_PEER_ID=%s
CORE_CHAINCODE_TIMEOUT=%s
CORE_CHAINCODE_ROOT_CERT_FILE=%s/ca.crt
CORE_CHAINCODE_TLS_CLIENT_CERT_FILE=%s/client.crt
CORE_CHAINCODE_TLS_CLIENT_KEY_FILE=%s/client.key
`, id, timeout, own, own, own)
	for file, content := range map[string]string{
		filepath.Join(own, "ca.crt"):     servers.Cert,
		filepath.Join(own, "client.crt"): client.Cert,
		filepath.Join(own, "client.key"): client.Key,
		own + ".env":                     env,
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

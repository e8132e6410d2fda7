package nearest_test

import (
	"strings"
	"testing"

	"ccaas-template-builder/internal/nearest"
)

func TestName(t *testing.T) {
	keys := []string{"noun", "address", "dial_timeout", "tls_required", "root_cert"}
	for name, want := range map[string]string{
		"dial_timout":            "dial_timeout",
		"onun":                   "noun",
		"Address":                "address",
		"adress":                 "address",
		"rootcert":               "root_cert",
		"tlsRequired":            "tls_required",
		"x":                      "",
		strings.Repeat("x", 400): "",
		"":                       "",
		"something":              "",
		"dial-timeout":           "dial_timeout",
	} {
		if got := nearest.Name(name, keys); got != want {
			t.Errorf("Name(%q) = %q, want %q", name, got, want)
		}
	}
}

// Only the letters after the common words count. None of the peer's own variables is taken for
// one of ours.
func TestVariable(t *testing.T) {
	candidates := []string{
		"CORE_CHAINCODE_ADDRESS", "CORE_CHAINCODE_ROOT_CERT", "CORE_CHAINCODE_ROOT_CERT_FILE", "CORE_CHAINCODE_TLS_CLIENT_CERT_FILE",
		"CORE_CHAINCODE_TIMEOUT", "CORE_CHAINCODE_DOMAIN", "CORE_CHAINCODE_TLS_REQUIRED", "CORE_PEER_ID", "CCAAS_ENV_DIR", "CCAAS_REQUIRE_TLS", "HOST",
	}
	for name, want := range map[string]string{
		"CORE_CHAINCODE_ADRESS":           "CORE_CHAINCODE_ADDRESS",
		"CORE_CHAINCODE_ADRESSS":          "CORE_CHAINCODE_ADDRESS",
		"core_chaincode_address":          "CORE_CHAINCODE_ADDRESS",
		"CORE_CHAINCDE_ADDRESS":           "CORE_CHAINCODE_ADDRESS",
		"CORE_CHAINCODE_ROOTCERT_FILE":    "CORE_CHAINCODE_ROOT_CERT_FILE",
		"CORE_CHAINCODE_ROOTCERT":         "CORE_CHAINCODE_ROOT_CERT",
		"CORE_CHAINCODE_CLIENT_CERT_FILE": "CORE_CHAINCODE_TLS_CLIENT_CERT_FILE",
		"CORE_PEERID":                     "CORE_PEER_ID",
		"CCAAS_ENVDIR":                    "CCAAS_ENV_DIR",
		"CCAAS_REQUIRED_TLS":              "CCAAS_REQUIRE_TLS",
		"HOSTS":                           "HOST",
		"HOME":                            "",
		"CCAAS_ENV_ID":                    "",
		"CORE_CHAINCODE_INSTALLTIMEOUT":   "",
		"CORE_CHAINCODE_STARTUPTIMEOUT":   "",
		"CORE_CHAINCODE_MODE":             "",
		"CORE_CHAINCODE_LOGGING_LEVEL":    "",
		"CORE_PEER_ADDRESS":               "",
		"CORE_PEER_CHAINCODEADDRESS":      "",
		"CORE_PEER_TLS_ROOTCERT_FILE":     "",
		"CORE_PEER_TLS_CLIENTCERT_FILE":   "",
		"CORE_PEER_TLS_ENABLED":           "",
		"CORE_PEER_NETWORKID":             "",
		"_":                               "",
		"":                                "",
	} {
		if got := nearest.Variable(name, candidates); got != want {
			t.Errorf("%q is taken for %q, not %q", name, got, want)
		}
	}
}

func TestLabel(t *testing.T) {
	for candidate, near := range map[string]bool{
		"basic_1": true, "Basic_1.0": true, "basic-1.0": true, "basic1.0": true, "basc_1.0": true, "baisc_1.0": true, "basic_v1.0": true,
		"basic_2.0": false, "basic_1.10": false, "basic_10.1": false, // other versions
		"basil_x_1.0": false, "magic_1.0": false, "node_1.0": false,
	} {
		if got := nearest.Label("basic_1.0", []string{candidate}); (got != "") != near {
			t.Errorf("%q: got %q", candidate, got)
		}
	}
}

package connection

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"ccaas-template-builder/pkg/chaincode"
)

// Servers holds the package IDs of one peer's chaincodes, keyed by the address of the server
// that the peer dials. A chaincode server registers with one package ID, so only one of several
// chaincodes with the same address can work.
type Servers map[string][]string

// Add adds the chaincode with this package ID and this address in its connection. It ignores
// an address that no peer could dial.
func (s Servers) Add(packageID, address string) {
	if dialled := dialled(address); dialled != "" && !slices.Contains(s[dialled], packageID) {
		s[dialled] = append(s[dialled], packageID)
	}
}

// Shared returns an error if chaincodes with other package IDs have the same address, or nil.
func (s Servers) Shared(packageID, address string) *SharedError {
	others := slices.DeleteFunc(slices.Clone(s[dialled(address)]), func(id string) bool { return id == packageID })
	if len(others) == 0 {
		return nil
	}
	return &SharedError{packageID, address, others}
}

// dialled returns an address in normal form, or "" if no peer could dial it: the case of a host
// name and the form of an IP address make no difference. Names are not resolved, so localhost
// is not 127.0.0.1.
func dialled(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || checkAddress(address) != nil {
		return ""
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	return net.JoinHostPort(strings.ToLower(host), port)
}

// SharedError reports that a chaincode has the same address as others.
type SharedError struct {
	PackageID string
	Address   string
	Others    []string // their package IDs, at least one
}

// Error does not name the chaincode itself: the text in front of it in a message does.
func (e *SharedError) Error() string {
	more := ""
	if n := len(e.Others) - 1; n > 0 {
		more = fmt.Sprintf(" and of %d more", n)
	}
	return fmt.Sprintf("has the address %s, which is also that of %s%s, but a chaincode server serves one package ID",
		e.Address, chaincode.ShortID(e.Others[0]), more)
}

// Hint suggests how to fix the error. Values can differ by label, but not by package ID.
func (e *SharedError) Hint() string {
	label := chaincode.LabelOf(e.PackageID)
	if slices.ContainsFunc(e.Others, func(id string) bool { return chaincode.LabelOf(id) == label }) {
		return "packages with one label get the same values: make the new one with another label, " +
			"and give that an address of its own"
	}
	return "give each an address of its own, such as in LABEL/CORE_CHAINCODE_ADDRESS of the folder that " +
		"CCAAS_ENV_DIR names, and also one that no channel uses any longer; " +
		"ccaas refresh changes that of an installed chaincode"
}

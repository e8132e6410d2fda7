package chaincode

import "fmt"

// PackageID is the ID by which a peer knows the package that has this label and
// whose bytes have the SHA-256 sum hash.
func PackageID(label string, hash [32]byte) string {
	return fmt.Sprintf("%s:%x", label, hash)
}

package chaincode

import (
	"fmt"
	"strings"
)

// PackageID is the ID by which a peer knows the package that has this label and
// whose bytes have the SHA-256 sum hash.
func PackageID(label string, hash [32]byte) string {
	return fmt.Sprintf("%s:%x", label, hash)
}

// LabelOf is the label in a package ID.
func LabelOf(packageID string) string {
	label, _, _ := strings.Cut(packageID, ":")
	return label
}

// ShortID is as much of a package ID as people need to tell it from others.
func ShortID(packageID string) string {
	const hash, shown = 64, 8
	if len(packageID) <= hash {
		return packageID
	}
	return packageID[:len(packageID)-hash+shown]
}

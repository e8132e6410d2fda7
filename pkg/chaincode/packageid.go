package chaincode

import (
	"fmt"
	"strings"
)

// PackageID returns the ID that a peer gives to a package with this label. hash is the SHA-256
// of the package.
func PackageID(label string, hash [32]byte) string {
	return fmt.Sprintf("%s:%x", label, hash)
}

// LabelOf returns the label in a package ID.
func LabelOf(packageID string) string {
	label, _, _ := strings.Cut(packageID, ":")
	return label
}

// ShortID returns a package ID with only the first eight digits of its hash, which are enough
// for people to tell it from others.
func ShortID(packageID string) string {
	const hash, shown = 64, 8
	if len(packageID) <= hash {
		return packageID
	}
	return packageID[:len(packageID)-hash+shown]
}

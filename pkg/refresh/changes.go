package refresh

import (
	"bytes"
	"fmt"

	"ccaas-template-builder/internal/pemtext"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
)

// is reports whether the file already has the content data and the right mode.
func (f *onDisk) is(data []byte) bool {
	return bytes.Equal(f.data, data) && f.info.Mode() == safefile.FileMode
}

// differs reports whether a peer would connect differently with c.
func (t *target) differs(c connection.Connection) bool {
	return t.released.unusable != nil || t.released.connection != c
}

// changes lists what would change with the connection c.
func (t *target) changes(c connection.Connection) []Change {
	data := c.Encode()
	var all []Change
	switch {
	case t.released.unusable != nil:
		all = append(all, Change{chaincode.ConnectionFile, "cannot be used: " + shown(t.released.unusable.Error()), "valid"})
	case t.differs(c):
		for _, d := range connection.Differences(t.released.connection, c) {
			all = append(all, Change{d.Key, shown(d.A), d.B})
		}
	}
	if mode := t.released.info.Mode(); mode != safefile.FileMode {
		all = append(all, Change{"mode", fmt.Sprintf("%04o", mode.Perm()), fmt.Sprintf("%04o", safefile.FileMode)})
	}
	switch {
	case len(all) > 0:
	case !t.released.is(data):
		all = append(all, Change{chaincode.ConnectionFile, "formatted differently", "reformatted"})
	case t.built != nil && !t.built.is(data):
		all = append(all, Change{built, "differs from release", "updated"})
	}
	return all
}

// shown returns text from a file on disk, or "(hidden)" if the text contains a private key.
func shown(text string) string {
	if pemtext.TextHoldsKey(text) {
		return "(hidden)"
	}
	return text
}

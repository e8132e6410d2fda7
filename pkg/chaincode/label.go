package chaincode

import "fmt"

// maxLabel is the length of the longest label for which the name of the peer's scratch
// folder, fabric-LABEL-HASH and up to ten random digits, does not exceed the limit of file
// systems (255 bytes).
const maxLabel = 255 - len("fabric--") - 64 - 10

// LabelError describes what is wrong with a label.
type LabelError struct{ text string }

func (e *LabelError) Error() string { return e.text }

// CheckLabel checks label against the peer's rule (LabelRegexp in core/chaincode/persistence):
// a letter or digit, then letters, digits and _.+-
// It also rejects a label that is too long for the names of the peer's folders. Its error is a
// *LabelError.
func CheckLabel(label string) error {
	if label == "" {
		return &LabelError{"the label is empty"}
	}
	for i := range len(label) {
		if c := label[i]; !alphanumeric(c) && (i == 0 || c != '_' && c != '.' && c != '+' && c != '-') {
			return &LabelError{fmt.Sprintf("label %q: a label may contain only letters, digits and _.+- "+
				"and must begin with a letter or digit", label)}
		}
	}
	if len(label) > maxLabel {
		return &LabelError{fmt.Sprintf("label %q: is longer than %d bytes, so the peer cannot create its folders",
			label, maxLabel)}
	}
	return nil
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

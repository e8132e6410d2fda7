package docpage_test

import (
	"slices"
	"testing"

	"ccaas-template-builder/internal/docpage"
)

// A block is found by its language, and indentation of the whole block is not part of it.
func TestBlocks(t *testing.T) {
	text := "```\nnone\n```\n```sh\nfirst\n  second\n```\n- list\n\n  ```sh\n  third\n    fourth\n  ```\n```json\n{}\n```\n"
	for language, want := range map[string][]string{
		"":     {"none\n"},
		"sh":   {"first\n  second\n", "third\n  fourth\n"},
		"json": {"{}\n"},
	} {
		if got := docpage.Blocks(t, text, language); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", language, got, want)
		}
	}
}

// A section ends before the next heading of its level.
func TestSection(t *testing.T) {
	const text = "# A\n\n## B\nb\n\n### C\nc\n\n## D\nd\n"
	for heading, want := range map[string]string{"B": "b\n\n### C\nc\n", "D": "d\n"} {
		if got := docpage.Section(t, text, heading); got != want {
			t.Errorf("%s: got %q, want %q", heading, got, want)
		}
	}
}

package doctor_test

import (
	"errors"
	"testing"

	"ccaas-template-builder/internal/doctor"
	"ccaas-template-builder/internal/finding"
)

// A test cannot fill the disk, so the free space is made up here. Everything else is tested in
// cmd/ccaas/testdata/script/doctor.txtar.
func TestFree(t *testing.T) {
	for name, test := range map[string]struct {
		free func(string) (uint64, error)
		want []finding.Code
	}{
		"enough":  {func(string) (uint64, error) { return 128 << 20, nil }, nil},
		"little":  {func(string) (uint64, error) { return 128<<20 - 1, nil }, []finding.Code{finding.TempDirFull}},
		"unknown": {func(string) (uint64, error) { return 0, errors.New("no such call") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			asked := ""
			machine := doctor.Machine{CoreYAML: "core.yaml", Env: map[string]string{"TMPDIR": dir}, Free: func(dir string) (uint64, error) {
				asked = dir
				return test.free(dir)
			}}
			checks, err := doctor.Examine(t.Context(), machine, nil)
			if err != nil {
				t.Fatal(err)
			}
			var codes []finding.Code
			for _, check := range checks {
				if check.Name == "there is room for temporary files" {
					for _, f := range check.Findings {
						codes = append(codes, f.Code)
					}
				}
			}
			if asked != dir || len(codes) != len(test.want) || len(codes) == 1 && codes[0] != test.want[0] {
				t.Errorf("asked for %q, found %v, want %v", asked, codes, test.want)
			}
		})
	}
}

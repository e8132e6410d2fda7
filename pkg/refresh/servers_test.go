package refresh_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/probe"
	"ccaas-template-builder/pkg/store"
)

// For each of our builds, Servers probes the connection that the peer reads, not what would be
// rendered.
func TestServers(t *testing.T) {
	env := environment(t, "peer0", now.AddDate(0, 0, -1)) // its certificate has expired
	s := store.Store(t.TempDir())
	for label, builder := range map[string]string{"answers": ours, "refuses": ours, "panics": ours, "theirs": "theirs", "cut_off": ours, "gone": ours} {
		b := install(t, s, pack(t, label, chaincode.DefaultType), builder, env)
		switch label {
		case "cut_off":
			write(t, at(b, released), rendered(env)[:900])
		case "gone": // the package, not the build
			remove(t, s.PackageFile(pack(t, label, chaincode.DefaultType).ID))
		}
	}
	write(t, filepath.Join(s.BuildsDir(), "lost+found", "x"), nil) // not a build
	before := tree(t, string(s))
	r := refresher(s, with(env, "HOST", "elsewhere"))
	r.Probe = probing(func(target probe.Target) error {
		switch label := chaincode.LabelOf(target.PackageID); {
		case target.Connection.Address != "cc:9999":
			return errors.New("that is not what is on disk")
		case label == "panics":
			panic(target.Connection.ClientKey)
		case label == "refuses":
			return errors.New("nobody there")
		}
		return nil
	})
	all := func(label string) (found []string) {
		servers, err := r.Servers(t.Context(), label)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range servers {
			line := fmt.Sprintln(chaincode.LabelOf(s.PackageID), s.Address, len(s.Stages), len(s.Certificates), len(s.Warnings), s.Errors)
			line, _, _ = strings.Cut(line, " in ") // cut off the place of a panic
			found = append(found, strings.TrimSpace(line))
		}
		return found
	}
	want := []string{
		"answers cc:9999 1 2 1 []",
		"cut_off  0 0 0 [release/chaincode/server/connection.json cannot be used: is not valid JSON]",
		"gone cc:9999 1 2 1 []",
		"panics cc:9999 0 2 1 [internal error",
		"refuses cc:9999 1 2 1 [package ID: nobody there]",
	}
	if got := all(""); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := all("gone"); !slices.Equal(got, want[2:3]) {
		t.Errorf("with a label, got %q", got)
	}
	r.Adopt = []string{"theirs"}
	if got := all("theirs"); !slices.Equal(got, []string{"theirs cc:9999 1 2 1 []"}) {
		t.Errorf("adopted, got %q", got)
	}
	same(t, string(s), before)
}

package compose_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ccaas-template-builder/internal/must"
	loopback "ccaas-template-builder/internal/network"
	"ccaas-template-builder/internal/testprograms"
)

// broken is a stand-in for a program of Fabric. It runs the first command that changes the
// network, and then fails, as if the script had been killed there.
const broken = `#!/bin/sh
case "${0##*/} $*" in
*" join "* | *" install "* | *" approveformyorg "* | *" commit "*)
  REAL/"${0##*/}" "$@" && echo "$*" >>"$DONE"
  exit 1 ;;
esac
exec REAL/"${0##*/}" "$@"
`

// Wherever a deployment was interrupted, the next one continues. Once everything is done,
// another one does nothing.
func TestDeploy(t *testing.T) {
	programs := t.TempDir()
	if err := testprograms.Build(project, programs); err != nil {
		t.Fatal(err)
	}
	n := loopback.New(loopback.Config{
		Checkout: must.Get(filepath.Abs(project))(t), Programs: programs, Fabric: fabric(t), FabricConfig: os.Getenv("FABRIC_CFG"),
		Dir: t.TempDir(), Port: must.Get(loopback.FreePort())(t), Organisations: 1,
	})
	t.Cleanup(n.End)
	for _, step := range []func(context.Context) error{n.Make, n.Start} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "notes.tgz")
	id := strings.TrimSpace(string(must.Get(exec.Command(programs+"/ccaas", "package", file, "--path", "package", "--label", "notes_1.0").Output())(t)))
	breaking := t.TempDir()
	for _, program := range []string{"peer", "osnadmin"} {
		network{T: t}.write(filepath.Join(breaking, program), strings.ReplaceAll(broken, "REAL", fabric(t)))
	}
	run := func() (done string, err error) {
		t.Helper()
		record := filepath.Join(t.TempDir(), "done")
		cmd := exec.CommandContext(t.Context(), "sh", "deploy.sh")
		for name, value := range n.Administrator(n.Organisations[0], 0) {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		cmd.Env = append(cmd.Env, "PATH="+breaking+":"+os.Getenv("PATH"), "DONE="+record, "PACKAGE="+file, "CORE_CHAINCODE_ID="+id,
			"PEERS="+n.Peers()[0].Address+" "+n.Peers()[1].Address)
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		content, _ := os.ReadFile(record)
		return string(content), err
	}
	for _, step := range []string{"channel join --channelID", "channel join -b", "channel join -b", "chaincode install", "chaincode install",
		"chaincode approveformyorg", "chaincode commit"} {
		if done, err := run(); err == nil || !strings.Contains(done, step) || strings.Count(done, "\n") != 1 {
			t.Fatalf("instead of %q it has done %q: %v", step, done, err)
		}
	}
	if done, err := run(); err != nil || done != "" {
		t.Errorf("when all was done, it has done %q: %v", done, err)
	}
}

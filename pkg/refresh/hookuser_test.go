package refresh_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/pkg/refresh"
)

// started is the output of a command. It calls then once the command has printed something.
type started struct {
	then func(said string)
}

func (s started) Write(said []byte) (int, error) {
	s.then(strings.TrimSpace(string(said)))
	return len(said), nil
}

// A command that has changed its user, as sudo does, cannot be killed. Run says so and does not
// wait for it, but no other command starts until it has ended, even if it has closed the file that
// holds the lock. The test runs again in a process of root that may not kill other users' processes.
func TestHookOfOtherUser(t *testing.T) {
	const limited = "CCAAS_TEST_NO_KILL"
	if os.Getenv(limited) == "" {
		if _, err := exec.LookPath("setpriv"); err != nil || os.Getuid() != 0 {
			t.Skip("only root can start a command of another user, with setpriv")
		}
		cmd := exec.Command("setpriv", "--bounding-set=-kill", os.Args[0], "-test.run=^TestHookOfOtherUser$")
		cmd.Env = append(os.Environ(), limited+"=true")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	const asNobody = "setpriv --reuid=65534 --clear-groups "
	s, _, id := due(t)
	ctx, cancel := context.WithCancel(t.Context())
	pid := ""
	goesOn, _ := script("exec 3>&-; exec " + asNobody + "sh -c 'echo $$; exec sleep 20'")
	goesOn.Output = started{func(said string) { pid = said; cancel() }}
	_, err := goesOn.Run(ctx, s, id)
	if want := `the command "sh" could not be killed: it runs as another user`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	ends := refresh.Hook{Command: []string{"true"}, Timeout: 100 * time.Millisecond}
	isRun(t, ends, s, id, nil, "another run of the command for this chaincode has not ended")
	if out, err := exec.Command("sh", "-c", asNobody+"kill "+pid).CombinedOutput(); err != nil {
		t.Errorf("%v %s", err, out)
	}
	ends.Timeout = 10 * time.Second
	isRun(t, ends, s, id, []string{"address"}, "")
}

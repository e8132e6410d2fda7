package compose_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What peer and osnadmin do as far as deploy.sh goes, with their state in files: each
// thing can be done once, and only after those it needs. The call number STOP fails.
const fakeFabric = `#!/bin/sh
once() {
  echo >>calls
  test "$(wc -l <calls)" != "$STOP" && test ! -e "$1" && echo "$2" >"$1"
}
at=$CORE_PEER_ADDRESS
case "${0##*/} $*" in
"osnadmin channel list --channelID channel -o orderer.example.com:7053 "*) test ! -e orderer || echo '"name": "channel"' ;;
"osnadmin channel list -o orderer.example.com:7053 "*) ;;
"osnadmin channel join --channelID channel --config-block "*" -o orderer.example.com:7053 "*) once orderer ;;
"peer channel list") cat "joined-$at" 2>/dev/null || : ;;
"peer channel join -b "*) once "joined-$at" channel ;;
"peer lifecycle chaincode queryinstalled") cat "installed-$at" 2>/dev/null || : ;;
"peer lifecycle chaincode install /package/basic.tgz") test -e "joined-$at" && once "installed-$at" "Package ID: $CORE_CHAINCODE_ID," ;;
"peer lifecycle chaincode querycommitted -C channel -n basic") test -e committed ;;
"peer channel fetch newest /tmp/newest.block -c channel -o orderer.example.com:7050 "*) test -e orderer ;;
"peer lifecycle chaincode queryapproved -C channel -n basic --sequence 1") test -e approved ;;
"peer lifecycle chaincode approveformyorg -C channel -n basic -v 1.0 --sequence 1 --package-id $CORE_CHAINCODE_ID -o "*) once approved ;;
"peer lifecycle chaincode commit -C channel -n basic -v 1.0 --sequence 1 -o "*) test -e approved && once committed ;;
*) echo "unexpected: $*" >&2; exit 2 ;;
esac
`

// Wherever a deploy has broken off, the next one ends it, and one more does nothing.
func TestDeploy(t *testing.T) {
	n := network{T: t}
	const steps = 7
	for stop := range steps + 1 {
		dir := t.TempDir()
		n.write(dir+"/osnadmin", fakeFabric)
		n.write(dir+"/peer", fakeFabric)
		deploy := func(stop int) error {
			cmd := exec.CommandContext(t.Context(), "sh", must(os.Getwd())(t)+"/deploy.sh")
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "CORE_CHAINCODE_ID=basic_1.0:1", fmt.Sprintf("STOP=%d", stop)}
			out, err := cmd.CombinedOutput()
			if strings.Contains(string(out), "unexpected") {
				t.Fatalf("%s", out)
			}
			return err
		}
		if err := deploy(stop); (err != nil) != (stop > 0) {
			t.Errorf("stopped at %d: %v", stop, err)
		}
		for range 2 {
			if err := deploy(0); err != nil {
				t.Errorf("again, after %d: %v", stop, err)
			}
		}
		calls := steps
		if stop > 0 {
			calls++ // the one that failed
		}
		if got := strings.Count(string(must(os.ReadFile(dir+"/calls"))(t)), "\n"); got != calls {
			t.Errorf("stopped at %d: %d steps, want %d", stop, got, calls)
		}
	}
}

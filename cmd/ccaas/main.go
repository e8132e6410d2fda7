// Command ccaas is for people who write and install chaincode packages for
// ccaas-template-builder. It makes and checks packages, shows what a peer would make of them,
// prepares peers, deploys packages, and dials chaincode servers.
//
// Results go to stdout, everything else to stderr. The exit status is 0 if all is well, 1 if
// something is wrong, and 2 if the arguments are wrong.
package main

import (
	"os"

	"ccaas-template-builder/internal/program"
)

func main() {
	p := program.New("ccaas")
	os.Exit(p.Run(run))
}

// Command ccaas is for the people who write chaincode packages for
// ccaas-template-builder and install them: it makes and checks packages, shows
// what a peer would make of them, prepares peers, and dials chaincode servers.
//
// Results go to stdout, everything else to stderr. It exits with 0 if all is well,
// with 1 if it found something wrong, and with 2 if it was called wrongly.
package main

import (
	"os"

	"ccaas-template-builder/internal/program"
)

func main() {
	p := program.New("ccaas")
	os.Exit(p.Run(run))
}

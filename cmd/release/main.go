// Command release is a step of an external builder for Hyperledger Fabric; see package release.
package main

import (
	"os"
	"time"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/step/release"
)

func main() {
	p := program.New("release")
	p.Signals = program.TerminationSignals()
	p.Deadline = time.Minute // enough for thousands of indexes on a slow disk; an install may take five minutes
	os.Exit(p.Run(release.Run))
}

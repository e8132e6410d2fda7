// Command build is a step of an external builder for Hyperledger Fabric; see package build.
package main

import (
	"os"
	"time"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/step/build"
)

func main() {
	p := program.New("build")
	p.Signals = program.TerminationSignals()
	p.Deadline = time.Minute // enough for thousands of indexes on a slow disk; an install may take five minutes
	os.Exit(p.Run(build.Run))
}

// Command build is a step of an external builder of Hyperledger Fabric; see package build.
package main

import (
	"os"
	"time"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/build"
)

func main() {
	p := program.New("build")
	p.Deadline = 5 * time.Second
	os.Exit(p.Run(build.Run))
}

// Command release is a step of an external builder of Hyperledger Fabric; see package release.
package main

import (
	"os"
	"time"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/release"
)

func main() {
	p := program.New("release")
	p.Deadline = 5 * time.Second
	os.Exit(p.Run(release.Run))
}

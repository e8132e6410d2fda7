// Command detect is a step of an external builder for Hyperledger Fabric; see package detect.
package main

import (
	"os"
	"time"

	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/step/detect"
)

func main() {
	p := program.New("detect")
	p.Deadline = 5 * time.Second
	os.Exit(p.Run(detect.Run))
}

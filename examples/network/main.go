// Command network runs the Fabric network of this folder on loopback until it is interrupted:
//
//	network up [flags]
//	network down [flags]
//
// make network and make network-down call it. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"ccaas-template-builder/internal/network"
)

// room is how many bytes must be free for the network, which takes 160 MB when it starts.
const room = 256 << 20

func main() {
	config := network.Config{Organisations: 2}
	flags := flag.NewFlagSet("network", flag.ExitOnError)
	flags.StringVar(&config.Checkout, "checkout", ".", "the checkout of this project")
	flags.StringVar(&config.Dir, "dir", "network", "the folder for everything that the network creates")
	flags.StringVar(&config.Programs, "programs", "bin", "the folder of ccaas, detect, build and release")
	flags.StringVar(&config.Fabric, "fabric-bin", "bin/fabric", "the folder of Fabric's programs")
	flags.StringVar(&config.FabricConfig, "fabric-cfg", "", "the folder of Fabric's core.yaml and orderer.yaml")
	flags.IntVar(&config.Port, "port", 7050, fmt.Sprintf("the first of %d ports on %s", network.Ports, network.Host))
	if len(os.Args) < 2 || os.Args[1] != "up" && os.Args[1] != "down" {
		fmt.Fprintln(os.Stderr, "usage: network up|down [flags]")
		os.Exit(2)
	}
	flags.Parse(os.Args[2:])
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second signal ends this process and the network at once
	err := absolute(&config)
	if err == nil && os.Args[1] == "up" {
		err = up(ctx, config)
	} else if err == nil {
		err = network.Remove(config.Dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "network:", err)
		os.Exit(1)
	}
}

func absolute(config *network.Config) (err error) {
	for _, path := range []*string{&config.Checkout, &config.Dir, &config.Programs, &config.Fabric, &config.FabricConfig} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	return nil
}

// up runs the network until ctx ends.
func up(ctx context.Context, config network.Config) error {
	release, err := network.Claim(config.Dir)
	if err != nil {
		return err
	}
	defer release()
	if err := checkRoom(config.Dir, room); err != nil {
		return err
	}
	n := network.New(config)
	defer n.End()
	if err := start(ctx, n); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return err
	}
	fmt.Print(ready(n))
	for _, node := range append(n.Peers(), n.Orderer) {
		go func() {
			<-node.Process.Ended
			if ctx.Err() == nil {
				fmt.Fprintf(os.Stderr, "network: %s has exited (%s): see %s\n", node.Name, node.Process.State(), node.Process.Log)
			}
		}()
	}
	<-ctx.Done()
	fmt.Fprintln(os.Stderr, "network: stopping")
	return nil
}

// start starts the network and deploys the chaincode on it.
func start(ctx context.Context, n *network.Network) error {
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"make certificates and configurations", n.Make},
		{"start an orderer and four peers", n.Start},
		{"create the channel, and join the peers to it", n.Join},
		{"deploy the chaincode notes, with examples/network/notes.sh", n.Deploy},
	}
	for _, step := range steps {
		fmt.Fprintln(os.Stderr, "network:", step.what)
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

func checkRoom(dir string, room uint64) error {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if free := uint64(stat.Bavail) * uint64(stat.Bsize); free < room {
		return fmt.Errorf("%s has %d MiB free, but a network needs %d MiB: free some space there", dir, free>>20, room>>20)
	}
	return nil
}

// ready says what is running and what the user can type next.
func ready(n *network.Network) string {
	return fmt.Sprintf(`ready: Org1 and Org2, two peers each, on the channel %s; the chaincode notes answers on all four
It runs until Ctrl-C. In another terminal:
  . %[2]s/org1.sh     # the peer CLI as Org1's administrator, at peer0; ". %[2]s/org1.sh 1": at peer1
  peer chaincode query -C %[1]s -n notes -c '{"Args":["server"]}'
  ccaas render %[2]s/notes/notes.tgz --env-file %[2]s/peer0.org1.example.com/peer.env
More to try: examples/network/README.md. Logs: %[2]s/*/log
`, network.Channel, shown(n.Dir))
}

// shown returns the shortest path for the user to type. It is relative if path is below the
// current folder.
func shown(path string) string {
	if wd, err := os.Getwd(); err == nil {
		if relative, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(relative) {
			return relative
		}
	}
	return path
}

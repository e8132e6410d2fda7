package main

import (
	"context"
	"fmt"
	"os"

	"ccaas-template-builder/internal/testprograms"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/coreyaml"
)

// growth is the cost of a command for a given number of files, builds or peers.
type growth struct {
	Name   string `json:"name"`
	Number int    `json:"number"`
	measurement
}

// few is the number of runs of each of these. They take longer, so noise matters less.
const few = 5

// growth measures commands whose cost grows with the number of files, builds or peers.
func (b *bench) growth() ([]growth, error) {
	var all []growth
	for _, measure := range []func() ([]growth, error){b.indexes, b.refreshes, b.peers} {
		more, err := measure()
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// grow calls prepare for each of numbers, and then measures run.
func grow(
	name string, numbers []int, prepare func(n int) error, run func(m *measurement, n int) error,
) ([]growth, error) {
	var all []growth
	for _, n := range numbers {
		g := growth{Name: name, Number: n}
		if err := prepare(n); err != nil {
			return nil, err
		}
		for range few {
			if err := run(&g.measurement, n); err != nil {
				return nil, err
			}
		}
		all = append(all, g)
	}
	return all, nil
}

// indexes measures build and release of packages with many index files.
func (b *bench) indexes() ([]growth, error) {
	numbers := []int{1, 100, 10_000}
	source := func(n int) string { return fmt.Sprintf("src%d", n) }
	build := func(m *measurement, n int) error { return b.step(m, b.path("bin/build"), source(n)) }
	built, err := grow("build: index files", numbers, func(n int) error {
		files := map[string]string{source(n) + "/connection.json": template}
		for i := range n {
			files[fmt.Sprintf("%s/META-INF/statedb/couchdb/indexes/%d.json", source(n), i)] = index
		}
		return b.write(files)
	}, build)
	if err != nil {
		return nil, err
	}
	buildOnce := func(n int) error { return build(&measurement{}, n) }
	released, err := grow("release: index files", numbers, buildOnce, func(m *measurement, n int) error {
		return b.step(m, b.path("bin/release"), source(n))
	})
	return append(built, released...), err
}

// refreshes measures ccaas refresh of a peer with many builds that are up to date.
func (b *bench) refreshes() ([]growth, error) {
	installed := 0
	ours := coreyaml.Builder{Name: coreyaml.DefaultName, Path: b.dir}
	return grow("refresh: builds", []int{1, 100, 1000}, func(n int) error {
		for ; installed < n; installed++ {
			pkg, err := pack(fmt.Sprintf("basic_%d", installed))
			if err != nil {
				return err
			}
			if err := testprograms.Install(context.Background(), b.path("peer"), pkg, b.env, ours); err != nil {
				return err
			}
		}
		return nil
	}, func(m *measurement, _ int) error {
		return b.measure(m, b.path("bin/ccaas"), "refresh", "--peer-dir", "peer", "--env-file", "peer.env")
	})
}

func pack(label string) (*archive.Package, error) {
	files := []archive.File{{Name: chaincode.ConnectionFile, Content: []byte(template)}}
	return archive.Write(label, chaincode.DefaultType, files)
}

// peers measures ccaas simulate for many peers.
func (b *bench) peers() ([]growth, error) {
	pkg, err := pack("basic")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.path("basic.tgz"), pkg.Bytes(), 0o600); err != nil {
		return nil, err
	}
	nothing := func(int) error { return nil }
	return grow("simulate: peers", []int{1, 8, 64}, nothing, func(m *measurement, n int) error {
		args := []string{"simulate", "basic.tgz"}
		for i := range n {
			args = append(args, "--peer", fmt.Sprintf("peer%d=peer.env", i))
		}
		return b.measure(m, b.path("bin/ccaas"), args...)
	})
}

package main

import (
	"os"
	"path/filepath"
)

// result is the cost of one of the compared programs.
type result struct {
	Name  string  `json:"name"`
	Ratio float64 `json:"ratio_to_empty"`
	Size  int64   `json:"size_bytes"`
	measurement
}

var steps = []string{"detect", "build", "release"}

// programs measures several programs in turn: an empty program, a program that only links what build
// links, our programs and, if baseline is given, the programs in that folder.
func (b *bench) programs(runs int, baseline string) ([]result, error) {
	all, files := []result{{Name: "empty"}, {Name: "linked"}}, []string{b.path("bin/empty"), b.path("bin/linked")}
	alone := len(files)
	add := func(prefix, dir string) {
		for _, name := range steps {
			all, files = append(all, result{Name: prefix + name}), append(files, filepath.Join(dir, name))
		}
	}
	add("", b.path("bin"))
	if baseline != "" {
		add("baseline ", baseline)
	}
	for range runs {
		for i, file := range files {
			if err := b.step(&all[i].measurement, file, "src"); err != nil {
				return nil, err
			}
		}
	}
	for i, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		all[i].Size = info.Size()
	}
	for first := alone; first < len(files); first += len(steps) {
		all = append(all, together(all[first].Name+" to release", all[first:first+len(steps)]))
	}
	for i := range all {
		all[i].Ratio = all[i].Median / all[0].Median
	}
	return all, nil
}

// together returns the cost of running programs one after the other.
func together(name string, programs []result) result {
	sum := result{Name: name}
	for _, p := range programs {
		sum.Median += p.Median
		sum.Memory = max(sum.Memory, p.Memory)
		sum.Size += p.Size
	}
	return sum
}

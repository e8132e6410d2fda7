// Command bench measures the builder's programs, and how their cost grows. Whatever
// it compares runs in turn, in the same minutes on the same machine: figures from
// two runs of it cannot be compared.
//
//	bench [-runs N] [-baseline DIR] [-growth=false] [-watch N] [-o json]
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"text/tabwriter"
	"time"
)

// report is everything that was measured.
type report struct {
	Programs []result `json:"programs"`
	Growth   []growth `json:"growth,omitempty"`
	Watches  []watch  `json:"watches,omitempty"`
}

func main() {
	runs := flag.Int("runs", 200, "how often each program is run")
	baseline := flag.String("baseline", "", "a folder with another builder's detect, build and release")
	grows := flag.Bool("growth", true, "measure growth too")
	most := flag.Int("watch", 10_000,
		"measure ccaas refresh --watch with 10, 1000 and 10000 chaincodes, up to so many")
	output := flag.String("o", "text", "text or json")
	flag.Parse()
	if err := run(*runs, *baseline, *grows, *most, *output == "json"); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(runs int, baseline string, grows bool, most int, asJSON bool) error {
	dir, err := os.MkdirTemp("", "ccaas-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := newBench(dir)
	if err != nil {
		return err
	}
	var r report
	if r.Programs, err = b.programs(runs, baseline); err != nil {
		return err
	}
	if grows {
		if r.Growth, err = b.growth(); err != nil {
			return err
		}
	}
	if r.Watches, err = b.watches(baseline, most); err != nil {
		return err
	}
	if asJSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	return r.print()
}

// print prints the report as tables.
func (r report) print() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "program\tmedian\t× empty\tmemory\tsize\t")
	for _, p := range r.Programs {
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%.1f MiB\t%.1f MiB\t\n", p.Name, p.median(), p.Ratio, mib(p.Memory), mib(p.Size))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(r.Growth) > 0 {
		fmt.Fprintln(w, "\t\t\t\t\t")
		fmt.Fprintln(w, "what\tnumber\tmedian\teach\tmemory\t")
	}
	for _, g := range r.Growth {
		each := (g.median() / time.Duration(g.Number)).Round(time.Microsecond)
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%.1f MiB\t\n", g.Name, g.Number, g.median(), each, mib(g.Memory))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(r.Watches) > 0 {
		fmt.Fprintln(w, "\t\t\t\t\t\t")
		fmt.Fprintln(w, "watch\tchaincodes\tone change in place\tits CPU\tCPU of an idle interval\tmemory\t")
	}
	for _, g := range r.Watches {
		fmt.Fprintf(w, "%s\t%d\t%.3f s\t%.3f s\t%.3f s\t%.1f MiB\t\n",
			g.Name, g.Number, g.InPlace, g.Change, g.Idle, mib(g.Memory))
	}
	return w.Flush()
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

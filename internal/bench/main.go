// Command bench measures the builder's programs, and how their cost grows. Programs that it compares
// run in turn, in the same minutes on the same machine. Figures from two runs of bench cannot be
// compared.
//
//	bench [-runs N] [-baseline DIR [-fabric-bin DIR -fabric-cfg DIR]] [-growth=false] [-watch N] [-o json]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"
)

// report holds everything that was measured.
type report struct {
	Programs []result  `json:"programs"`
	Growth   []growth  `json:"growth,omitempty"`
	Watches  []watch   `json:"watches,omitempty"`
	Installs []install `json:"installs,omitempty"`
}

// options says what to measure.
type options struct {
	runs     int
	baseline string
	fabric   fabric
	grows    bool
	most     int
}

func main() {
	var o options
	flag.IntVar(&o.runs, "runs", 200, "how often each program is run")
	flag.StringVar(&o.baseline, "baseline", "", "a folder with another builder's detect, build and release")
	flag.StringVar(&o.fabric.bin, "fabric-bin", "",
		"with -baseline, a folder with Fabric's programs: measure installs on peers that run")
	flag.StringVar(&o.fabric.cfg, "fabric-cfg", "", "the folder with Fabric's core.yaml and orderer.yaml")
	flag.BoolVar(&o.grows, "growth", true, "measure growth too")
	flag.IntVar(&o.most, "watch", 10_000,
		"measure ccaas refresh --watch with 10, 1000 and 10000 chaincodes, up to so many")
	output := flag.String("o", "text", "text or json")
	flag.Parse()
	if err := o.run(*output == "json"); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o options) run(asJSON bool) error {
	dir, err := os.MkdirTemp("", "ccaas-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := newBench(dir)
	if err != nil {
		return err
	}
	r, err := o.measure(b)
	if err != nil {
		return err
	}
	if asJSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	return r.print()
}

func (o options) measure(b *bench) (r report, err error) {
	if o.baseline != "" {
		if o.baseline, err = filepath.Abs(o.baseline); err != nil {
			return r, err
		}
	}
	if r.Programs, err = b.programs(o.runs, o.baseline); err != nil {
		return r, err
	}
	if o.baseline != "" && o.fabric.bin != "" {
		if r.Installs, err = b.installs(context.Background(), o.baseline, o.fabric); err != nil {
			return r, err
		}
	}
	if o.grows {
		if r.Growth, err = b.growth(); err != nil {
			return r, err
		}
	}
	r.Watches, err = b.watches(o.baseline, o.most)
	return r, err
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
	if len(r.Installs) > 0 {
		fmt.Fprintln(w, "\t\t\t\t\t")
		fmt.Fprintln(w, "install\tas the client sees it\t× baseline\ton the peer\t× baseline\t")
		theirs := r.Installs[len(r.Installs)-1]
		for _, i := range r.Installs {
			fmt.Fprintf(w, "%s\t%.1f ms\t%.2f\t%.1f ms\t%.2f\t\n",
				i.Name, 1000*i.Client, i.Client/theirs.Client, 1000*i.Peer, i.Peer/theirs.Peer)
		}
		if err := w.Flush(); err != nil {
			return err
		}
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

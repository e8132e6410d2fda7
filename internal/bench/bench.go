package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ccaas-template-builder/internal/testpki"
	"ccaas-template-builder/internal/testprograms"
)

// template is the connection.json of a package that any builder that reads variable can build.
const template = `{
  "address": "{{.peername}}:9999",
  "dial_timeout": "10s",
  "tls_required": true,
  "client_auth_required": true,
  "root_cert": "{{.root_cert}}",
  "client_cert": "{{.client_cert}}",
  "client_key": "{{.client_key}}"
}`

const variable = "CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG"

const index = `{"index":{"fields":["size"]},"ddoc":"sizeDoc","name":"size","type":"json"}`

// bench is the folder of one run: the programs in bin, a package unpacked as the peer unpacks it, and
// the environment of everything that is measured.
type bench struct {
	dir string
	env map[string]string
}

func newBench(dir string) (*bench, error) {
	b := &bench{dir: dir}
	if err := testprograms.Build(".", b.path("bin")); err != nil {
		return nil, err
	}
	if err := b.write(map[string]string{
		"empty/main.go": "package main\n\nfunc main() {}\n",
		"empty/go.mod":  "module empty\n",
		"src/META-INF/statedb/couchdb/indexes/size.json": index,
		"src/connection.json":                            template,
		"metadata/metadata.json":                         `{"type":"ccaas","label":"basic_1.0"}`,
		"tmp/.keep":                                      "",
	}); err != nil {
		return nil, err
	}
	for name, from := range map[string]string{
		"empty":    b.path("empty"),
		"linked":   "internal/bench/linked",
		"measured": "internal/bench/measured",
	} {
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.path("bin/"+name), ".")
		build.Dir, build.Env = from, append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
	}
	return b, b.setEnvironment()
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// write writes files, keyed by their paths in the folder.
func (b *bench) write(files map[string]string) error {
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(b.path(name)), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(b.path(name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// setEnvironment makes the environment of a peer, and writes it to peer.env.
func (b *bench) setEnvironment() error {
	now := time.Now()
	ca, err := testpki.CA("servers", now)
	if err != nil {
		return err
	}
	client, err := ca.Issue("peer0", now, now.AddDate(1, 0, 0))
	if err != nil {
		return err
	}
	values, err := json.Marshal(map[string]string{
		"peername":    "peer0",
		"root_cert":   ca.Cert,
		"client_cert": client.Cert,
		"client_key":  client.Key,
	})
	if err != nil {
		return err
	}
	b.env = map[string]string{"PATH": os.Getenv("PATH"), "TMPDIR": b.path("tmp"), variable: string(values)}
	var lines strings.Builder
	for name, value := range b.env {
		fmt.Fprintf(&lines, "%s='%s'\n", name, value)
	}
	return b.write(map[string]string{"peer.env": lines.String()})
}

// measurement is the time and memory that the runs of one program took.
type measurement struct {
	Median float64 `json:"median_seconds"`
	Memory int64   `json:"peak_memory_bytes"`
	times  []time.Duration
}

func (m *measurement) median() time.Duration {
	return time.Duration(m.Median * float64(time.Second)).Round(time.Microsecond)
}

// measure runs a program once more, and adds the run to m.
func (b *bench) measure(m *measurement, program string, args ...string) error {
	cmd := exec.Command(b.path("bin/measured"), append([]string{program}, args...)...)
	cmd.Dir = b.dir
	for name, value := range b.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, &said)
	}
	var nanoseconds, kib int64
	if _, err := fmt.Sscan(string(out), &nanoseconds, &kib); err != nil {
		return err
	}
	m.times = append(m.times, time.Duration(nanoseconds))
	slices.Sort(m.times)
	m.Median = m.times[len(m.times)/2].Seconds()
	m.Memory = max(m.Memory, kib<<10)
	return nil
}

// step runs one program of a builder once more, on the package in the folder source. Each run writes
// to a new folder, which is kept for the next step.
func (b *bench) step(m *measurement, program, source string) error {
	args := []string{source, "metadata"}
	switch filepath.Base(program) {
	case "build":
		args = append(args, "bld")
	case "release":
		args = []string{"bld", "release"}
	case "detect":
		return b.measure(m, program, args...)
	default:
		return b.measure(m, program)
	}
	out := b.path(args[len(args)-1])
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.Mkdir(out, 0o700); err != nil {
		return err
	}
	return b.measure(m, program, args...)
}

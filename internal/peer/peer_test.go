package peer_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/internal/peer"
	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/coreyaml"
)

const good = `mkdir -p "$2/chaincode/server"; printf '%s' '{"address":"cc:1","dial_timeout":"3s"}' >"$2/chaincode/server/connection.json"`

// builder writes a builder that consists of these shell scripts.
func builder(t *testing.T, detect, build, release string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{"detect": detect, "build": build, "release": release} {
		if err := os.WriteFile(filepath.Join(dir, "bin", name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func testPackage(t *testing.T) *archive.Package {
	t.Helper()
	pkg, err := archive.Write("basic_1.0", "ccaas", []archive.File{{Name: "connection.json", Content: []byte("{}")}})
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}

func newPeer(t *testing.T, builder string, lines *[]string) *peer.Peer {
	t.Helper()
	return &peer.Peer{Dir: t.TempDir(), Builders: []coreyaml.Builder{{Name: "ours", Path: builder}}, Env: map[string]string{"PATH": os.Getenv("PATH"), "TMPDIR": t.TempDir()},
		Log: func(line string) { *lines = append(*lines, line) }}
}

func TestInstall(t *testing.T) {
	var lines []string
	show := `for f in "$@"; do echo "$(basename $f) $(stat -c %a $f)" >&2; done; echo stdout is thrown away`
	p := newPeer(t, builder(t, show+`; stat -c %a "$2/metadata.json" >&2; cat "$1/connection.json" >&2; echo >&2`, show+`; echo x >"$3/kept"; chmod 640 "$3/kept"`, show+"; "+good), &lines)
	pkg := testPackage(t)
	c, err := p.Install(t.Context(), pkg)
	if err != nil || c.Address != "cc:1" {
		t.Fatalf("got %+v, %v; %q", c, err, lines)
	}
	// The steps and the folders are those of a peer.
	want := []string{"src 700", "metadata 700", "700", "{}", "src 700", "metadata 700", "bld 700", "bld 700", "release 700"}
	if !slices.Equal(lines, want) {
		t.Errorf("the programs saw %q, want %q", lines, want)
	}
	hash := strings.TrimPrefix(pkg.ID, "basic_1.0:")
	durable := filepath.Join(p.Dir, "externalbuilder/builds/basic_1.0-"+hash)
	if info, err := os.ReadFile(filepath.Join(durable, "build-info.json")); string(info) != `{"builder_name":"ours"}` {
		t.Errorf("build-info.json is %s, %v", info, err)
	}
	if info, err := os.Stat(filepath.Join(durable, "bld/kept")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the build was not kept with its modes: %v, %v", info, err)
	}
	if stored, err := archive.Open(t.Context(), filepath.Join(p.Dir, "lifecycle/chaincodes/basic_1.0."+hash+".tar.gz")); err != nil || stored.ID != pkg.ID {
		t.Errorf("the package was not stored: %v", err)
	}
	if left, _ := os.ReadDir(p.Env["TMPDIR"]); len(left) > 0 {
		t.Errorf("left in TMPDIR: %v", left)
	}
	// A package is never built again.
	if _, err := p.Install(t.Context(), pkg); err == nil || !strings.Contains(err.Error(), "already installed") {
		t.Errorf("installed again: %v", err)
	}
}

// The first builder that accepts a package takes it, and its name is stored.
func TestDetect(t *testing.T) {
	var lines []string
	p := newPeer(t, builder(t, "exit 1", "", ""), &lines)
	p.Builders = append(p.Builders, coreyaml.Builder{Name: "second", Path: builder(t, "", "", good)}, coreyaml.Builder{Name: "third", Path: builder(t, "", "exit 1", "")})
	taker, err := p.Detect(t.Context(), testPackage(t))
	if err != nil || taker.Name != "second" {
		t.Fatalf("%q takes it, %v", taker.Name, err)
	}
	if _, err := p.Install(t.Context(), testPackage(t)); err != nil {
		t.Fatal(err)
	}
	infos, _ := filepath.Glob(filepath.Join(p.Dir, "externalbuilder/builds/*/build-info.json"))
	if info, err := os.ReadFile(infos[0]); string(info) != `{"builder_name":"second"}` {
		t.Errorf("build-info.json is %s, %v", info, err)
	}
}

func TestEnvironment(t *testing.T) {
	dump := `env | sed 's/=.*//' | grep -v -e PWD -e SHLVL -e '^_$' | sort | tr '\n' ' ' >&2; echo >&2; exit 1`
	t.Setenv("OF_THIS_PROCESS", "x")
	for name, test := range map[string]struct {
		env       map[string]string
		propagate []string
		want      string
	}{
		"none listed": {map[string]string{"A": "1", "B": "2", "PATH": "/bin:/usr/bin"}, nil, "PATH "},
		"listed":      {map[string]string{"A": "1", "B": "2", "PATH": "/bin:/usr/bin", "LD_LIBRARY_PATH": "x"}, []string{"A", "C"}, "A LD_LIBRARY_PATH PATH "},
		"none set":    {map[string]string{"A": "1", "B": "2"}, []string{"C"}, "A B "}, // the peer's whole environment
		"none there":  {map[string]string{}, []string{"C"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			p := newPeer(t, builder(t, dump, "", ""), &lines)
			p.Env, p.Builders[0].PropagateEnvironment = test.env, test.propagate
			if _, err := p.Install(t.Context(), testPackage(t)); err == nil {
				t.Fatal("installed")
			}
			if len(lines) != 1 || lines[0] != test.want {
				t.Errorf("the builder has %q, want %q", lines, test.want)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		detect, build, release string
		want                   string
	}{
		"not mine":         {"exit 1", "", good, `no builder takes a package of type "ccaas" (ours: detect: exit status 1), so the peer would turn to Docker and fail with "docker build failed"`},
		"build fails":      {"", "echo why >&2; exit 3", good, "build: exit status 3"},
		"release fails":    {"", "", "exit 1", "release: exit status 1"},
		"no connection":    {"", "", "", `the builder released no connection: "chaincode/server/connection.json": no such file or directory`},
		"null":             {"", "", strings.Replace(good, `{"address":"cc:1","dial_timeout":"3s"}`, "null", 1), "released connection.json: is not a JSON object"},
		"string for bool":  {"", "", strings.Replace(good, `"dial_timeout":"3s"`, `"tls_required":"true"`, 1), "tls_required: is a string, which the peer rejects"},
		"no address":       {"", "", strings.Replace(good, `"address":"cc:1",`, ``, 1), "address: must be HOST:PORT"},
		"link in release":  {"", "", good + `; ln -s connection.json "$2/chaincode/server/link"`, "the peer could not read the indexes in the release folder"},
		"link leaves":      {"", `ln -s ../../x "$3/link"`, good, `the peer refuses to keep "link": the symbolic link leaves the tree`},
		"absolute link":    {"", `ln -s /etc/passwd "$3/link"`, good, `the peer refuses to keep "link"`},
		"pipe":             {"", `mkfifo "$3/pipe"`, good, `the peer refuses to keep "pipe"`},
		"too long a line":  {"", `head -c 70000 /dev/zero | tr '\0' x >&2`, good, "build: wrote a line that the peer cannot read: bufio.Scanner: token too long"},
		"signal":           {"", `kill -9 $$`, good, "build: signal: killed"},
		"link inside kept": {"", `echo x >"$3/a"; ln -s a "$3/link"`, good, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			p := newPeer(t, builder(t, test.detect, test.build, test.release), &lines)
			_, err := p.Install(t.Context(), testPackage(t))
			switch {
			case test.want == "" && err != nil:
				t.Errorf("failed: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// The package of a failed build is not kept, so that it can be installed again.
func TestFailedBuildCanBeRepeated(t *testing.T) {
	var lines []string
	p := newPeer(t, builder(t, "", "exit 1", good), &lines)
	if _, err := p.Install(t.Context(), testPackage(t)); err == nil {
		t.Fatal("installed")
	}
	var left []string
	filepath.WalkDir(p.Dir, func(path string, entry fs.DirEntry, _ error) error {
		if !entry.IsDir() {
			left = append(left, path)
		}
		return nil
	})
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	p.Builders[0].Path = builder(t, "", "", good)
	if _, err := p.Install(t.Context(), testPackage(t)); err != nil {
		t.Error(err)
	}
}

func TestMissingBuilder(t *testing.T) {
	var lines []string
	p := newPeer(t, t.TempDir(), &lines)
	if _, err := p.Install(t.Context(), testPackage(t)); err == nil || !strings.Contains(err.Error(), "ours: detect: cannot be run: no such file or directory") {
		t.Errorf("got %v", err)
	}
}

// A builder without release makes a build without a connection.
func TestMissingRelease(t *testing.T) {
	var lines []string
	p := newPeer(t, builder(t, "", "", ""), &lines)
	if err := os.Remove(filepath.Join(p.Builders[0].Path, "bin", "release")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Install(t.Context(), testPackage(t)); err == nil || !strings.Contains(err.Error(), "the builder released no connection") {
		t.Errorf("got %v", err)
	}
}

// As in the peer, a part that could not be copied is missing, and the parts copied before it
// stay.
func TestHalfKept(t *testing.T) {
	var lines []string
	p := newPeer(t, builder(t, "", `echo x >"$3/a"; ln -s /etc/passwd "$3/link"`, good), &lines)
	if _, err := p.Install(t.Context(), testPackage(t)); err == nil {
		t.Fatal("installed")
	}
	builds, _ := filepath.Glob(filepath.Join(p.Dir, "externalbuilder/builds/*/*"))
	var names []string
	for _, build := range builds {
		names = append(names, filepath.Base(build))
	}
	if want := []string{"build-info.json", "release"}; !slices.Equal(names, want) {
		t.Errorf("kept %v, want %v", names, want)
	}
}

func TestCancelled(t *testing.T) {
	var lines []string
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := newPeer(t, builder(t, "", "", ""), &lines).Install(ctx, testPackage(t))
	if err == nil || strings.Contains(err.Error(), "no builder takes") || strings.Contains(err.Error(), "%!") {
		t.Errorf("got %v", err)
	}
}

// A program that is stopped is killed together with what it has started.
func TestTimeout(t *testing.T) {
	var lines []string
	p := newPeer(t, builder(t, "sleep 60; exit", "", ""), &lines)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Install(ctx, testPackage(t)); err == nil || !strings.Contains(err.Error(), "detect: stopped: context deadline exceeded") {
		t.Errorf("got %v", err)
	}
}

// Package release_test makes releases and checks what the documentation promises about them.
package release_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"flag"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdxlib"
)

var platforms = flag.String("platforms", "", "what to make releases for")

const (
	tag = "v1.999.0"
	// This moment is in another month in most time zones.
	committed = "2001-01-31T23:59:59Z"
)

// release is a release that was made twice, in different environments.
type release struct {
	*testing.T
	source string // the source that it was made from
	dist   string
	commit string
}

func TestRelease(t *testing.T) {
	if *platforms == "" {
		t.Skip("make release-test runs it")
	}
	dir := t.TempDir()
	r := &release{T: t, source: filepath.Join(dir, "one")}
	r.commitWorkingTree()
	other := filepath.Join(dir, "another", "and-longer")
	r.run(dir, nil, "git", "clone", "-q", r.source, other)
	r.make(r.source, "022", nil)
	// Both builds share the cache of compiled packages, without which this takes minutes. It
	// cannot hide a difference: Go does not reuse what depends on the folder or the flags.
	r.make(other, "077", []string{
		"TZ=Asia/Tokyo", "LC_ALL=C.UTF-8", "TAR_OPTIONS=--exclude=LICENSE",
		"GOFLAGS=-tags=x", "GOARCH=s390x", "GOAMD64=v3", "GOARM64=v9.0", "GOEXPERIMENT=jsonv2",
	})

	r.dist = filepath.Join(r.source, "dist")
	sums := r.read("SHA256SUMS")
	if again, err := os.ReadFile(filepath.Join(other, "dist", "SHA256SUMS")); err != nil || sums != string(again) {
		t.Fatalf("two builds of one commit differ, %v:\n%s%s", err, sums, again)
	}
	for _, dist := range []string{r.dist, filepath.Join(other, "dist")} {
		r.run(dist, nil, "sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS")
	}
	want := []string{"SHA256SUMS", "ccaas-template-builder_" + tag + ".spdx.json"}
	for _, platform := range strings.Fields(*platforms) {
		want = append(want, archiveName(platform)+".tar.gz")
	}
	slices.Sort(want)
	if got := r.files(); !slices.Equal(got, want) {
		t.Fatalf("dist has %q, want %q", got, want)
	}
	for _, file := range want {
		if file != "SHA256SUMS" && !strings.Contains(sums, "  "+file+"\n") {
			t.Errorf("SHA256SUMS has no %s", file)
		}
	}

	linked := map[string][]string{}
	for _, platform := range strings.Fields(*platforms) {
		t.Run(platform, func(t *testing.T) {
			r := &release{t, r.source, r.dist, r.commit}
			linked[archiveName(platform)+".tar.gz"] = r.checkArchive(platform)
		})
	}
	r.checkSBOM(linked, sums)

	if err := os.WriteFile(filepath.Join(r.source, "new"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("make", "-C", r.source, "release").CombinedOutput(); err == nil || !strings.Contains(string(out), "the working tree differs") {
		t.Errorf("a tree with changes: %v: %s", err, out)
	}
}

// commitWorkingTree makes a repository with a single, tagged commit of everything that would
// be committed here.
func (r *release) commitWorkingTree() {
	r.Helper()
	here, err := filepath.Abs("../..")
	if err != nil {
		r.Fatal(err)
	}
	r.run(here, nil, "git", "init", "-q", r.source)
	author := []string{
		"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test", "GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test",
		"GIT_AUTHOR_DATE=" + committed, "GIT_COMMITTER_DATE=" + committed,
	}
	for _, args := range []string{"add -A", "commit -q -m test", "tag " + tag} {
		r.run(here, author, "git", append([]string{"--git-dir=" + r.source + "/.git", "--work-tree=" + here}, strings.Fields(args)...)...)
	}
	r.run(r.source, nil, "git", "reset", "-q", "--hard")
	r.commit = strings.TrimSpace(r.run(r.source, nil, "git", "rev-parse", "HEAD"))
}

func (r *release) make(dir, umask string, env []string) {
	r.Helper()
	r.run(dir, env, "sh", "-c", "umask "+umask+` && exec make release PLATFORMS="$0"`, *platforms)
}

// run runs a program in dir and returns its output.
func (r *release) run(dir string, env []string, name string, args ...string) string {
	r.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
	return string(out)
}

func (r *release) read(file string) string {
	r.Helper()
	content, err := os.ReadFile(filepath.Join(r.dist, file))
	if err != nil {
		r.Fatal(err)
	}
	return string(content)
}

func (r *release) files() []string {
	r.Helper()
	entries, err := os.ReadDir(r.dist)
	if err != nil {
		r.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func archiveName(platform string) string {
	return "ccaas-template-builder_" + tag + "_" + strings.ReplaceAll(platform, "/", "_")
}

// checkArchive checks the archive of a platform. It returns the modules that are linked into
// its programs, according to go.
func (r *release) checkArchive(platform string) []string {
	r.Helper()
	name := archiveName(platform)
	entries := r.entries(name + ".tar.gz")
	want := []string{"LICENSE", "THIRD-PARTY-LICENSES", "CHANGELOG.md", "docs/findings.md", "share/man/man1/ccaas-refresh.1", "share/bash-completion/completions/ccaas",
		"share/zsh/site-functions/_ccaas", "share/fish/vendor_completions.d/ccaas.fish", "bin/ccaas"}
	programs := 1
	if strings.HasPrefix(platform, "linux/") {
		want = append(want, "bin/detect", "bin/build", "bin/release")
		programs = 4
	}
	for _, file := range want {
		if !slices.Contains(entries, name+"/"+file) {
			r.Errorf("%s is not in it", file)
		}
	}

	dir := r.TempDir()
	r.run(dir, nil, "tar", "-xf", filepath.Join(r.dist, name+".tar.gz"), "--strip-components=1")
	if man, err := os.ReadFile(filepath.Join(dir, "share/man/man1/ccaas.1")); err != nil || !bytes.Contains(man, []byte(`"Jan 2001"`)) {
		r.Errorf("the man page is not dated by the commit: %v, %.200s", err, man)
	}
	binaries, err := filepath.Glob(filepath.Join(dir, "bin", "*"))
	if err != nil || len(binaries) != programs {
		r.Errorf("bin has %q, %v", binaries, err)
	}
	licenses, err := os.ReadFile(filepath.Join(dir, "THIRD-PARTY-LICENSES"))
	if err != nil {
		r.Error(err)
	}
	linked := map[string]bool{}
	for _, binary := range binaries {
		r.checkProgram(binary, platform)
		said := r.run(dir, nil, "go", "version", "-m", binary)
		linked["stdlib "+regexp.MustCompile(`: go(\S+)`).FindStringSubmatch(said)[1]] = true
		for _, dep := range regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(said, -1) {
			linked[dep[1]+" "+dep[2]] = true
			if !bytes.Contains(licenses, []byte("\n==== "+dep[1]+" "+dep[2]+"\n")) {
				r.Errorf("it has no licence of %s %s", dep[1], dep[2])
			}
		}
	}
	if platform == runtime.GOOS+"/"+runtime.GOARCH {
		r.try(dir)
	}
	return slices.Sorted(maps.Keys(linked))
}

// entries returns the names in an archive, and checks that owners, times and modes do not
// depend on who made it.
func (r *release) entries(archive string) []string {
	r.Helper()
	unzipped, err := gzip.NewReader(strings.NewReader(r.read(archive)))
	if err != nil {
		r.Fatal(err)
	}
	if unzipped.Name != "" || !unzipped.ModTime.IsZero() {
		r.Errorf("gzip has the name %q and the time %v", unzipped.Name, unzipped.ModTime)
	}
	date, err := time.Parse(time.RFC3339, committed)
	if err != nil {
		r.Fatal(err)
	}
	var names []string
	for tarred := tar.NewReader(unzipped); ; {
		entry, err := tarred.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			r.Fatal(err)
		}
		mode := int64(0o644)
		if entry.Typeflag == tar.TypeDir || path.Base(path.Dir(entry.Name)) == "bin" {
			mode = 0o755
		}
		if entry.Mode != mode || entry.Uid != 0 || entry.Gid != 0 || entry.Uname != "" || entry.Gname != "" || !entry.ModTime.Equal(date) {
			r.Errorf("%s: mode %o, owner %d %q, group %d %q, %v", entry.Name, entry.Mode, entry.Uid, entry.Uname, entry.Gid, entry.Gname, entry.ModTime)
		}
		names = append(names, entry.Name)
	}
	parts := func(name string) []string { return strings.Split(strings.TrimSuffix(name, "/"), "/") }
	if !slices.IsSortedFunc(names, func(a, b string) int { return slices.Compare(parts(a), parts(b)) }) {
		r.Errorf("the entries are not sorted: %q", names)
	}
	return names
}

// checkProgram checks that a program is for platform, was built from the tagged commit, and
// contains no path of the machine that built it.
func (r *release) checkProgram(file, platform string) {
	r.Helper()
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		r.Fatal(err)
	}
	goos, goarch, _ := strings.Cut(platform, "/")
	settings := map[string]string{"version": info.Main.Version}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	for key, value := range map[string]string{
		"GOOS": goos, "GOARCH": goarch, "CGO_ENABLED": "0", "version": tag,
		"vcs.revision": r.commit, "vcs.time": committed, "vcs.modified": "false",
	} {
		if settings[key] != value {
			r.Errorf("%s: %s is %q, want %q", filepath.Base(file), key, settings[key], value)
		}
	}
	content, err := os.ReadFile(file)
	if err != nil {
		r.Fatal(err)
	}
	if bytes.Contains(content, []byte(r.source)) {
		r.Errorf("%s holds the path of where it was built", filepath.Base(file))
	}
}

// try runs each program in an unpacked archive.
func (r *release) try(dir string) {
	r.Helper()
	ccaas := filepath.Join(dir, "bin", "ccaas")
	want := "ccaas " + tag + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
	if got := r.run(dir, nil, ccaas, "version"); got != want {
		r.Errorf("ccaas version prints %q, want %q", got, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "peer.env"), []byte("CORE_CHAINCODE_ADDRESS=basic:9999\n"), 0o644); err != nil {
		r.Fatal(err)
	}
	r.run(dir, nil, ccaas, "init", "basic", "--template", "plain")
	r.run(dir, nil, ccaas, "package", "basic.tgz", "--path", "basic", "--label", "basic_1.0")
	r.run(dir, nil, ccaas, "install", "builder")
	r.run(dir, nil, ccaas, "simulate", "basic.tgz", "--peer", "peer0=peer.env", "--builder", "builder")
}

// checkSBOM checks that the SPDX document lists the checksum of each archive and the modules
// that are linked into its programs.
func (r *release) checkSBOM(linked map[string][]string, sums string) {
	r.Helper()
	doc, err := spdxjson.Read(strings.NewReader(r.read("ccaas-template-builder_" + tag + ".spdx.json")))
	if err != nil {
		r.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(doc); err != nil {
		r.Error(err)
	}
	if doc.CreationInfo.Created != committed {
		r.Errorf("SBOM: created %s", doc.CreationInfo.Created)
	}
	packages := map[spdx.ElementID]*spdx.Package{}
	for _, pkg := range doc.Packages {
		if packages[pkg.PackageSPDXIdentifier] != nil {
			r.Errorf("SBOM: two packages are %s", pkg.PackageSPDXIdentifier)
		}
		packages[pkg.PackageSPDXIdentifier] = pkg
		if file := pkg.PackageFileName; file != "" {
			if len(pkg.PackageChecksums) != 1 || !strings.Contains(sums, pkg.PackageChecksums[0].Value+"  "+file+"\n") {
				r.Errorf("SBOM: %s has the checksums %v", file, pkg.PackageChecksums)
			}
		}
	}
	got := map[string][]string{}
	described := 0
	for _, relationship := range doc.Relationships {
		a, b := packages[relationship.RefA.ElementRefID], packages[relationship.RefB.ElementRefID]
		switch relationship.Relationship {
		case spdx.RelationshipDescribes:
			described++
		case spdx.RelationshipDependsOn:
			got[a.PackageFileName] = append(got[a.PackageFileName], b.PackageName+" "+b.PackageVersion)
		}
	}
	for archive := range got {
		slices.Sort(got[archive])
	}
	if described != len(linked) || !maps.EqualFunc(got, linked, slices.Equal) {
		r.Errorf("SBOM: describes %d archives, which depend on\n%q\nwant\n%q", described, got, linked)
	}
}

package refresh_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
)

var changing = flag.Duration("changing", 3*time.Second, "for how long TestMemory changes things")

// coarse is the granularity of file times in these tests: the kernel's clock ticks at least every
// 10 ms.
const coarse = 20 * time.Millisecond

// changes changes a peer and its values at random.
type changes struct {
	t      *testing.T
	random *rand.Rand
	s      store.Store
	values string // the folder of values
	spare  string // where things are moved to and from
	pkgs   []*archive.Package
	envs   []map[string]string // each with its own certificates
	r      refresh.Refresher
	count  int
}

// newChanges returns changes for a peer with this number of packages. Every second template also
// reads a file.
func newChanges(t *testing.T, seed uint64, packages int) *changes {
	dir := memory(t)
	c := &changes{t: t, random: rand.New(rand.NewPCG(seed, 0)), s: store.Store(dir + "/peer"), values: dir + "/values", spare: dir + "/spare"}
	for i := range 3 {
		c.envs = append(c.envs, environment(t, fmt.Sprintf("peer%d", i), now.AddDate(0, i+1, 0)))
	}
	const files = `{"address": "{{ env "HOST" }}:9999", "root_cert": "{{ envFile "ROOT" }}", "client_auth_required": true}`
	for i := range packages {
		text := []string{template, files}[i%2]
		pkg, err := archive.Write(fmt.Sprintf("cc%d", i), chaincode.DefaultType, []archive.File{{Name: chaincode.ConnectionFile, Content: []byte(text)}})
		if err != nil {
			t.Fatal(err)
		}
		c.pkgs = append(c.pkgs, pkg)
	}
	write(t, dir+"/root.pem", []byte(c.envs[0][rootCert]))
	write(t, c.values+"/ROOT", []byte(dir+"/root.pem\n"))
	write(t, c.spare+"/x", nil)
	c.r = refresher(c.s, with(c.envs[0], "CCAAS_ENV_DIR", c.values))
	for _, pkg := range c.pkgs {
		c.install(pkg)
	}
	return c
}

func (c *changes) install(pkg *archive.Package) {
	remove(c.t, string(c.s.Build(pkg.ID)))
	remove(c.t, c.s.PackageFile(pkg.ID))
	install(c.t, c.s, pkg, ours, with(with(c.envs[0], "ROOT", c.spare+"/../root.pem"), "HOST", "cc"))
}

// set sets a variable.
func (c *changes) set(name, value string) {
	env, _ := c.r.Env()
	c.r.Env = given(with(env, name, value))
}

// pick returns one of several values at random.
func pick[T any](c *changes, of ...T) T { return of[c.random.IntN(len(of))] }

// replace replaces a file by renaming a new one.
func (c *changes) replace(file string, data []byte) {
	write(c.t, c.spare+"/new", data)
	c.move(c.spare+"/new", file)
}

// move moves what is at from, if anything, to the path to, and replaces what is there.
func (c *changes) move(from, to string) {
	if _, err := os.Lstat(from); err != nil {
		return
	}
	if os.RemoveAll(to) == nil && os.MkdirAll(filepath.Dir(to), 0o700) == nil { // a parent may have become a file
		_ = os.Rename(from, to)
	}
}

// put writes a file in one of two ways, if possible, and sometimes gives it the times of the old
// one.
func (c *changes) put(file string, data []byte) {
	info, err := os.Lstat(file)
	if err == nil && !info.Mode().IsRegular() {
		remove(c.t, file)
	}
	if parent, err := os.Stat(filepath.Dir(file)); err == nil && !parent.IsDir() {
		remove(c.t, filepath.Dir(file))
	}
	if c.random.IntN(2) == 0 {
		c.replace(file, data)
	} else if os.MkdirAll(filepath.Dir(file), 0o700) == nil {
		_ = os.WriteFile(file, data, 0o600)
	}
	if err == nil && c.random.IntN(2) == 0 {
		_ = os.Chtimes(file, info.ModTime(), info.ModTime())
	}
}

// change makes one change, and returns its kind.
func (c *changes) change() string {
	pkg := pick(c, c.pkgs...)
	b, label := c.s.Build(pkg.ID), c.values+"/"+pkg.Metadata.Label
	env := pick(c, c.envs...)
	host := []byte(pick(c, "h1", "h2", "h3", "localhost", ""))
	kinds := map[string]func(){
		"value":             func() { c.put(label+"/HOST", host) },
		"value of all":      func() { c.put(c.values+"/HOST", host) },
		"setting":           func() { c.put(label+"/CORE_CHAINCODE_TIMEOUT", []byte(pick(c, "1s", "2s", "x"))) },
		"certificate":       func() { c.put(c.spare+"/../root.pem", []byte(env[rootCert])) },
		"another file":      func() { c.put(label+"/ROOT", []byte(c.spare+"/"+pick(c, "one", "two", "three")+".pem")) },
		"that file":         func() { c.put(c.spare+"/"+pick(c, "one", "two", "three")+".pem", []byte(env[rootCert])) },
		"certificate there": func() { c.put(label+"/"+rootCert, []byte(env[rootCert])) },
		"no value":          func() { _ = os.RemoveAll(label + "/" + pick(c, "HOST", "ROOT", rootCert, "CORE_CHAINCODE_TIMEOUT")) },
		"no value of all":   func() { _ = os.RemoveAll(c.values + "/HOST") },
		"a folder":          func() { _ = os.RemoveAll(label + "/HOST"); c.put(label+"/HOST/x", nil) },
		"no folder":         func() { _ = os.RemoveAll(label) },
		"a file":            func() { _ = os.RemoveAll(label); c.put(label, nil) },
		"irrelevant":        func() { c.put(pick(c, label, c.values)+"/irrelevant", host) },
		"misspelt":          func() { c.put(pick(c, label, c.values)+"/CORE_CHAINCODE_TIMEOU", host) },
		"label misspelt":    func() { c.put(c.values+"/"+pick(c, "ccx", "xcc")+pkg.Metadata.Label[2:]+"/HOST", host) },
		"label misspelt by a link": func() {
			_ = os.Symlink(c.spare+"/target", c.values+"/ccy"+pkg.Metadata.Label[2:])
		},
		"its target": func() { _ = os.RemoveAll(c.spare + "/target"); c.put(c.spare+"/target"+pick(c, "", "/HOST"), nil) },
		"spelt": func() {
			_ = os.RemoveAll(c.values + "/ccy" + pkg.Metadata.Label[2:])
			_ = os.RemoveAll(c.values + "/ccx" + pkg.Metadata.Label[2:])
			_ = os.RemoveAll(pick(c, label, c.values) + "/CORE_CHAINCODE_TIMEOU")
		},
		"swap": func() {
			c.move(label, c.spare+"/label")
			c.move(pick(c, c.spare+"/old", label), label)
			c.move(c.spare+"/label", c.spare+"/old")
		},
		"link": func() {
			c.put(c.values+"/..1/HOST", []byte("h1"))
			c.put(c.values+"/..2/HOST", []byte("h2"))
			_ = os.Symlink(pick(c, "..1", "..2", "..3"), c.spare+"/link")
			c.move(c.spare+"/link", pick(c, label, label+"/HOST", c.values+"/HOST"))
		},
		"no values":     func() { c.move(c.values, c.spare+"/values") },
		"values":        func() { c.move(c.spare+"/values", c.values) },
		"edited":        func() { c.put(at(b, pick(c, released, built)), rendered(with(env, "HOST", string(host)))) },
		"mode":          func() { _ = os.Chmod(at(b, pick(c, released, built)), pick[os.FileMode](c, 0o600, 0o644)) },
		"no connection": func() { _ = os.RemoveAll(at(b, pick(c, released, built))) },
		"same again":    func() { c.replace(at(b, released), rendered(c.envs[0])) },
		"link in build": func() {
			name := at(b, pick(c, "release", "release/chaincode", "bld", released))
			_ = os.RemoveAll(c.spare + "/there")
			c.move(name, c.spare+"/there")
			_ = os.Symlink(c.spare+"/there", name)
		},
		"package":         func() { c.put(c.s.PackageFile(pkg.ID), pick(c, pkg.Bytes(), c.pkgs[0].Bytes(), pkg.Bytes()[1:])) },
		"no package":      func() { _ = os.RemoveAll(c.s.PackageFile(pkg.ID)) },
		"builder":         func() { c.put(at(b, store.InfoFile), []byte(`{"builder_name":"`+pick(c, ours, "them")+`"}`)) },
		"no info":         func() { _ = os.RemoveAll(at(b, store.InfoFile)) },
		"no build":        func() { _ = os.RemoveAll(string(b)) },
		"build of other":  func() { c.move(string(c.s.Build(c.pkgs[0].ID)), string(b)) },
		"unfinished":      func() { c.put(at(b, "."+chaincode.ConnectionFile+"123"), nil) },
		"time":            func() { c.r.Now = clock(now.AddDate(0, c.random.IntN(4), c.random.IntN(2))) },
		"variable":        func() { c.set("HOST", string(host)) },
		"certificates":    func() { c.r.Env = given(with(env, "CCAAS_ENV_DIR", c.values)) },
		"no values named": func() { c.r.Env = given(env) },
		"adopt":           func() { c.r.Adopt = pick(c, nil, []string{"them"}) },
		"our name":        func() { c.r.Builder = pick(c, ours, ours, "them") },
		"installed":       func() { c.install(pkg) },
		"clean":           func() { _ = os.RemoveAll(label) },
	}
	kind := pick(c, slices.Sorted(maps.Keys(kinds))...)
	kinds[kind]()
	c.count++
	return kind
}

// heal repairs most things, so that some connections can be up to date.
func (c *changes) heal() {
	c.move(c.spare+"/values", c.values)
	c.put(c.values+"/ROOT", []byte(c.spare+"/../root.pem"))
	c.r.Builder, c.r.Env = ours, given(with(c.envs[0], "CCAAS_ENV_DIR", c.values))
	for _, pkg := range c.pkgs {
		if c.random.IntN(3) == 0 {
			remove(c.t, c.values+"/"+pkg.Metadata.Label)
		}
		if c.random.IntN(3) == 0 {
			c.install(pkg)
		}
	}
}

// outcome returns what matters in results. Outdated and Refreshed are treated as the same state.
func outcome(results []refresh.Result) (all []string) {
	for _, r := range results {
		certs := fmt.Sprint(r.Certificates)
		if r.State == refresh.Outdated {
			r.State = refresh.Refreshed
		}
		if r.State == refresh.Refreshed {
			certs, r.Address = "", ""
		}
		all = append(all, fmt.Sprintln(r.PackageID, r.State, r.Changes, r.Errors, r.Ours, r.Differs, r.Files, r.Address, certs, r.Warnings, r.SharedWith))
	}
	return all
}

// After any changes, a run with a Memory gives the same results as a run without one.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long, and is a matter of luck")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	c := newChanges(t, seed, 8)
	dry, wet := refresh.NewMemory(coarse), refresh.NewMemory(coarse)
	all, recalled := 0, 0
	for end := time.Now().Add(*changing); time.Now().Before(end); {
		var kinds []string
		for range c.random.IntN(3) {
			kinds = append(kinds, c.change())
		}
		if c.random.IntN(12) == 0 {
			c.heal()
		}
		if c.random.IntN(2) == 0 {
			time.Sleep(2 * coarse)
		}
		r := c.r
		r.DryRun = true
		nothing := run(t, r)
		r.Memory = dry
		isOutcome(t, kinds, run(t, r), nothing)
		all, recalled = all+len(nothing), recalled+dry.Recalled()
		if c.random.IntN(3) == 0 {
			r.DryRun, r.Memory = false, wet
			isOutcome(t, kinds, run(t, r), nothing)
		}
	}
	t.Logf("%d changes, %d of %d results recalled", c.count, recalled, all)
	if all > 500 && recalled < all/50 { // with fewer results, this may be bad luck
		t.Error("hardly anything was remembered")
	}
}

func isOutcome(t *testing.T, after []string, got, want []refresh.Result) {
	t.Helper()
	g, w := outcome(got), outcome(want)
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("after %s: got\n%s\nwant\n%s", strings.Join(after, ", "), strings.Join(g, ""), strings.Join(w, ""))
		}
	}
}

package refresh_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/probe"
	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
)

// What build and release have written is what refresh would write, so it is not touched.
func TestUnchanged(t *testing.T) {
	env := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, b := installed(t, env)
	before := tree(t, string(b))
	r := one(t, refresher(s, env))
	isState(t, r, refresh.Unchanged, "")
	if want := pack(t, "basic_1.0", chaincode.DefaultType).ID; r.PackageID != want || len(r.Changes) != 0 {
		t.Errorf("got %s, %v, want %s and no changes", r.PackageID, r.Changes, want)
	}
	hasCertificates(t, r, env)
	same(t, string(b), before)
}

func TestRefreshed(t *testing.T) {
	old, renewed := environment(t, "peer0", now.AddDate(0, 1, 0)), environment(t, "peer0", now.AddDate(0, 2, 0))
	nothing := func(*testing.T, store.Build) {}
	notForReading := []string{"mode: 0000 → 0600"}
	if os.Getuid() != 0 { // root can read it anyway
		notForReading = append([]string{"connection.json: cannot be used: permission denied → valid"}, notForReading...)
	}
	compact := func(t *testing.T, b store.Build) {
		var text bytes.Buffer
		if err := json.Compact(&text, rendered(old)); err != nil {
			t.Fatal(err)
		}
		write(t, at(b, released), text.Bytes())
	}
	for name, test := range map[string]struct {
		meanwhile func(*testing.T, store.Build)
		env       map[string]string
		want      []string
	}{
		"address": {nothing, with(old, "HOST", "cc2"), []string{"address: cc:9999 → cc2:9999"}},
		"certificate": {nothing, with(with(old, clientCert, renewed[clientCert]), clientKey, renewed[clientKey]), []string{
			"client_cert: peer0 until 2026-12-20 " + fingerprint(t, old[clientCert]) + " → peer0 until 2027-01-20 " + fingerprint(t, renewed[clientCert]),
			"client_key: (hidden) → (hidden)"}},
		"authority": {nothing, with(old, rootCert, renewed[rootCert]), []string{
			"root_cert: ca of peer0 until 2027-11-20 " + fingerprint(t, old[rootCert]) + " → ca of peer0 until 2027-11-20 " + fingerprint(t, renewed[rootCert])}},
		"mode":             {func(t *testing.T, b store.Build) { chmod(t, at(b, released), 0o644) }, old, []string{"mode: 0644 → 0600"}},
		"address and mode": {func(t *testing.T, b store.Build) { chmod(t, at(b, released), 0o640) }, with(old, "HOST", "cc2"), []string{"address: cc:9999 → cc2:9999", "mode: 0640 → 0600"}},
		"not for reading":  {func(t *testing.T, b store.Build) { chmod(t, at(b, released), 0) }, old, notForReading},
		"another form":     {compact, old, []string{"connection.json: formatted differently → reformatted"}},
		"null":             {func(t *testing.T, b store.Build) { write(t, at(b, released), []byte("null")) }, old, []string{"connection.json: cannot be used: is not a JSON object → valid"}},
		"cut off":          {func(t *testing.T, b store.Build) { write(t, at(b, released), rendered(old)[:900]) }, old, []string{"connection.json: cannot be used: is not valid JSON → valid"}},
		"empty":            {func(t *testing.T, b store.Build) { write(t, at(b, released), nil) }, old, []string{"connection.json: cannot be used: is not a JSON object → valid"}},
		"copy":             {func(t *testing.T, b store.Build) { write(t, at(b, built), []byte("{}")) }, old, []string{"bld/connection.json: differs from release → updated"}},
		"mode of the copy": {func(t *testing.T, b store.Build) { chmod(t, at(b, built), 0o644) }, old, []string{"bld/connection.json: differs from release → updated"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, b := installed(t, old)
			test.meanwhile(t, b)
			r := one(t, refresher(s, test.env))
			isState(t, r, refresh.Refreshed, "")
			var got []string
			for _, c := range r.Changes {
				got = append(got, c.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("the changes are %q, want %q", got, test.want)
			}
			hasCertificates(t, r, test.env)
			holds(t, at(b, released), test.env)
			holds(t, at(b, built), test.env)
			isState(t, one(t, refresher(s, test.env)), refresh.Unchanged, "")
		})
	}
}

// The peer reads only the released connection, so the copy may be missing.
func TestWithoutCopy(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	renewed := with(old, "HOST", "cc2")
	s, b := installed(t, old)
	remove(t, at(b, built))
	isState(t, one(t, refresher(s, old)), refresh.Unchanged, "")
	isState(t, one(t, refresher(s, renewed)), refresh.Refreshed, "")
	holds(t, at(b, released), renewed)
	if _, err := os.Lstat(at(b, built)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy that was not there is: %v", err)
	}
}

// neighbours is a peer with three builds. The second one is to fail, and only it has a folder of
// values.
type neighbours struct {
	store.Store
	build  store.Build
	id     string
	old    map[string]string
	values string // folder of values for the second build
	victim string // a valid connection elsewhere
}

func newNeighbours(t *testing.T) neighbours {
	t.Helper()
	n := neighbours{Store: store.Store(t.TempDir()), old: environment(t, "peer0", now.AddDate(0, 1, 0))}
	for _, label := range []string{"a", "b", "c"} {
		pkg := pack(t, label, chaincode.DefaultType)
		if b := install(t, n.Store, pkg, ours, n.old); label == "b" {
			n.build, n.id = b, pkg.ID
		}
	}
	folder := t.TempDir()
	n.values, n.victim = filepath.Join(folder, "b"), filepath.Join(t.TempDir(), released)
	write(t, n.victim, rendered(n.old))
	return n
}

// refresh runs a refresh with other values and returns the result of the second build. That build
// must be unchanged, and the other two must be refreshed.
func (n neighbours) refresh(t *testing.T, change func(*refresh.Refresher)) refresh.Result {
	t.Helper()
	renewed := with(n.old, "HOST", "cc2")
	r := refresher(n.Store, with(renewed, "CCAAS_ENV_DIR", filepath.Dir(n.values)))
	if change != nil {
		change(&r)
	}
	build, victim := tree(t, string(n.build)), tree(t, n.victim)
	results := run(t, r)
	same(t, string(n.build), build)
	same(t, n.victim, victim)
	if len(results) != 3 {
		t.Fatalf("got %d results, want 3", len(results))
	}
	for _, other := range []refresh.Result{results[0], results[2]} {
		isState(t, other, refresh.Refreshed, "")
		hasCertificates(t, other, renewed)
		holds(t, at(n.Build(other.PackageID), released), renewed)
	}
	return results[1]
}

// A build that cannot be rendered or replaced is kept unchanged, and does not stop the others.
func TestFailed(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*testing.T, neighbours)
		want  string
		blind bool // the connection on disk is not read
	}{
		"no value":                {func(t *testing.T, n neighbours) { write(t, n.values+"/HOST", nil) }, "connection.json:1:17: address: HOST is not set", false},
		"a value that is refused": {func(t *testing.T, n neighbours) { write(t, n.values+"/HOST", []byte("a b")) }, "invalid host name", false},
		"key of another": {func(t *testing.T, n neighbours) {
			write(t, filepath.Join(n.values, clientKey), []byte(environment(t, "another", now.AddDate(0, 1, 0))[clientKey]))
		}, "does not match client_cert", false},
		"two wrong values": {func(t *testing.T, n neighbours) {
			write(t, n.values+"/CORE_CHAINCODE_TLS_REQUIRED", []byte("perhaps"))
			write(t, n.values+"/CCAAS_REQUIRE_TLS", []byte("perhaps"))
		}, "connection.json: tls_required: CORE_CHAINCODE_TLS_REQUIRED must be true or false\nCCAAS_REQUIRE_TLS must be true or false", false},
		"damaged package":    {func(t *testing.T, n neighbours) { write(t, n.PackageFile(n.id), []byte("no package")) }, ".tar.gz\": is not a gzip file", false},
		"cut off package":    {func(t *testing.T, n neighbours) { write(t, n.PackageFile(n.id), read(t, n.PackageFile(n.id))[:1000]) }, "is not a valid gzip tar", false},
		"another package":    {func(t *testing.T, n neighbours) { write(t, n.PackageFile(n.id), pack(t, "x", "ccaas").Bytes()) }, "its package is not what was installed: its package ID is x:", false},
		"a link":             {func(t *testing.T, n neighbours) { link(t, n.victim, at(n.build, released)) }, `"release/chaincode/server/connection.json": is not a regular file`, true},
		"a link to the copy": {func(t *testing.T, n neighbours) { link(t, "../../../"+built, at(n.build, released)) }, `"release/chaincode/server/connection.json": is not a regular file`, true},
		"the copy is a link": {func(t *testing.T, n neighbours) { link(t, n.victim, at(n.build, built)) }, `"bld/connection.json": is not a regular file`, true},
		"a link above it": {func(t *testing.T, n neighbours) {
			link(t, filepath.Join(filepath.Dir(n.victim), "../.."), at(n.build, store.Release))
		}, `"release/chaincode/server/connection.json": path escapes`, true},
		"a folder": {func(t *testing.T, n neighbours) {
			remove(t, at(n.build, released))
			write(t, at(n.build, released)+"/x", nil)
		}, `"release/chaincode/server/connection.json": is not a regular file`, true},
		"of no builder":       {func(t *testing.T, n neighbours) { write(t, at(n.build, store.InfoFile), []byte("{}")) }, "its build-info.json names no builder", true},
		"a file and no build": {func(t *testing.T, n neighbours) { remove(t, string(n.build)); write(t, string(n.build), nil) }, "build-info.json cannot be read: not a directory", true},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNeighbours(t)
			test.spoil(t, n)
			r := n.refresh(t, nil)
			isState(t, r, refresh.Failed, test.want)
			if r.PackageID != n.id {
				t.Errorf("it has the ID %q, want %q", r.PackageID, n.id)
			}
			if test.blind {
				hasCertificates(t, r, nil)
			} else {
				hasCertificates(t, r, n.old)
			}
		})
	}
}

func TestLeftAlone(t *testing.T) {
	for name, test := range map[string]struct {
		meanwhile func(*testing.T, neighbours)
		want      string
	}{
		"another builder": {func(t *testing.T, n neighbours) {
			write(t, at(n.build, store.InfoFile), []byte(`{"builder_name":"theirs"}`))
		}, `was made by the builder "theirs"`},
		"no info":    {func(t *testing.T, n neighbours) { remove(t, at(n.build, store.InfoFile)) }, "is incomplete: the peer is copying it, or was stopped while doing so (build-info.json"},
		"no release": {func(t *testing.T, n neighbours) { remove(t, at(n.build, store.Release)) }, "is incomplete: the peer is copying it, or was stopped while doing so (\"release/"},
		"no package": {func(t *testing.T, n neighbours) { remove(t, n.PackageFile(n.id)) }, "its package is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNeighbours(t)
			test.meanwhile(t, n)
			isState(t, n.refresh(t, nil), refresh.LeftAlone, test.want)
		})
	}
}

// A folder that is not a build is reported under its own name.
func TestOtherFolders(t *testing.T) {
	s := store.Store(t.TempDir())
	for _, name := range []string{"lost+found", "basic_1.0-123", "-" + strings.Repeat("0", 64)} {
		write(t, filepath.Join(s.BuildsDir(), name, "x"), nil)
	}
	results := run(t, refresher(s, nil))
	var names []string
	for _, r := range results {
		isState(t, r, refresh.LeftAlone, "has a name that is not of the form LABEL-HASH")
		names = append(names, r.PackageID)
	}
	if want := []string{"-" + strings.Repeat("0", 64), "basic_1.0-123", "lost+found"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

// A missing builds folder, as before the peer's first start, is an error. An empty one gives no
// results.
func TestNoBuilds(t *testing.T) {
	s := store.Store(t.TempDir())
	if _, err := refresher(s, nil).Run(t.Context()); err == nil || !strings.Contains(err.Error(), `externalbuilder/builds": no such file or directory`) {
		t.Errorf("got %v", err)
	}
	if err := os.MkdirAll(s.BuildsDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	if results := run(t, refresher(s, nil)); len(results) != 0 {
		t.Errorf("got %v", results)
	}
}

func TestAdopt(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	renewed := with(old, "HOST", "cc2")
	for name, test := range map[string]struct {
		ccType string
		adopt  []string
		env    map[string]string
		state  refresh.State
		want   string
	}{
		"not adopted":         {"ccaas", nil, renewed, refresh.LeftAlone, `was made by the builder "theirs"`},
		"another is adopted":  {"ccaas", []string{"them"}, renewed, refresh.LeftAlone, `was made by the builder "theirs"`},
		"adopted":             {"ccaas", []string{"them", "theirs"}, renewed, refresh.Refreshed, ""},
		"of another type":     {"golang", []string{"theirs"}, renewed, refresh.LeftAlone, `was made by the builder "theirs" from a package of type "golang", which is not ours`},
		"of a type of ours":   {"golang", []string{"theirs"}, with(renewed, "CCAAS_TYPES", "golang"), refresh.Refreshed, ""},
		"of a type once ours": {"ccaas", []string{"theirs"}, with(renewed, "CCAAS_TYPES", "golang"), refresh.LeftAlone, `of type "ccaas"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := store.Store(t.TempDir())
			b := install(t, s, pack(t, "basic", test.ccType), "theirs", old)
			r := refresher(s, test.env)
			r.Adopt = test.adopt
			isState(t, one(t, r), test.state, test.want)
			if test.state == refresh.Refreshed {
				holds(t, at(b, released), renewed)
			} else {
				holds(t, at(b, released), old)
			}
		})
	}
}

// A build that another builder runs itself has no connection, but is not incomplete.
func TestAdoptOtherType(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	s := store.Store(t.TempDir())
	b := install(t, s, pack(t, "basic", "golang"), "theirs", old)
	if err := os.RemoveAll(at(b, "release/chaincode")); err != nil {
		t.Fatal(err)
	}
	r := refresher(s, old)
	r.Adopt = []string{"theirs"}
	got := one(t, r)
	isState(t, got, refresh.LeftAlone, `was made by the builder "theirs" from a package of type "golang"`)
	if got.Ours {
		t.Error("it counts as ours")
	}
}

// The files that an incomplete build lacks are listed in Files.
func TestHalfThere(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	for _, missing := range []string{"build-info.json", released} {
		s, b := installed(t, old)
		if err := os.Remove(at(b, missing)); err != nil {
			t.Fatal(err)
		}
		r := one(t, refresher(s, old))
		isState(t, r, refresh.LeftAlone, "is incomplete")
		if !slices.Contains(r.Files, at(b, missing)) {
			t.Errorf("%s is not among %q", missing, r.Files)
		}
	}
}

// A connection that differs only in mode or formatting is replaced even if its server does not
// answer, and nothing has to be restarted.
func TestSameConnection(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, b := installed(t, old)
	chmod(t, at(b, released), 0o644)
	r := refresher(s, old)
	r.Probe = nobodyThere
	got := one(t, r)
	isState(t, got, refresh.Failed, "the connection does not work: package ID: nobody there")
	if got.Differs || !got.UpToDate || len(got.Changes) != 1 {
		t.Errorf("it counts as another connection, or as not replaced: %+v", got)
	}
	holds(t, at(b, released), old)
	write(t, at(b, released), []byte("null"))
	got = one(t, r)
	isState(t, got, refresh.Failed, "the new connection does not work, so the old one stays: package ID: nobody there")
	if got.UpToDate {
		t.Error("it counts as replaced")
	}
}

// A dry run changes nothing, and creates no lock.
func TestDryRun(t *testing.T) {
	n := newNeighbours(t)
	write(t, at(n.build, ".connection.json123"), nil) // a run would remove this
	before := tree(t, string(n.Store))
	r := refresher(n.Store, with(n.old, "HOST", "cc2"))
	r.DryRun = true
	for _, result := range run(t, r) {
		isState(t, result, refresh.Outdated, "")
		if len(result.Changes) != 1 || result.Changes[0] != (refresh.Change{What: "address", Old: "cc:9999", New: "cc2:9999"}) {
			t.Errorf("got %v", result.Changes)
		}
		hasCertificates(t, result, n.old)
	}
	same(t, string(n.Store), before)
}

// A connection is probed before it replaces another one, and also if it is unchanged.
func TestProbe(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	renewed := with(environment(t, "peer1", now.AddDate(0, 2, 0)), "HOST", "cc2")
	s, b := installed(t, old)
	var probed []string
	accept := probing(func(target probe.Target) error {
		holds(t, at(b, released), old)
		probed = append(probed, target.PackageID+" "+target.Connection.Address)
		return nil
	})
	r := refresher(s, old)
	r.Probe = accept
	isState(t, one(t, r), refresh.Unchanged, "")
	r.Env = given(renewed)
	r.Probe = nobodyThere
	refused := one(t, r)
	isState(t, refused, refresh.Failed, "nobody there")
	hasCertificates(t, refused, old)
	holds(t, at(b, released), old)
	holds(t, at(b, built), old)
	r.Probe = accept
	isState(t, one(t, r), refresh.Refreshed, "")
	holds(t, at(b, released), renewed)
	id := pack(t, "basic_1.0", chaincode.DefaultType).ID
	if want := []string{id + " cc:9999", id + " cc2:9999"}; !slices.Equal(probed, want) {
		t.Errorf("probed %q, want %q", probed, want)
	}
}

// A panic fails only one build, and is reported like any other error.
func TestPanic(t *testing.T) {
	n := newNeighbours(t)
	r := n.refresh(t, func(r *refresh.Refresher) {
		r.Probe = probing(func(target probe.Target) error {
			if target.PackageID == n.id {
				panic(target.Connection.ClientKey)
			}
			return nil
		})
	})
	isState(t, r, refresh.Failed, "internal error")
	if r.PackageID != n.id || len(r.Files) == 0 {
		t.Errorf("it is %q with the files %v, want %q and some", r.PackageID, r.Files, n.id)
	}
	hasCertificates(t, r, n.old)
	if strings.Contains(r.Err().Error(), keyLines(t, n.old[clientKey])[0]) {
		t.Errorf("%v holds the key", r.Err())
	}
}

// Every build has a result, in the order of the builds' names, however many there are.
func TestOrder(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	s := store.Store(memory(t))
	states := map[string]refresh.State{}
	for i := range 40 {
		pkg := pack(t, fmt.Sprintf("%c-%d", "Ab"[i%2], i), chaincode.DefaultType)
		install(t, s, pkg, ours, old)
		states[pkg.ID] = refresh.Refreshed
		if i%4 == 0 {
			states[pkg.ID] = refresh.Failed
			write(t, s.PackageFile(pkg.ID), []byte("no package"))
		}
	}
	entries, err := os.ReadDir(s.BuildsDir())
	if err != nil {
		t.Fatal(err)
	}
	r := refresher(s, with(old, "HOST", "cc2"))
	var done atomic.Int64
	r.Done = func() { done.Add(1) }
	results := run(t, r)
	if len(results) != 40 || done.Load() != 40 {
		t.Fatalf("got %d results, and %d are done", len(results), done.Load())
	}
	for i, result := range results {
		if got := s.Build(result.PackageID).Name(); got != entries[i].Name() {
			t.Errorf("result %d is of %s, want %s", i, got, entries[i].Name())
		}
		if result.State != states[result.PackageID] {
			t.Errorf("%s is %s, %v", result.PackageID, result.State, result.Err())
		}
	}
	if failed := refresh.Count(results, refresh.Failed); failed != 10 {
		t.Errorf("%d have failed", failed)
	}
}

// Files that root replaces keep their owner.
func TestOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	const nobody = 65534
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, b := installed(t, old)
	for path := range tree(t, string(s)) {
		if err := os.Lchown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	isState(t, one(t, refresher(s, with(old, "HOST", "cc2"))), refresh.Refreshed, "")
	for path := range tree(t, string(s)) {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != nobody || owner.Gid != nobody {
			t.Errorf("%s belongs to %d:%d", path, owner.Uid, owner.Gid)
		}
	}
	holds(t, at(b, released), with(old, "HOST", "cc2"))
}

// Certificates are checked at the time Now.
func TestWarnings(t *testing.T) {
	env := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, _ := installed(t, env)
	expired := "connection.json: client_cert: certificate " + fingerprint(t, env[clientCert]) + " expired at 2026-12-20T12:00:00Z (from " + clientCert + ")"
	for at, want := range map[time.Time][]string{now: nil, now.AddDate(0, 1, 0): nil, now.AddDate(0, 1, 1): {expired}} {
		r := refresher(s, env)
		r.Now = clock(at)
		result := one(t, r)
		isState(t, result, refresh.Unchanged, "")
		var got []string
		for _, w := range result.Warnings {
			got = append(got, w.Error())
		}
		if !slices.Equal(got, want) {
			t.Errorf("at %s it warns %q, want %q", at, got, want)
		}
	}
}

// No private key is shown, neither the old nor the new one, wherever it is.
func TestNoSecrets(t *testing.T) {
	old, renewed := environment(t, "peer0", now.AddDate(0, 1, 0)), environment(t, "peer0", now.AddDate(0, 2, 0))
	change := func(change func(*connection.Connection)) []byte {
		c, err := connection.Decode(rendered(old))
		if err != nil {
			t.Fatal(err)
		}
		change(&c)
		return c.Encode()
	}
	body := func(c *connection.Connection) string { return strings.Join(keyLines(t, c.ClientKey), "") }
	named, err := json.Marshal(map[string]string{old[clientKey]: ""})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		disk  []byte
		env   map[string]string
		state refresh.State
	}{
		"another key":           {rendered(old), with(with(old, clientCert, renewed[clientCert]), clientKey, renewed[clientKey]), refresh.Refreshed},
		"key of another":        {rendered(old), with(old, clientKey, renewed[clientKey]), refresh.Failed},
		"key as host":           {rendered(old), with(old, "HOST", renewed[clientKey]), refresh.Failed},
		"key as certificate":    {rendered(old), with(old, clientCert, renewed[clientKey]), refresh.Failed},
		"key with certificate":  {change(func(c *connection.Connection) { c.ClientCert += c.ClientKey }), old, refresh.Refreshed},
		"key as old address":    {change(func(c *connection.Connection) { c.Address = c.ClientKey }), old, refresh.Refreshed},
		"key as old domain":     {change(func(c *connection.Connection) { c.Domain = c.ClientKey }), old, refresh.Refreshed},
		"key as old timeout":    {change(func(c *connection.Connection) { c.DialTimeout = c.ClientKey }), old, refresh.Refreshed},
		"key as old authority":  {change(func(c *connection.Connection) { c.RootCert = c.ClientKey }), old, refresh.Refreshed},
		"key as the name":       {named, old, refresh.Refreshed},
		"cut off within":        {rendered(old)[:len(rendered(old))-60], old, refresh.Refreshed},
		"key behind =":          {change(func(c *connection.Connection) { c.Address = "key=" + body(c) }), old, refresh.Refreshed},
		"key in a URL":          {change(func(c *connection.Connection) { c.Domain = "https://a/keys/" + body(c) }), old, refresh.Refreshed},
		"line of a key as host": {change(func(c *connection.Connection) { c.Address = keyLines(t, c.ClientKey)[0] }), old, refresh.Refreshed},
	} {
		t.Run(name, func(t *testing.T) {
			s, b := installed(t, old)
			write(t, at(b, released), test.disk)
			r := one(t, refresher(s, test.env))
			if r.State != test.state {
				t.Errorf("it is %s, %v", r.State, r.Err())
			}
			shown := fmt.Sprint(r.Changes, r.Err(), r.Warnings)
			for _, line := range slices.Concat(keyLines(t, old[clientKey]), keyLines(t, renewed[clientKey])) {
				if strings.Contains(shown, line) {
					t.Fatalf("a line of a key is shown in %s", shown)
				}
			}
		})
	}
}

// A refresh removes what a killed run has left, and nothing else.
func TestLeftovers(t *testing.T) {
	env := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, b := installed(t, env)
	keep := []string{".connection.json", ".connection.json123x", "connection.json123", ".metadata.json123", "bld/.connection.json123", "release/.connection.json1"}
	for _, name := range keep {
		write(t, at(b, name), nil)
	}
	before := tree(t, string(b))
	for _, name := range []string{".connection.json123", ".connection.json4567890123456789012"} {
		write(t, at(b, name), []byte("half"))
	}
	isState(t, one(t, refresher(s, env)), refresh.Unchanged, "")
	delete(before, string(b)) // its time has changed
	after := tree(t, string(b))
	delete(after, string(b))
	if len(after) != len(before) {
		t.Errorf("there are %d files and folders, want %d", len(after), len(before))
	}
	for name := range before {
		if after[name] != before[name] {
			t.Errorf("%s has changed", name)
		}
	}
}

// Files lists all files from which values may come, including missing ones, so that a caller can
// wait for changes.
func TestFiles(t *testing.T) {
	old := environment(t, "peer0", now.AddDate(0, 1, 0))
	dir := t.TempDir()
	files := map[string]string{"HOST": old["HOST"]}
	var named []string
	for _, name := range []string{rootCert, clientCert, clientKey} {
		file := filepath.Join(dir, name)
		write(t, file, []byte(old[name]))
		files[name+"_FILE"] = file
		named = append(named, file)
	}
	values := filepath.Join(dir, "values")
	inValues := func(name string) []string { return []string{values + "/" + name, values + "/basic_1.0/" + name} }
	for name, test := range map[string]struct {
		env   map[string]string
		state refresh.State
		want  []string
		all   bool // want lists all files
	}{
		"of variables":          {old, refresh.Unchanged, nil, true},
		"named":                 {files, refresh.Unchanged, named, true},
		"named but missing":     {with(files, clientKey+"_FILE", dir+"/none"), refresh.Failed, append([]string{dir + "/none"}, named[:2]...), true},
		"folder":                {with(files, "CCAAS_ENV_DIR", values), refresh.Unchanged, slices.Concat(named, inValues("HOST"), inValues(rootCert), inValues(clientKey+"_FILE"), inValues("CCAAS_REQUIRE_TLS")), false},
		"folder that is gone":   {with(files, "CCAAS_ENV_DIR", dir+"/none"), refresh.Failed, append([]string{dir + "/none/HOST", dir + "/none/basic_1.0/HOST"}, named...), false},
		"value that is refused": {with(files, "CORE_CHAINCODE_TLS_REQUIRED", "perhaps"), refresh.Failed, named, true},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, values+"/other", nil)
			s, _ := installed(t, old)
			r := one(t, refresher(s, test.env))
			if r.State != test.state {
				t.Errorf("it is %s, %v", r.State, r.Err())
			}
			for _, want := range test.want {
				if !slices.Contains(r.Files, want) {
					t.Errorf("%s is not among %q", want, r.Files)
				}
			}
			if test.all && len(r.Files) != len(test.want) {
				t.Errorf("got %q, want %q", r.Files, test.want)
			}
		})
	}
}

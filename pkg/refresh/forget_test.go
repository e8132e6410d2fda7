package refresh_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
)

// A remembered result is not used after a change to anything on which it depends.
func TestForgotten(t *testing.T) {
	sameTimes := func(t *testing.T, file string, data []byte) {
		info, err := os.Stat(file)
		if err == nil {
			err = os.WriteFile(file, data, 0o600)
		}
		if err == nil {
			err = os.Chtimes(file, info.ModTime(), info.ModTime())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	move := func(t *testing.T, from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(t *testing.T, c *changes, b store.Build, label string){
		"value, but not its times": func(t *testing.T, c *changes, _ store.Build, label string) { sameTimes(t, label+"/HOST", []byte("h2")) },
		"no value":                 func(t *testing.T, c *changes, _ store.Build, label string) { remove(t, label+"/HOST") },
		"another value": func(t *testing.T, c *changes, _ store.Build, label string) {
			write(t, label+"/CORE_CHAINCODE_TIMEOUT", []byte("1s"))
		},
		"a value of all": func(t *testing.T, c *changes, _ store.Build, label string) {
			write(t, c.values+"/CORE_CHAINCODE_TIMEOUT", []byte("1s"))
		},
		"file of a value": func(t *testing.T, c *changes, _ store.Build, _ string) {
			sameTimes(t, c.spare+"/../root.pem", []byte(c.envs[1][rootCert]))
		},
		"misspelt": func(t *testing.T, c *changes, _ store.Build, label string) {
			write(t, label+"/CORE_CHAINCODE_TIMEOU", []byte("1s"))
		},
		"misspelt for all": func(t *testing.T, c *changes, _ store.Build, _ string) {
			write(t, c.values+"/CORE_CHAINCODE_TIMEOU", []byte("1s"))
		},
		"label misspelt": func(t *testing.T, c *changes, _ store.Build, _ string) {
			write(t, c.values+"/cx0/HOST", []byte("h3"))
		},
		"target of a link": func(t *testing.T, c *changes, _ store.Build, _ string) {
			remove(t, c.spare+"/target")
			write(t, c.spare+"/target/HOST", []byte("h3"))
		},
		"folder for a value": func(t *testing.T, c *changes, _ store.Build, label string) {
			remove(t, label+"/HOST")
			write(t, label+"/HOST/x", nil)
		},
		"file for a label": func(t *testing.T, c *changes, _ store.Build, label string) {
			remove(t, label)
			write(t, label, nil)
		},
		"folder of a label": func(t *testing.T, c *changes, _ store.Build, label string) { move(t, label, c.spare+"/label") },
		"folder of values":  func(t *testing.T, c *changes, _ store.Build, label string) { move(t, c.values, c.spare+"/values") },
		"variable": func(t *testing.T, c *changes, _ store.Build, _ string) {
			c.set("CORE_CHAINCODE_TIMEOUT", "1s")
		},
		"builder": func(t *testing.T, c *changes, _ store.Build, _ string) { c.r.Builder = "them" },
		"expiry":  func(t *testing.T, c *changes, _ store.Build, _ string) { c.r.Now = clock(now.AddDate(0, 1, 1)) },
		"before":  func(t *testing.T, c *changes, _ store.Build, _ string) { c.r.Now = clock(now.AddDate(-1, 0, 0)) },
		"package": func(t *testing.T, c *changes, _ store.Build, _ string) {
			sameTimes(t, c.s.PackageFile(c.pkgs[1].ID), []byte("x"))
		},
		"no package": func(t *testing.T, c *changes, _ store.Build, _ string) { remove(t, c.s.PackageFile(c.pkgs[1].ID)) },
		"info": func(t *testing.T, c *changes, b store.Build, _ string) {
			sameTimes(t, at(b, store.InfoFile), []byte(`{"builder_name":"them"}`))
		},
		"connection": func(t *testing.T, c *changes, b store.Build, _ string) { sameTimes(t, at(b, released), []byte("{}")) },
		"its copy":   func(t *testing.T, c *changes, b store.Build, _ string) { sameTimes(t, at(b, built), []byte("{}")) },
		"mode":       func(t *testing.T, c *changes, b store.Build, _ string) { chmod(t, at(b, released), 0o644) },
		"build moved out": func(t *testing.T, c *changes, b store.Build, _ string) {
			move(t, string(b), c.spare+"/b")
			link(t, c.spare+"/b", string(b))
		},
		"release moved out": func(t *testing.T, c *changes, b store.Build, _ string) {
			move(t, at(b, "release/chaincode"), c.spare+"/cc")
			link(t, c.spare+"/cc", at(b, "release/chaincode"))
		},
		"packages moved out": func(t *testing.T, c *changes, b store.Build, _ string) {
			move(t, string(c.s)+"/lifecycle", c.spare+"/lifecycle")
			link(t, c.spare+"/lifecycle", string(c.s)+"/lifecycle")
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChanges(t, 0, 2)
			b, label := c.s.Build(c.pkgs[1].ID), c.values+"/"+c.pkgs[1].Metadata.Label
			write(t, label+"/HOST", []byte("h1"))
			write(t, c.values+"/HOST", []byte("h0"))
			write(t, c.spare+"/target", nil)
			link(t, c.spare+"/target", c.values+"/cy0")
			run(t, c.r)
			time.Sleep(2 * coarse)
			c.r.Memory = refresh.NewMemory(coarse)
			c.r.DryRun = true
			before := outcome(run(t, c.r))
			if run(t, c.r); c.r.Memory.Recalled() != len(before) {
				t.Fatalf("%d of %d are remembered", c.r.Memory.Recalled(), len(before))
			}
			change(t, c, b, label)
			got := run(t, c.r)
			c.r.Memory = nil
			isOutcome(t, []string{name}, got, run(t, c.r))
			if slices.Equal(outcome(got), before) {
				t.Error("the change makes no difference")
			}
		})
	}
}

// A change without effect makes a run forget only what it must, and the next run remembers it
// again.
func TestRememberedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		change func(t *testing.T, c *changes, label string)
		want   int // of two results; only the second label has its own folder
	}{
		"nothing":         {func(*testing.T, *changes, string) {}, 2},
		"the same value":  {func(t *testing.T, c *changes, label string) { write(t, label+"/HOST", []byte("cc")) }, 1},
		"a file":          {func(t *testing.T, c *changes, _ string) { write(t, c.values+"/OTHER", nil) }, 0},
		"another's value": {func(t *testing.T, c *changes, _ string) { write(t, c.values+"/asset/HOST", []byte("x")) }, 1},
		"another's file":  {func(t *testing.T, c *changes, _ string) { write(t, c.spare+"/root.pem", []byte("x")) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChanges(t, 0, 2)
			label := c.values + "/" + c.pkgs[1].Metadata.Label
			write(t, label+"/HOST", []byte("cc"))
			write(t, c.values+"/HOST", []byte("cc"))
			done := 0
			c.r.Memory, c.r.Done = refresh.NewMemory(coarse), func() { done++ }
			remembered := func(want int) {
				t.Helper()
				time.Sleep(2 * coarse)
				for _, r := range run(t, c.r) {
					isState(t, r, refresh.Unchanged, "")
				}
				if got := c.r.Memory.Recalled(); got != want {
					t.Errorf("%d are remembered, want %d", got, want)
				}
			}
			remembered(0)
			remembered(2)
			test.change(t, c, label)
			remembered(test.want)
			remembered(2)
			if done != 4*2 {
				t.Errorf("%d are done", done)
			}
		})
	}
}

// A run that renders nothing keeps the files and folders that it has looked at. Everything that the
// last run has not looked at is forgotten.
func TestPruned(t *testing.T) {
	c := newChanges(t, 0, 2)
	write(t, c.values+"/HOST", []byte("cc"))
	time.Sleep(2 * coarse)
	c.r.Memory = refresh.NewMemory(coarse)
	c.r.DryRun = true
	run(t, c.r)
	run(t, c.r)
	files, folders := c.r.Memory.Known()
	if files != 3 || folders != 3 { // HOST, ROOT and the file it names; the folders of values for all and two labels
		t.Errorf("%d files and %d folders are known", files, folders)
	}
	remove(t, string(c.s.Build(c.pkgs[1].ID))) // the build that reads ROOT
	run(t, c.r)
	remove(t, string(c.s.Build(c.pkgs[0].ID)))
	c.install(c.pkgs[1])
	write(t, c.values+"/HOST", []byte("cc2"))
	isState(t, one(t, c.r), refresh.Outdated, "")                         // not remembered
	if files, folders := c.r.Memory.Known(); files != 0 || folders != 2 { // the two folders that this run has listed
		t.Errorf("%d files and %d folders are still known", files, folders)
	}
}

// A file that has just changed may change again without a new time, so its build is rendered again.
func TestNotSettled(t *testing.T) {
	env := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, _ := installed(t, env)
	r := refresher(s, env)
	r.Memory = refresh.NewMemory(time.Hour)
	for range 2 {
		isState(t, one(t, r), refresh.Unchanged, "")
		if n := r.Memory.Recalled(); n != 0 {
			t.Errorf("%d results were recalled", n)
		}
	}
}

// Even if the result is remembered, a run removes what a killed run has left, and probes the
// server.
func TestRememberedAndMore(t *testing.T) {
	env := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, b := installed(t, env)
	time.Sleep(2 * coarse)
	r := refresher(s, env)
	r.Memory = refresh.NewMemory(coarse)
	run(t, r)
	if run(t, r); r.Memory.Recalled() != 1 {
		t.Fatal("it is not remembered")
	}
	left := at(b, ".connection.json123")
	write(t, left, nil)
	run(t, r)
	if _, err := os.Lstat(left); err == nil {
		t.Error("what was left is still there")
	}
	time.Sleep(2 * coarse)
	run(t, r)
	r.Probe = nobodyThere
	isState(t, one(t, r), refresh.Failed, "nobody there")
}

// Even an empty folder of values must exist.
func TestForgottenFolder(t *testing.T) {
	values := t.TempDir()
	env := with(environment(t, "peer0", now.AddDate(0, 1, 0)), "CCAAS_ENV_DIR", values)
	s, _ := installed(t, env)
	time.Sleep(2 * coarse)
	r := refresher(s, env)
	r.Memory = refresh.NewMemory(coarse)
	isState(t, one(t, r), refresh.Unchanged, "")
	remove(t, values)
	isState(t, one(t, r), refresh.Failed, "cannot be used: no such file or directory")
}

// If the clock is set back, nothing is recalled that was remembered later, as with the time "before"
// above. The monotonic clock would go on.
func TestForgottenWithClock(t *testing.T) {
	env := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, _ := installed(t, env)
	time.Sleep(2 * coarse)
	r := refresher(s, env)
	monotonic := time.Now()
	monotonic = monotonic.Add(now.Sub(monotonic)) // the same time as now
	r.Now, r.Memory = clock(monotonic), refresh.NewMemory(coarse)
	for range 2 {
		isState(t, one(t, r), refresh.Unchanged, "")
	}
	if r.Memory.Recalled() != 1 || r.Memory.Monotonic() {
		t.Errorf("it recalled %d, monotonic: %t", r.Memory.Recalled(), r.Memory.Monotonic())
	}
}

// A symbolic link to the folder of values may be changed to lead to an older folder.
func TestForgottenLinkToFolder(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/one/x", nil)
	write(t, dir+"/two/CORE_CHAINCODE_TIMEOUT", []byte("9s"))
	link(t, dir+"/one", dir+"/values")
	env := with(environment(t, "peer0", now.AddDate(0, 1, 0)), "CCAAS_ENV_DIR", dir+"/values")
	s, _ := installed(t, env)
	time.Sleep(2 * coarse)
	r := refresher(s, env)
	r.Memory = refresh.NewMemory(coarse)
	isState(t, one(t, r), refresh.Unchanged, "")
	link(t, dir+"/two", dir+"/values")
	isState(t, one(t, r), refresh.Refreshed, "")
}

// The target of a symbolic link may change without the link, so a build with a link is rendered
// again.
func TestLinkNotRemembered(t *testing.T) {
	env := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, b := installed(t, env)
	if err := os.Rename(at(b, "release"), at(b, "other")); err != nil {
		t.Fatal(err)
	}
	link(t, "other", at(b, "release"))
	time.Sleep(2 * coarse)
	r := refresher(s, env)
	r.Memory = refresh.NewMemory(coarse)
	for range 2 {
		isState(t, one(t, r), refresh.Unchanged, "")
		if r.Memory.Recalled() != 0 {
			t.Error("it was recalled")
		}
	}
}

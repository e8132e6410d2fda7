package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ccaas-template-builder/internal/message"
)

// odd is text that reverses what follows it, or controls a terminal.
const odd = "a\u202eb\u009bc\u2066d\x7fe\ufefff\U000e0001"

// Text in a package, an env file or a peer's file cannot control a terminal through JSON
// either. A program that reads the JSON gets the same text.
func TestPrintableJSON(t *testing.T) {
	t.Parallel()
	o := newOutdated(t)
	replace := func(file, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := strings.Replace(o.old, "cc:1", odd, 1)
	if old == o.old {
		t.Fatalf("the connection is %s", old)
	}
	hostile := filepath.Join(o.dir, "hostile")
	if err := os.Mkdir(hostile, 0o700); err != nil {
		t.Fatal(err)
	}
	replace(filepath.Join(hostile, "connection.json"), `{"tls_required":false,"address":"{{ .Peer.ID }}`+odd+`:1"}`)
	replace(filepath.Join(o.dir, odd), "x")
	if out, err := o.run(builder + "/bin/ccaas package p.tgz --path hostile --label x"); err != nil {
		t.Fatal(err, out)
	}
	for _, args := range [][]string{
		{"inspect", "hostile"},
		{"inspect", "p.tgz"},
		{"lint", odd},
		{"simulate", "p.tgz", "--peer", odd + "=peer.env"},
		{"doctor", "--core-yaml", odd},
		{"refresh", "--peer-dir", "peer", "--env-file", "peer.env", "--dry-run"},
	} {
		replace(o.released, old)
		cmd := exec.Command(filepath.Join(builder, "bin", "ccaas"), append(args, "-o", "json")...)
		cmd.Dir = o.dir
		stdout, _ := cmd.Output() // ignore the status: many find an error, which is in the JSON
		isPrintable(t, strings.Join(args, " "), string(stdout))
	}
	w := startWatch(t, o, " --builder '"+odd+"'")
	for e := range w.events {
		if e.Message == "watching" {
			w.cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	isPrintable(t, "watch", w.said.String())
}

// isPrintable checks that the JSON contains the odd text, escaped.
func isPrintable(t *testing.T, what, text string) {
	t.Helper()
	if lines := strings.ReplaceAll(text, "\n", ""); message.Printable(lines) != lines {
		t.Errorf("%s: writes %q", what, text)
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	found := false
	for decoder.More() {
		var v any
		if err := decoder.Decode(&v); err != nil {
			t.Fatalf("%s: %v: %q", what, err, text)
		}
		found = found || holdsOdd(v)
	}
	if !found {
		t.Errorf("%s: does not have the text: %q", what, text)
	}
}

func holdsOdd(v any) bool {
	found := false
	switch v := v.(type) {
	case string:
		found = strings.Contains(v, "\u202e")
	case []any:
		for _, element := range v {
			found = found || holdsOdd(element)
		}
	case map[string]any:
		for key, element := range v {
			found = found || holdsOdd(key) || holdsOdd(element)
		}
	}
	return found
}

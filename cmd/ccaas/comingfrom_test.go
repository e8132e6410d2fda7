package main_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ccaas-template-builder/internal/docpage"
)

// comingFrom returns a page on coming from another builder or network.
func comingFrom(t *testing.T, page string) string {
	t.Helper()
	return docpage.Read(t, "docs/coming-from/"+page)
}

// fabloTemplate returns the template on the page about Fablo.
func fabloTemplate(t *testing.T) string {
	t.Helper()
	return docpage.Blocks(t, docpage.Section(t, comingFrom(t, "fablo.md"), "2. Write the template"), "json")[0]
}

// writeFiles writes files, keyed by their paths in dir. All of them are executable.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
}

// The verbs and flags of all ccaas commands on these pages exist.
func TestComingFromCommands(t *testing.T) {
	pages, err := filepath.Glob("../../docs/coming-from/[a-z]*.md") // without README.md
	if err != nil || len(pages) != 8 {
		t.Fatalf("%v, %v", pages, err)
	}
	help := map[string]string{}
	for _, page := range pages {
		script := strings.Join(docpage.Blocks(t, comingFrom(t, filepath.Base(page)), "sh"), "\n")
		joined := strings.ReplaceAll(script, "\\\n", " ")
		command := regexp.MustCompile(`ccaas\s+([a-z]+) ([^\n;|&)>]*)`)
		for _, found := range command.FindAllStringSubmatch(joined, -1) {
			verb := found[1]
			if help[verb] == "" {
				out, err := exec.Command(builder+"/bin/ccaas", verb, "--help").Output()
				if err != nil || !strings.Contains(string(out), "ccaas "+verb) {
					t.Fatalf("%s: there is no %q: %v", page, found[0], err)
				}
				help[verb] = string(out)
			}
			for _, flag := range regexp.MustCompile(`(^| )(--?[a-zA-Z][a-zA-Z-]*)`).FindAllStringSubmatch(found[2], -1) {
				if !regexp.MustCompile(flag[2] + `[ \[,]`).MatchString(help[verb]) {
					t.Errorf("%s: ccaas %s has no %s", page, verb, flag[2])
				}
			}
		}
	}
}

// Each page's package gives a peer the address that the page names, with the variables that the
// peers of that network have.
func TestComingFromPackages(t *testing.T) {
	core, err := os.ReadFile("../../pkg/coreyaml/testdata/fabric-3.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const tls = "CORE_PEER_TLS_CERT_FILE=/tls/tls.crt\nCORE_PEER_TLS_KEY_FILE=/tls/tls.key\nCORE_PEER_TLS_ROOTCERT_FILE=/tls/ca.crt\n"
	for _, test := range []struct{ page, heading, core, file, id, address string }{
		{"test-network.md", "1. Put the builder into core.yaml", "compose/docker/peercfg/core.yaml", "basic.tgz",
			"peer0.org1.example.com", "basic-1-0.peer0.org1.example.com:9999"},
		{"fablo.md", "4. Check", "", "check.tgz",
			"peer0.org1.example.com", "ccaas_peer0.org1.example.com_my-channel1_chaincode1_0.0.1:7052"},
		{"hlf-operator.md", "2. Make the package", "", "basic.tgz", "org1-peer0", "basic-1-0-org1-peer0:7052"},
		{"bevel.md", "1. Make the package", "", "assettransfer.tgz",
			"peer0.manufacturer-net", "cc-assettransfer.manufacturer-net.svc.cluster.local:7052"},
		{"fabric-builder-k8s.md", "Run both", "core.yaml", "basic.tgz", "peer0.org1", "basic-1-0.peer0.org1:9999"},
	} {
		t.Run(test.page, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			page := comingFrom(t, test.page)
			files := map[string]string{
				"peer.env": "CORE_PEER_ID=" + test.id + "\n" + tls,
				// This stands in for docker: only the variables of the container are needed.
				"bin/docker": "#!/bin/sh\ntest \"$3\" != env || cat " + dir + "/peer.env\n",
			}
			if test.core != "" {
				files[test.core] = string(core)
			}
			if test.page == "fablo.md" {
				files["connection/connection.json"] = fabloTemplate(t)
				files["connection/package.sh"] = ""
			}
			writeFiles(t, dir, files)
			script := strings.ReplaceAll(strings.Join(docpage.Blocks(t, docpage.Section(t, page, test.heading), "sh"), "\n"), "/opt/", dir+"/")
			script += "\nccaas simulate " + test.file + " --peer p=peer.env --without-files"
			if test.core != "" {
				script += " --core-yaml " + test.core
			}
			cmd := exec.Command("bash", "-euc", script)
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + dir + "/bin:" + builder + "/bin:" + os.Getenv("PATH"), "HOME=" + dir}
			out, err := cmd.CombinedOutput()
			want := regexp.MustCompile(`(?m)^p +` + regexp.QuoteMeta(test.address) + ` +mutual .* ok;`)
			if err != nil || !want.Match(out) {
				t.Errorf("%v: no peer gets %s:\n%s", err, test.address, out)
			}
		})
	}
}

// The page's function works when Fablo's scripts call it in place of their own, and puts the
// package where they look for it.
func TestComingFromFablo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"connection/connection.json": fabloTemplate(t),
		"bin/docker":                 "#!/bin/sh\ntest \"$1\" = cp\ncp \"$2\" \"" + dir + "/$(echo \"$3\" | tr /: __)\"\n",
	})
	function := docpage.Blocks(t, docpage.Section(t, comingFrom(t, "fablo.md"), "3. Have Fablo pack it"), "sh")[0]
	cmd := exec.Command("bash", "-euc", function+"chaincodePackageCCaaS cli.org1 basic 0.0.1 mychannel Org1_mychannel_basic_0.0.1 peer0,peer1 org1 true")
	cmd.Env = []string{"PATH=" + dir + "/bin:" + builder + "/bin:" + os.Getenv("PATH"), "FABLO_NETWORK_ROOT=" + dir + "/fablo-target"}
	if err := os.Mkdir(dir+"/fablo-target", 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	copied := dir + "/cli.org1__var_hyperledger_cli_chaincode-packages_Org1_mychannel_basic_0.0.1.tar.gz"
	out, err := exec.Command(builder+"/bin/ccaas", "calculatepackageid", copied).Output()
	if err != nil || !strings.HasPrefix(string(out), "Org1_mychannel_basic_0.0.1:") {
		t.Errorf("%v: %s", err, out)
	}
}

package e2e_test

import (
	"path/filepath"
	"strings"

	"ccaas-template-builder/internal/testarchive"
)

// pack is a package file and its package ID.
type pack struct{ file, id string }

// index is a CouchDB index for the packages of the chaincode on Node.
const index = `{"index": {"fields": ["docType"]}, "ddoc": "byDocType", "name": "byDocType", "type": "json"}`

// packageNode makes a package of the chaincode on Node, with an index.
func (n *fabric) packageNode(label string) pack {
	n.t.Helper()
	n.step("package %s", label)
	dir := filepath.Join(n.dir, "packages", label)
	n.run(nil, n.ccaas(), "init", dir, "--template", "mtls")
	n.write("packages/"+label+"/META-INF/statedb/couchdb/indexes/byDocType.json", index)
	return n.pack(dir, label)
}

// pack makes a package from a folder, and writes it next to the folder.
func (n *fabric) pack(dir, label string, flags ...string) pack {
	n.t.Helper()
	file := dir + ".tgz"
	args := append([]string{"package", file, "--path", dir, "--label", label}, flags...)
	return pack{file, strings.TrimSpace(n.run(nil, n.ccaas(), args...))}
}

// packageNeedy makes a package whose template needs a variable that no peer has.
func (n *fabric) packageNeedy() string {
	n.write("packages/needy/connection.json", `{"address": "{{ .Env.NEEDED_ADDRESS }}"}`)
	return n.pack(filepath.Join(n.dir, "packages", "needy"), "needy_1.0").file
}

// packageFabrics makes a package for Fabric's ccaas_builder, without this project's programs.
func (n *fabric) packageFabrics() string {
	code := testarchive.Pack(n.t, testarchive.File("connection.json",
		`{"address": "{{.peername}}:9999", "dial_timeout": "10s", "tls_required": false}`))
	return n.write("packages/fabrics.tgz", string(testarchive.Pack(n.t, testarchive.File("code.tar.gz", string(code)),
		testarchive.File("metadata.json", `{"type": "ccaas", "label": "fabrics_1.0"}`))))
}

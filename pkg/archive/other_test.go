package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"ccaas-template-builder/internal/must"
	"ccaas-template-builder/pkg/archive"
)

// The error for a file that an administrator may mistake for a package says what the file is.
func TestParseOther(t *testing.T) {
	folder := func(name string) entry { return of(tar.Header{Name: name, Typeflag: tar.TypeDir}, "") }
	good := withCode(t, file("connection.json", "{}"))
	damaged := append(bytes.Clone(good[:10]), 7) // a block of a type that does not exist
	const dotted = `is not a chaincode package: its entry is called %q, which the peer does not take for %s: ` +
		`create it with tar czf PACKAGE metadata.json code.tar.gz`
	const code = "is not a chaincode package but the code of one, which a package has as code.tar.gz beside its metadata.json"
	const ofFolder = "is not a chaincode package but the tar of a folder: ccaas package makes a package of the folder itself"
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"empty":                {nil, "is not a gzip file: it is empty"},
		"text":                 {[]byte("hello"), "is not a gzip file but text"},
		"text in UTF-8":        {[]byte("a" + strings.Repeat("ä", 300) + "\r\n"), "is not a gzip file but text"},
		"almost text":          {[]byte("hello\xff\xff\xff"), "is not a gzip file but text"},
		"hardly text":          {[]byte("hello\xff\xff\xff\xff"), "is not a gzip file"},
		"binary":               {[]byte{0xff, 0xd8, 0xff, 0xe0, 0}, "is not a gzip file"},
		"old package":          {[]byte("\n\x91\x02\n\x7f\b\x01"), "is not a gzip file"}, // a ChaincodeDeploymentSpec
		"zip":                  {[]byte("PK\x03\x04\x14\x00"), "is not a gzip file but a zip file"},
		"xz":                   {[]byte("\xfd7zXZ\x00\x00"), "is not a gzip file but an xz file"},
		"bzip2":                {[]byte("BZh91AY"), "is not a gzip file but a bzip2 file"},
		"zstd":                 {[]byte("\x28\xb5\x2f\xfd\x00"), "is not a gzip file but a zstd file"},
		"tar":                  {unzip(t, good), "is not a gzip file but a tar file that is not compressed"},
		"damaged":              {damaged, "is not a valid gzip tar: it is damaged: flate: corrupt input before offset 1"},
		"gzipped text":         {zip(t, []byte("hello")), "is not a valid gzip tar: it is gzipped, but not a tar file"},
		"gzipped long text":    {zip(t, bytes.Repeat([]byte("hello "), 1000)), "is not a valid gzip tar: it is gzipped, but not a tar file"},
		"gzipped twice":        {zip(t, good), "is not a valid gzip tar: it is gzipped, but not a tar file"},
		"gzipped nothing":      {zip(t, nil), "is not a chaincode package: it is an empty archive"},
		"no entries":           {pack(t), "is not a chaincode package: it is an empty archive"},
		"dotted names":         {pack(t, file("./metadata.json", metadata), file("./code.tar.gz", "")), fmt.Sprintf(dotted, "./code.tar.gz", "code.tar.gz")},
		"dotted metadata":      {pack(t, file("./metadata.json", metadata), file("code.tar.gz", "")), fmt.Sprintf(dotted, "./metadata.json", "metadata.json")},
		"in a folder":          {pack(t, file("basic/metadata.json", metadata), file("basic/code.tar.gz", "")), fmt.Sprintf(dotted, "basic/code.tar.gz", "code.tar.gz")},
		"another case":         {pack(t, file("Metadata.json", metadata), file("code.tar.gz", "")), fmt.Sprintf(dotted, "Metadata.json", "metadata.json")},
		"a shorter extension":  {pack(t, file("metadata.json", metadata), file("code.tgz", "")), fmt.Sprintf(dotted, "code.tgz", "code.tar.gz")},
		"a package in a tar":   {pack(t, file("basic.tgz", string(good))), `is not a chaincode package: it has no code.tar.gz, only "basic.tgz"`},
		"two other files":      {pack(t, file("a", ""), file("b", "")), "is not a chaincode package: it has no code.tar.gz"},
		"code":                 {pack(t, file("connection.json", "{}")), code},
		"code of only indexes": {pack(t, file("META-INF/statedb/couchdb/indexes/a.json", "{}")), code},
		"code from a dot":      {pack(t, folder("./"), folder("./META-INF/"), file("./connection.json.tmpl", "{}")), code},
		"code with metadata":   {pack(t, file("metadata.json", metadata), file("connection.json", "{}")), `is not a chaincode package: it has no code.tar.gz, in which "connection.json" would have to be`},
		"a folder":             {pack(t, folder("basic/"), folder("basic/META-INF/"), file("basic/connection.json", "{}")), ofFolder},
		"a folder, whole":      {pack(t, folder("./"), file("./metadata.json", metadata), file("./code.tar.gz", "")), `"./": is not a regular file, so the peer rejects the package: create it with tar czf PACKAGE metadata.json code.tar.gz`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := archive.Parse(test.data); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func zip(t *testing.T, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unzip(t *testing.T, data []byte) []byte {
	t.Helper()
	r := must.Get(gzip.NewReader(bytes.NewReader(data)))(t)
	return must.Get(io.ReadAll(r))(t)
}

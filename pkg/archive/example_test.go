package archive_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"ccaas-template-builder/pkg/archive"
	"ccaas-template-builder/pkg/chaincode"
)

func ExampleWrite() {
	pkg, err := archive.Write("basic_1.0", chaincode.DefaultType, []archive.File{
		{Name: chaincode.ConnectionFile, Content: []byte(`{"address": "{{ .Address }}", "tls_required": false}`)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(pkg.ID)
	// Output: basic_1.0:fc28993831a68319796976deb62f2ce03db16cbf9c6ecffd65bb28aa72c797f7
}

func ExampleOpen() {
	file := filepath.Join(os.TempDir(), fmt.Sprintf("basic-%d.tgz", os.Getpid()))
	defer os.Remove(file)
	written, err := archive.Write("basic_1.0", chaincode.DefaultType, []archive.File{
		{Name: chaincode.ConnectionFile, Content: []byte(`{"tls_required": false}`)},
	})
	if err == nil {
		err = os.WriteFile(file, written.Bytes(), 0o644)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	pkg, err := archive.Open(context.Background(), file)
	if err != nil {
		fmt.Println(err)
		return
	}
	template, err := pkg.Template()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(pkg.Metadata.Label, pkg.Metadata.Type)
	fmt.Printf("%s: %s\n", template.Name, template.Content)
	// Output:
	// basic_1.0 ccaas
	// connection.json: {"tls_required": false}
}

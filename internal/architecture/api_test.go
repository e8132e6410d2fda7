package architecture_test

import (
	"encoding/json"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Other Go programs can use all that pkg exports: no exported name mentions a type of
// internal.
func TestExportedTypes(t *testing.T) {
	files := exportFiles(t)
	compiled := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(files[path])
	})
	checked := 0
	for path := range files {
		if !strings.HasPrefix(path, module+"pkg/") {
			continue
		}
		pkg, err := compiled.Import(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range pkg.Scope().Names() {
			if object := pkg.Scope().Lookup(name); object.Exported() {
				checked++
				for _, found := range internalTypes(object) {
					t.Errorf("%s.%s mentions %s", path, name, found)
				}
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d exported names were looked at", checked)
	}
}

// exportFiles returns, by import path, the files in which the compiler describes what each
// package exports.
func exportFiles(t *testing.T) map[string]string {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-export", "-json=ImportPath,Export", "./pkg/...")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct{ ImportPath, Export string }
		if err := decoder.Decode(&pkg); err == io.EOF {
			return files
		} else if err != nil {
			t.Fatal(err)
		}
		files[pkg.ImportPath] = pkg.Export
	}
}

// internalTypes returns the types of our internal packages that an exported object mentions in
// its own type or in that of an exported field or method.
func internalTypes(object types.Object) (found []string) {
	seen := map[types.Type]bool{}
	var visit func(types.Type)
	tuple := func(t *types.Tuple) {
		for v := range t.Variables() {
			visit(v.Type())
		}
	}
	signature := func(s *types.Signature) { tuple(s.Params()); tuple(s.Results()) }
	visit = func(t types.Type) {
		if seen[t] {
			return
		}
		seen[t] = true
		switch t := t.(type) {
		case *types.Named:
			if of := t.Obj().Pkg(); of != nil && of != object.Pkg() {
				if strings.HasPrefix(of.Path(), module+"internal/") {
					found = append(found, t.String())
				}
				return // checked where it is declared
			}
			visit(t.Underlying())
			for method := range t.Methods() {
				if method.Exported() {
					signature(method.Signature())
				}
			}
		case *types.Alias:
			visit(types.Unalias(t))
		case *types.Struct:
			for field := range t.Fields() {
				if field.Exported() {
					visit(field.Type())
				}
			}
		case *types.Interface:
			for method := range t.Methods() {
				signature(method.Signature())
			}
		case *types.Signature:
			signature(t)
		case *types.Map:
			visit(t.Key())
			visit(t.Elem())
		case interface{ Elem() types.Type }: // pointers, slices, arrays and channels
			visit(t.Elem())
		}
	}
	visit(object.Type())
	return found
}

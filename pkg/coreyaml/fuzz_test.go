package coreyaml_test

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"ccaas-template-builder/pkg/coreyaml"
)

// A file that is patched has the right builders and keeps its lines and all other values.
// Patching it again changes nothing. A file that cannot be patched is refused with a reason.
func FuzzPatch(f *testing.F) {
	for _, name := range []string{"fabric-2.2", "fabric-2.5", "fabric-3"} {
		data, err := os.ReadFile("testdata/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		_, section, _ := strings.Cut(string(data), "\nchaincode:")
		f.Add([]byte("chaincode:"+section), "ccaas", "/opt/ccaas", "A B")
		f.Add([]byte("chaincode:"+section), "ccaas_builder", "/opt/ccaas", "A B")
	}
	for _, file := range []string{
		"", "\ufeff# a\r\nchaincode:\r\n", "chaincode: ~", "vm:\n   a: |\n     b\n", "chaincode:\n  externalBuilders: [ ] # none\n  # - name: x",
		"CHAINCODE:\n  externalbuilders: [{name: x, path: /x}, {name: ccaas, path: '/y', propagateEnvironment: []}]",
		"chaincode:\n  \"externalBuilders\" : [ # all\n    {name: x, path: /x, propagateEnvironment: [A, # a\n    B]},\n    ]",
		inFile("- name: x\n  path: /x\n-\n  propagateEnvironment:\n    - A\n    - \"B\\t\" # b\n\n  path: \"/y\" # y\n  name: ccaas"),
		inFile("- {name: ccaas, path: /y, propagateEnvironment: ~}\n- {path: /x, environment: [A], name: x}"),
		"a: &a [b]\nchaincode:\n  externalBuilders:\n    - name: ccaas\n      path: /x\n      propagateEnvironment: *a\n",
		"%YAML 1.1\n--- # a\n? chaincode\n: {externalBuilders: !!seq [], é: 'ü'}\n...\n",
	} {
		f.Add([]byte(file), "ccaas", "/opt/ccaas", "A B")
		f.Add([]byte(file), "x", "", "B\x00 yes")
	}
	f.Fuzz(func(t *testing.T, data []byte, name, path, variables string) {
		b := coreyaml.Builder{Name: name, Path: path, PropagateEnvironment: strings.Fields(variables)}
		got, err := patch(data, b)
		if err != nil {
			if got != nil || strings.Contains(err.Error(), "\x00") || !utf8.ValidString(err.Error()) {
				t.Errorf("got %q, %q", got, err)
			}
			return
		}
		checkPatched(t, data, got, b)
	})
}

// Any value of the variable is either read or refused.
func FuzzParseVariable(f *testing.F) {
	for _, value := range []string{"", "[]", "~", "[{name: x, path: dir1}, {name: y, path: dir2, propagateEnvironment: [A]}]", "- &a {name: x}\n- *a\n- {<<: *a, 1: 2}"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		builders, err := coreyaml.ParseVariable(value)
		if err != nil && builders != nil {
			t.Errorf("got %q, %v", builders, err)
		}
		for _, b := range builders {
			if b.Name == "" || b.Path == "" {
				t.Errorf("got %q", builders)
			}
		}
	})
}

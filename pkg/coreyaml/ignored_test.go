package coreyaml_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"ccaas-template-builder/internal/must"
	"ccaas-template-builder/pkg/coreyaml"
)

func ignored(t *testing.T, file string) (all []string) {
	t.Helper()
	for _, i := range must.Get(coreyaml.Read([]byte(file)))(t).Ignored() {
		all = append(all, i.String())
	}
	return all
}

// A key that the peer does not read is reported with the key that was probably meant.
func TestIgnored(t *testing.T) {
	variables := func(line, key string) string {
		return "line " + line + `: the peer does not read "` + key + `" of the builder "x", did you mean "propagateEnvironment"`
	}
	list := func(line, key, where string) string {
		return "line " + line + `: the peer does not read "` + key + `" ` + where + `, did you mean "externalBuilders" under "chaincode"`
	}
	entries := "\n    - {name: x, path: /x}\n"
	for file, want := range map[string][]string{
		// keys of a builder
		inFile("- name: x\n  path: /x\n  propagateEnviroment:\n  - A"):                                        {variables("5", "propagateEnviroment")},
		inFile("- {name: x, path: /x, propogateEnvironment: [A]}"):                                            {variables("3", "propogateEnvironment")},
		inFile("- {name: x, path: /x, PROPAGATE_ENVIRONMENT: [A]}"):                                           {variables("3", "PROPAGATE_ENVIRONMENT")},
		inFile("- {name: x, path: /x, environmentWhitelist: [A]}"):                                            {variables("3", "environmentWhitelist")},
		inFile("- {name: x, path: /x, enviroment: [A]}"):                                                      {variables("3", "enviroment")},
		inFile("- {name: x, path: /x, env: [A]}"):                                                             {variables("3", "env")},
		inFile("- {name: x, path: /x, propagateEnvironment: [A], propagateEnvironmnt: ~}"):                    {variables("3", "propagateEnvironmnt")},
		inFile("- {name: x, path: /x, paths: /y}"):                                                            {`line 3: the peer does not read "paths" of the builder "x", did you mean "path"`},
		"k: &k propagateEnviroment\nb: &b {name: x, path: /x, *k : [A]}\nchaincode: {externalBuilders: [*b]}": {variables("1", "propagateEnviroment")},
		// lists of builders
		"chaincode:\n  externalBuilder:" + entries:                         {list("2", "externalBuilder", `under "chaincode"`)},
		"chaincode:\n  mode: net\n  externalbuildrs:" + entries:            {list("3", "externalbuildrs", `under "chaincode"`)},
		"externalBuilders:" + entries:                                      {list("1", "externalBuilders", "at the top of the file")},
		"externalBuilder:" + entries:                                       {list("1", "externalBuilder", "at the top of the file")},
		"peer:\n  externalBuilders:" + entries:                             {list("2", "externalBuilders", `under "peer"`)},
		"chaincod:\n  externalBuilders:" + entries:                         {list("2", "externalBuilders", `under "chaincod"`)},
		"chaincode:\n  node:\n    externalBuilders:\n  " + entries[1:]:     {list("3", "externalBuilders", `under "node"`)},
		"chaincode.externalBuilder:" + entries:                             {list("1", "chaincode.externalBuilder", "at the top of the file")},
		"chaincode:\n  externalBuilders: []\n  externalBuilder:" + entries: {list("3", "externalBuilder", `under "chaincode"`)},
		// keys that the peer reads, in any case, and keys that resemble none of them
		inFile("- {NAME: x, Path: /x, propagateenvironment: [A]}"):                                       nil,
		inFile("- {name: x, path: /x, environment: [A]}"):                                                nil,
		inFile("- {name: x, path: /x, propagateEnvironment: [A], environmentWhitelist: [A]}"):            nil,
		inFile("- {name: x, path: /x, description: ours, 1: 2}"):                                         nil,
		"peer: {externalEndpoint: a, externalBuilder: b, externalBuilders: [c]}\nexternalBuilders: []\n": nil,
	} {
		t.Run(file, func(t *testing.T) {
			if got := ignored(t, file); !slices.Equal(got, want) {
				t.Errorf("%s\ngot %q\nwant %q", file, got, want)
			}
		})
	}
	for _, name := range []string{"fabric-2.2", "fabric-2.5", "fabric-3"} {
		if got := ignored(t, string(must.Get(os.ReadFile("testdata/"+name+".yaml"))(t))); got != nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// If a required key is misspelt, the error about the missing key names the misspelt one.
func TestMisspeltRequired(t *testing.T) {
	for entry, want := range map[string]string{
		"- nmae: x\n  path: /x":       `line 3: a builder has no name, so the peer does not start; line 3 has "nmae", did you mean "name"`,
		"- name: x\n  pahts: /x":      "line 3: a builder has no path, so the peer does not start",
		"- name: x\n  phat: /x":       "line 3: a builder has no path, so the peer does not start",
		"- name: x\n\n  paht: /x":     `line 3: a builder has no path, so the peer does not start; line 5 has "paht", did you mean "path"`,
		"- {names: x, propagate: []}": `line 3: a builder has no name, so the peer does not start; line 3 has "names", did you mean "name"`,
	} {
		if _, err := coreyaml.Read([]byte(inFile(entry))); err == nil || !slices.Contains(strings.Split(err.Error(), "\n"), want) {
			t.Errorf("%s: got %v, want %s", entry, err, want)
		}
	}
	_, err := coreyaml.ParseVariable("[{name: x, path: d, propagateEnviroment: [A]}]")
	if want := `line 1: not every peer accepts the key "propagateEnviroment" here, did you mean "propagateEnvironment": use name, path, propagateEnvironment`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestMeantPath(t *testing.T) {
	for path, want := range map[string]string{
		"/opt/x/bin": "/opt/x", "/opt/x/bin/": "/opt/x", "/opt/x/bin/detect": "/opt/x", "/opt/x/bin/release/": "/opt/x", "opt/x/bin": "opt/x",
		"/opt/x": "", "/opt/x/binary": "", "/opt/x/detect": "", "/bin": "", "bin": "", "": "", "/": "",
	} {
		if got := (coreyaml.Builder{Path: path}).MeantPath(); got != want {
			t.Errorf("%q was meant to be %q, want %q", path, got, want)
		}
	}
}

package coreyaml_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ccaas-template-builder/internal/golden"
	"ccaas-template-builder/pkg/coreyaml"
)

// ours returns the builder that most tests add.
func ours() coreyaml.Builder {
	return coreyaml.Builder{Name: "ccaas", Path: "/opt/ccaas", PropagateEnvironment: []string{"A", "B"}}
}

// patch reads data, a core.yaml, and adds b to it.
func patch(data []byte, b coreyaml.Builder) ([]byte, error) {
	f, err := coreyaml.Read(data)
	if err != nil {
		return nil, err
	}
	return f.Patch(b)
}

// Files in the form of Fabric's gain lines, and lose none.
func TestPatchFabric(t *testing.T) {
	for _, name := range []string{"fabric-2.2", "fabric-2.5", "fabric-3"} {
		old, err := os.ReadFile("testdata/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		got, err := patch(old, ours())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		golden.Check(t, "testdata/"+name+".golden", got)
		for _, line := range changedLines(string(old), string(got)) {
			if line != "    externalBuilders: []\n" {
				t.Errorf("%s: the line %q is gone", name, line)
			}
		}
		checkPatched(t, old, got, ours())
	}
}

func TestPatchInserts(t *testing.T) {
	for old, want := range map[string]string{
		// a list on several lines: its indentation, comments and first line stay
		"chaincode:\n  externalBuilders: # ours\n\n  # the first\n  - name: x # it\n    path: /x\n  mode: net": `chaincode:
  externalBuilders: # ours
  - name: ccaas
    path: /opt/ccaas
    propagateEnvironment:
      - A
      - B

  # the first
  - name: x # it
    path: /x
  mode: net`,
		"chaincode:\n    mode: net\n    externalBuilders:\n         -   name: x\n             path: /x": `chaincode:
    mode: net
    externalBuilders:
         - name: ccaas
           path: /opt/ccaas
           propagateEnvironment:
             - A
             - B
         -   name: x
             path: /x`,
		"CHAINCODE:\n ExternalBUILDERS:\n  -\n   name: x\n   path: /x\n": `CHAINCODE:
 ExternalBUILDERS:
  - name: ccaas
    path: /opt/ccaas
    propagateEnvironment:
      - A
      - B
  -
   name: x
   path: /x
`,
		"\"chaincode\" :\n  'externalBuilders' :\n  - {name: x, path: /x}\n": `"chaincode" :
  'externalBuilders' :
  - name: ccaas
    path: /opt/ccaas
    propagateEnvironment:
      - A
      - B
  - {name: x, path: /x}
`,
		// an empty list
		"chaincode:\n    externalBuilders: [] # none\n        # - name: x\n    mode: net\n": `chaincode:
    externalBuilders: # none
        - name: ccaas
          path: /opt/ccaas
          propagateEnvironment:
            - A
            - B
        # - name: x
    mode: net
`,
		"chaincode:\n  externalBuilders: [ ]  ":                 oneBuilder("chaincode:\n  externalBuilders:  \n"),
		"chaincode:\n  externalBuilders: ~":                     oneBuilder("chaincode:\n  externalBuilders:\n"),
		"chaincode:\n  externalBuilders:\tnull":                 oneBuilder("chaincode:\n  externalBuilders:\n"),
		"chaincode:\n  externalBuilders: Null":                  oneBuilder("chaincode:\n  externalBuilders:\n"),
		"chaincode:\n  externalBuilders: NULL":                  oneBuilder("chaincode:\n  externalBuilders:\n"),
		"chaincode:\n  externalBuilders:":                       oneBuilder("chaincode:\n  externalBuilders:\n"),
		"chaincode:\n  externalBuilders:  # x\n  # y\nvm: {}\n": oneBuilder("chaincode:\n  externalBuilders:  # x\n") + "\n  # y\nvm: {}\n",
		// no list
		"vm: 1\nchaincode:\n  # how\n  mode: net\n": oneBuilder("vm: 1\nchaincode:\n  externalBuilders:\n") + "\n  # how\n  mode: net\n",
		"chaincode: # empty\n":                      oneBuilder("chaincode: # empty\n  externalBuilders:\n") + "\n",
		"chaincode: ~":                              oneBuilder("chaincode:\n  externalBuilders:\n"),
		"vm:\n    x: y\nchaincode:\n": `vm:
    x: y
chaincode:
    externalBuilders:
        - name: ccaas
          path: /opt/ccaas
          propagateEnvironment:
            - A
            - B
`,
		"vm: &a\n   x: y\nchaincode:\n": `vm: &a
   x: y
chaincode:
   externalBuilders:
      - name: ccaas
        path: /opt/ccaas
        propagateEnvironment:
          - A
          - B
`,
		"?     vm\n: a: b\nchaincode:\n": `?     vm
: a: b
chaincode:
 externalBuilders:
  - name: ccaas
    path: /opt/ccaas
    propagateEnvironment:
      - A
      - B
`,
		"vm:\n    x: y\nchaincode:\n  externalBuilders: []": "vm:\n    x: y\n" + oneBuilder("chaincode:\n  externalBuilders:\n"),
		// no section chaincode
		"":            string(coreyaml.Stanza(ours())),
		"# a\n":       "# a\n" + string(coreyaml.Stanza(ours())),
		"---\n":       "---\n" + string(coreyaml.Stanza(ours())),
		"vm: {}\n\n":  "vm: {}\n\n" + string(coreyaml.Stanza(ours())),
		"vm: {} # a":  "vm: {} # a\n" + strings.TrimSuffix(string(coreyaml.Stanza(ours())), "\n"),
		" vm:\n  - a": " vm:\n  - a\n " + strings.TrimSuffix(strings.ReplaceAll(string(coreyaml.Stanza(ours())), "\n", "\n "), "\n "),
		// a list in brackets, on one line and on several
		"chaincode:\n  externalBuilders: [{name: x, path: /x}] # x\n":  "chaincode:\n  externalBuilders: [{name: ccaas, path: /opt/ccaas, propagateEnvironment: [A, B]}, {name: x, path: /x}] # x\n",
		"chaincode:\n  externalBuilders:\n    [ {name: x, path: /x} ]": "chaincode:\n  externalBuilders:\n    [ {name: ccaas, path: /opt/ccaas, propagateEnvironment: [A, B]}, {name: x, path: /x} ]",
		"chaincode:\n  externalBuilders: [ # all\n    # the first\n    {name: x,\n     path: /x},\n  ]\n": `chaincode:
  externalBuilders: [ # all
    {name: ccaas, path: /opt/ccaas, propagateEnvironment: [A, B]},
    # the first
    {name: x,
     path: /x},
  ]
`,
		// the rest of the file does not matter
		"é: {ü: ä}\nchaincode:\n  é: |\n    chaincode:\n      externalBuilders: []\n  externalBuilders: []\nö: [a, &b c, *b]\n\n\n": "é: {ü: ä}\nchaincode:\n  é: |\n    chaincode:\n      externalBuilders: []\n" + oneBuilder("  externalBuilders:\n") + "\nö: [a, &b c, *b]\n\n\n",
	} {
		t.Run(old, func(t *testing.T) {
			got, err := patch([]byte(old), ours())
			if err != nil || string(got) != want {
				t.Errorf("%s\ngot %v\n%s\nwant\n%s", old, err, got, want)
				return
			}
			checkPatched(t, []byte(old), got, ours())
		})
	}
}

// oneBuilder returns before with our builder after it, without a newline at the end.
func oneBuilder(before string) string {
	return before + "    - name: ccaas\n      path: /opt/ccaas\n      propagateEnvironment:\n        - A\n        - B"
}

func TestPatchChanges(t *testing.T) {
	for old, want := range map[string]string{
		// nothing is missing, in any form
		"chaincode: {externalBuilders: [{name: ccaas, path: /opt/ccaas, propagateEnvironment: [C, B, A]}]}": "",
		"a: &a {name: ccaas, path: /opt/ccaas, environment: [B, A]}\nchaincode: {externalBuilders: [*a]}\r": "",
		// the path
		"- name: ccaas\n  path:   /old  # here\n  propagateEnvironment: [A, B]":        "- name: ccaas\n  path:   /opt/ccaas  # here\n  propagateEnvironment: [A, B]",
		"- path: 'it''s old' # here\n  propagateEnvironment: [A, B]\n  name: ccaas":    "- path: /opt/ccaas # here\n  propagateEnvironment: [A, B]\n  name: ccaas",
		"- {path: \"an \\\"old\\\" one\", name: ccaas, propagateEnvironment: [A, B,]}": "- {path: /opt/ccaas, name: ccaas, propagateEnvironment: [A, B,]}",
		"- name: ccaas\n  path:\n    /old\n  propagateEnvironment: [A, B]":             "- name: ccaas\n  path:\n    /opt/ccaas\n  propagateEnvironment: [A, B]",
		"- {é: ü, name: ccaas, ö: [日本], path: /old, propagateEnvironment: [A, B]}":     "- {é: ü, name: ccaas, ö: [日本], path: /opt/ccaas, propagateEnvironment: [A, B]}",
		// path and variables, with the path before or after them
		"- name: ccaas\n  path: /old\n":                           "- name: ccaas\n  path: /opt/ccaas\n  propagateEnvironment:\n    - A\n    - B\n",
		"- name: ccaas\n  propagateEnvironment: []\n  path: /old": "- name: ccaas\n  propagateEnvironment:\n    - A\n    - B\n  path: /opt/ccaas",
		"- {name: ccaas, path: /old}":                             "- {name: ccaas, path: /opt/ccaas, propagateEnvironment: [A, B]}",
		// no variables yet
		"-   path: /opt/ccaas # here\n    # it\n    name: ccaas":                         "-   path: /opt/ccaas # here\n    propagateEnvironment:\n      - A\n      - B\n    # it\n    name: ccaas",
		"- name: ccaas\n  propagateEnvironment: # all\n     # - X\n  path: /opt/ccaas\n": "- name: ccaas\n  propagateEnvironment: # all\n    - A\n    - B\n     # - X\n  path: /opt/ccaas\n",
		"- name: ccaas\n  propagateenvironment: ~\n  path: /opt/ccaas\n":                 "- name: ccaas\n  propagateenvironment:\n    - A\n    - B\n  path: /opt/ccaas\n",
		"- {name: ccaas, propagateEnvironment: [ ], path: /opt/ccaas}":                   "- {name: ccaas, propagateEnvironment: [A, B], path: /opt/ccaas}",
		"- {name: ccaas, path: /opt/ccaas, propagateEnvironment: null}":                  "- {name: ccaas, path: /opt/ccaas, propagateEnvironment: [A, B]}",
		"- {name: ccaas, path: /opt/ccaas, propagateEnvironment: }":                      "- {name: ccaas, path: /opt/ccaas, propagateEnvironment: [A, B] }",
		"- {name: ccaas, path: /opt/ccaas, environmentWhitelist: [A]}":                   "- {name: ccaas, path: /opt/ccaas, propagateEnvironment: [A, B], environmentWhitelist: [A]}",
		"-     name: ccaas\n      path: '/opt/ccaas'\n      propagateEnvironment:":       "-     name: ccaas\n      path: '/opt/ccaas'\n      propagateEnvironment:\n        - A\n        - B",
		// some of the variables
		"- name: ccaas\n  path: /opt/ccaas\n  propagateEnvironment:\n  - B # b\n  # end\n": "- name: ccaas\n  path: /opt/ccaas\n  propagateEnvironment:\n  - B # b\n  - A\n  # end\n",
		"- name: ccaas\n  path: /opt/ccaas\n  propagateEnvironment:\n     -   'C'":         "- name: ccaas\n  path: /opt/ccaas\n  propagateEnvironment:\n     -   'C'\n     - A\n     - B",
		"- name: ccaas\n  path: /opt/ccaas\n  propagateEnvironment: [\n    A, # a\n  ]\n":  "- name: ccaas\n  path: /opt/ccaas\n  propagateEnvironment: [\n    A, B, # a\n  ]\n",
		"- {name: ccaas, path: /opt/ccaas, propagateEnvironment: [\"C\"]}":                 "- {name: ccaas, path: /opt/ccaas, propagateEnvironment: [\"C\", A, B]}",
		// other builders and their order stay
		"- {name: x, path: &x /x}\n- name: ccaas # us\n  path: /opt/ccaas\n  other: [1, *x]\n": "- {name: x, path: &x /x}\n- name: ccaas # us\n  path: /opt/ccaas\n  propagateEnvironment:\n    - A\n    - B\n  other: [1, *x]\n",
	} {
		t.Run(old, func(t *testing.T) {
			if want == "" {
				want = old
			} else {
				old, want = inFile(old), inFile(want)
			}
			got, err := patch([]byte(old), ours())
			if err != nil || string(got) != want {
				t.Errorf("%s\ngot %v\n%s\nwant\n%s", old, err, got, want)
				return
			}
			checkPatched(t, []byte(old), got, ours())
		})
	}
}

// inFile returns a core.yaml with a list of external builders.
func inFile(list string) string {
	return "chaincode:\n  externalBuilders:\n    " + strings.ReplaceAll(list, "\n", "\n    ")
}

// An existing builder keeps its path if the added one has none. Each of its variables is
// listed once.
func TestPatchBuilder(t *testing.T) {
	old := inFile("- name: ccaas\n  path: /old")
	got, err := patch([]byte(old), coreyaml.Builder{Name: "ccaas", PropagateEnvironment: []string{"B", "no", "B"}})
	if want := old + "\n      propagateEnvironment:\n        - B\n        - \"no\""; err != nil || string(got) != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
	for _, none := range []coreyaml.Builder{{Name: "ccaas"}, {Name: "ccaas", Path: "/old", PropagateEnvironment: []string{}}} {
		if got, err := patch([]byte(old), none); err != nil || string(got) != old {
			t.Errorf("got %v\n%s\nwant\n%s", err, got, old)
		}
	}
	got, err = patch(nil, coreyaml.Builder{Name: "a b", Path: "/a, b", PropagateEnvironment: []string{"A", "A"}})
	if want := "chaincode:\n  externalBuilders:\n    - name: \"a b\"\n      path: \"/a, b\"\n      propagateEnvironment:\n        - A\n"; err != nil || string(got) != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
	got, err = patch([]byte("chaincode:\n  externalBuilders: [{name: x, path: /x}]"), coreyaml.Builder{Name: "y", Path: "/y"})
	if want := "chaincode:\n  externalBuilders: [{name: \"y\", path: /y}, {name: x, path: /x}]"; err != nil || string(got) != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
	for want, b := range map[string]coreyaml.Builder{
		"the builder to add has no name":                               {Path: "/x"},
		`there is no builder "x" yet, and adding it requires its path`: {Name: "x"},
		"the builder to add is not UTF-8":                              {Name: "x", Path: "\xff"},
	} {
		t.Run(want, func(t *testing.T) {
			if got, err := patch([]byte(old), b); err == nil || got != nil || err.Error() != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		})
	}
}

// The line endings and the byte order mark stay as they are in the file.
func TestPatchBytes(t *testing.T) {
	for _, old := range []string{
		"chaincode:\n  externalBuilders: []\n  mode: net\n",
		inFile("- name: x\n  path: /x\n- name: ccaas\n  path: /old\n  propagateEnvironment:\n  - B"),
		"vm:\n  x: y",
		"chaincode:\n",
		"chaincode:\n  externalBuilders: [\n    {name: x, path: /x}]",
	} {
		want, err := patch([]byte(old), ours())
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range []func(string) string{
			func(s string) string { return "\ufeff" + s },
			func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
			func(s string) string { return "\ufeff" + strings.ReplaceAll(s, "\n", "\r\n") },
		} {
			got, err := patch([]byte(change(old)), ours())
			if err != nil || string(got) != change(string(want)) {
				t.Errorf("got %q, %v, want %q", got, err, change(string(want)))
			}
		}
	}
}

func TestPatchRefuses(t *testing.T) {
	byHand := ": the file cannot be patched: add the stanza by hand"
	for file, want := range map[string]string{
		// files that are no core.yaml
		"chaincode: [":      "line 2: is not YAML: did not find expected node content",
		inFile("- name: x"): "line 3: a builder has no path, so the peer does not start",
		"a: b\n---\n":       "line 2: a second YAML document begins here, and the peer does not read it",
		// braces and brackets
		"{}":                                      "line 1: the builders are in braces" + byHand,
		"vm: 1\nchaincode: {a: b}":                "line 2: the builders are in braces" + byHand,
		"vm: 1\nchaincode:\n  {}":                 "line 3: the builders are in braces" + byHand,
		"chaincode:\n  externalBuilders: [\n  ]":  "line 2: something follows a key on its line" + byHand,
		"chaincode:\n  externalBuilders:\n    []": "line 2: patching would give different builders" + byHand,
		"chaincode:\n  externalBuilders: [\n\n\n{name: x, path: /x},\n # c\n]": "",
		"chaincode:\n  externalBuilders: [\n  ? {name: x, path: /x} : y]":      "line 3: is not YAML: a key or a value is invalid",
		// anchors, aliases, tags
		"&a\nchaincode:\n  mode: net":                                        "line 1: there is an alias, an anchor or a tag" + byHand,
		"chaincode: &a\n  mode: net":                                         "line 1: there is an alias, an anchor or a tag" + byHand,
		"a: &a {b: c}\nchaincode: *a":                                        "line 2: there is an alias, an anchor or a tag" + byHand,
		"&a chaincode:\n  mode: net":                                         "line 1: there is an alias, an anchor or a tag" + byHand,
		"chaincode:\n  externalBuilders: &a []\n  x: *a":                     "line 2: there is an alias, an anchor or a tag" + byHand,
		"chaincode:\n  externalBuilders: !!seq []":                           "line 2: there is an alias, an anchor or a tag" + byHand,
		"a: &a externalBuilders\nchaincode:\n  *a : []":                      "line 3: there is an alias, an anchor or a tag" + byHand,
		inFile("- &a {name: ccaas, path: /x}"):                               "line 3: there is an alias, an anchor or a tag" + byHand,
		inFile("- {name: ccaas, path: &a /x}"):                               "line 3: there is an alias, an anchor or a tag" + byHand,
		inFile("- {name: ccaas, path: /x, propagateEnvironment: !!seq [C]}"): "line 3: there is an alias, an anchor or a tag" + byHand,
		inFile("- {name: ccaas, path: /x, propagateEnvironment: [&a C]}"):    "line 3: a string spans several lines or is written in an unusual way" + byHand,
		"chaincode: {<<: {a: b}}":                                            "line 1: a merge key is not supported here: write out what it merges",
		// keys and strings in odd forms
		"? chaincode\n: mode: net":                                                 "line 1: the colon of a key does not follow it directly" + byHand,
		"chaincode:\n  \"external\\x42uilders\": []\n":                             "",
		"chaincode:\n  ? externalBuilders\n  : []":                                 "line 2: the colon of a key does not follow it directly" + byHand,
		inFile("- name: ccaas\n  path: >\n    /x"):                                 "line 4: a string spans several lines or is written in an unusual way" + byHand,
		"? chaincode # a: b\n: mode: net":                                          "line 1: the colon of a key does not follow it directly" + byHand,
		inFile("- name: ccaas\n  path: |-\n    |-"):                                "line 4: a string spans several lines or is written in an unusual way" + byHand,
		inFile("- name: ccaas\n  path: /x\n    y"):                                 "line 4: a string spans several lines or is written in an unusual way" + byHand,
		inFile("- name: ccaas\n  path: 'x\n    y'"):                                "line 4: a string spans several lines or is written in an unusual way" + byHand,
		inFile("- name: ccaas\n  path: \"x\\\n    y\""):                            "line 4: a string spans several lines or is written in an unusual way" + byHand,
		inFile("- name: ccaas\n  path: /opt/ccaas\n  propagateEnvironment:\n  - "): "line 6: a string spans several lines or is written in an unusual way" + byHand,
		// files for which the splice gives a wrong result
		"a: b\n...\n": "line 1: patching would give different builders" + byHand,
		"--- ~\n":     "line 1: patching would give different builders" + byHand,
		"a: |\n  b":   "line 1: patching would change something else" + byHand,
		inFile("- {name: ccaas, path: /x, environment: [C]}"):                      "line 2: patching would give different builders" + byHand,
		"a:\n  b: c\n  b: d\nchaincode:\n  mode: net\n":                            "line 3: is not YAML: a key appears twice" + byHand,
		"chaincode:\n  externalBuilders:\n    - &a {name: x, path: /x}\n  x: *a\n": "",
		"# " + strings.Repeat("c", 1<<20-3) + "\n":                                 "it would be larger than 1048576 bytes" + byHand,
		// line ends that YAML accepts but editors do not
		"a: b\rchaincode:\r":                 "line 1: a line ends in neither LF nor CRLF" + byHand,
		"a: b\r\nc: d\u0085\nchaincode:\r\n": "line 2: a line ends in neither LF nor CRLF" + byHand,
		"a: 'b\u2028c'\n":                    "line 1: a line ends in neither LF nor CRLF" + byHand,
		"a: b # \u2029\n":                    "line 1: a line ends in neither LF nor CRLF" + byHand,
	} {
		t.Run(file, func(t *testing.T) {
			got, err := patch([]byte(file), ours())
			switch {
			case want == "" && err == nil:
				checkPatched(t, []byte(file), got, ours())
			case err == nil, got != nil, err.Error() != want:
				t.Errorf("%.200q: got %q, %v, want %q", file, got, err, want)
			}
		})
	}
}

// checkPatched checks what must hold after any patch: the builders are the right ones, the
// rest is unchanged, and patching again changes nothing.
func checkPatched(t *testing.T, old, got []byte, b coreyaml.Builder) {
	t.Helper()
	before, err := coreyaml.Parse(old)
	if err != nil {
		t.Fatal(err)
	}
	after, err := coreyaml.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	if want := withBuilder(before, b); !reflect.DeepEqual(after, want) {
		t.Errorf("%s\ngot %q, want %q", got, after, want)
	}
	if before, after := decode(t, old), decode(t, got); !reflect.DeepEqual(before, after) {
		t.Errorf("got %v, want %v", after, before)
	}
	if again, err := patch(got, b); err != nil || string(again) != string(got) {
		t.Errorf("%q\npatched again is %v\n%q", got, err, again)
	}
	checkLines(t, string(old), string(got), slices.ContainsFunc(before, func(o coreyaml.Builder) bool { return o.Name == b.Name }))
}

// withBuilder returns the builders that a file should have with b.
func withBuilder(builders []coreyaml.Builder, b coreyaml.Builder) []coreyaml.Builder {
	at := slices.IndexFunc(builders, func(old coreyaml.Builder) bool { return old.Name == b.Name })
	names := b.PropagateEnvironment
	if b.PropagateEnvironment = nil; at < 0 {
		builders, at = append([]coreyaml.Builder{b}, builders...), 0
	} else if b.Path != "" {
		builders[at].Path = b.Path
	}
	for _, name := range names {
		if !slices.Contains(builders[at].PropagateEnvironment, name) {
			builders[at].PropagateEnvironment = append(builders[at].PropagateEnvironment, name)
		}
	}
	return builders
}

// checkLines checks that the file keeps its lines, except the line of the list or those of a
// builder's path and variables. Those must keep their comments and line ends.
func checkLines(t *testing.T, old, got string, there bool) {
	t.Helper()
	changed := changedLines(old, got)
	if len(changed) > 1 && !there || len(changed) > 2 {
		t.Errorf("%q\nbecame\n%q\nwhich lacks %q", old, got, changed)
	}
	for _, line := range changed {
		if _, comment, found := strings.Cut(strings.TrimRight(line, "\r\n"), " #"); found && !strings.Contains(got, " #"+comment) {
			t.Errorf("%q\nbecame\n%q\nwithout %q", old, got, comment)
		}
	}
	if strings.HasPrefix(old, "\ufeff") != strings.HasPrefix(got, "\ufeff") {
		t.Errorf("%q\nbecame\n%q", old, got)
	}
	if old != "" && strings.TrimLeft(old, "\ufeff") != "" && strings.HasSuffix(old, "\n") != strings.HasSuffix(got, "\n") {
		t.Errorf("%q\nbecame\n%q", old, got)
	}
	for _, line := range strings.SplitAfter(got, "\n") {
		if first, _, _ := strings.Cut(old, "\n"); strings.HasSuffix(first, "\r") && strings.HasSuffix(line, "\n") && !strings.HasSuffix(line, "\r\n") && !strings.Contains(old, line) {
			t.Errorf("%q\nbecame\n%q", old, got)
		}
	}
}

// changedLines returns the lines of old that are not in got, according to the longest sequence
// of lines that both have.
func changedLines(old, got string) (changed []string) {
	a, b := strings.SplitAfter(old, "\n"), strings.SplitAfter(got, "\n")
	same := func(i, j int) bool { // the last line may have gained a newline
		return a[i] == b[j] || i == len(a)-1 && a[i] == strings.TrimRight(b[j], "\r\n")
	}
	common := make([][]int, len(a)+1) // length of the longest common sequence of a[i:] and b[j:]
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); same(i, j) {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	for i, j := 0, 0; i < len(a); {
		switch {
		case j < len(b) && same(i, j):
			i, j = i+1, j+1
		case j < len(b) && common[i][j+1] >= common[i+1][j]:
			j++
		default:
			changed = append(changed, a[i])
			i++
		}
	}
	return changed
}

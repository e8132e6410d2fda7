package coreyaml_test

import (
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"ccaas-template-builder/pkg/coreyaml"
)

func TestParse(t *testing.T) {
	x := coreyaml.Builder{Name: "x", Path: "/x"}
	xAB := coreyaml.Builder{Name: "x", Path: "/x", PropagateEnvironment: []string{"A", "B"}}
	y := coreyaml.Builder{Name: "y", Path: "/y"}
	for file, want := range map[string][]coreyaml.Builder{
		"":                                     nil,
		"# nothing\n":                          nil,
		"---\n":                                nil,
		"peer:\n  id: a\n":                     nil,
		"chaincode:\n":                         nil,
		"chaincode:\n  mode: net\n":            nil,
		"chaincode:\n  externalBuilders:\n":    nil,
		"chaincode:\n  externalBuilders: ~\n":  nil,
		"chaincode:\n  externalBuilders: []\n": nil,
		"\ufeffchaincode: {externalBuilders: []}":  nil,
		"chaincode.mode: net\nexternalBuilders: 1": nil,
		"chaincode:\n  externalBuilders:\n    - name: x\n      path: /x\n      propagateEnvironment:\n        - A\n        - B\n    - path: /y\n      name: y\n": {xAB, y},
		"chaincode:\r\n  externalBuilders:\r\n  - name: x\r\n    path: /x\r\n":                                                                                   {x},
		"CHAINCODE:\n  ExternalBUILDERS:\n  - NAME: x\n    Path: /x\n":                                                                                           {x},
		"chaincode: {externalBuilders: [{name: 'x', \"path\": /x}]}":                                                                                             {x},
		"chaincode:\n  externalBuilders: [{name: x, path: /x, propagateEnvironment: }]":                                                                          {x},
		"n: &n ~\nchaincode: {externalBuilders: *n}":                                                                                                             nil,
		// keys that the peer does not know are ignored, as the peer ignores them
		"chaincode:\n  externalBuilders: [{name: x, path: /x, environmentWhitelist: [A], 1: 2}]": {x},
		// the former name of propagateEnvironment in the peer's code
		"chaincode:\n  externalBuilders: [{name: x, path: /x, environment: [A, B]}]":                               {xAB},
		"chaincode:\n  externalBuilders: [{name: x, path: /x, environment: [C], propagateEnvironment: [A, B]}]":    {xAB},
		"a: &a {name: x, path: &p /x}\nb: &b [A, B]\nchaincode:\n  externalBuilders: [*a]\n":                       {x},
		"b: &b [A, B]\np: &p /x\nchaincode: {externalBuilders: [{name: x, path: *p, propagateEnvironment: *b}]}\n": {xAB},
		// the rest of the file is not checked
		"peer: [1, {a: b, a: c}]\nexternalBuilders: {}\nchaincode: {externalBuilders: [{name: x, path: /x}]}": {x},
	} {
		t.Run(file, func(t *testing.T) {
			got, err := coreyaml.Parse([]byte(file))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%q: got %q, %v, want %q", file, got, err, want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for file, want := range map[string]string{
		"a: [":                               "line 2: is not YAML",
		"a:\n\tb: c":                         "line 2: is not YAML",
		"a: {[b]: c}":                        "line 1: is not YAML",
		"a: !!int b":                         "is not YAML: a key or a value is invalid",
		"a: &a [*a]":                         "line 1: is not YAML",
		"a: *b":                              "line 1: is not YAML",
		"a: \x01":                            "is not YAML",
		"a: \xff":                            "is not UTF-8",
		"\xff\xfea\x00:\x00":                 "is not UTF-8",
		strings.Repeat("#", 1<<20) + "\n":    "is larger than 1048576 bytes",
		"a: b\n---\na: c\n":                  "line 2: a second YAML document begins here, and the peer does not read it",
		"a: b\n---\n[":                       "is not YAML",
		"- a":                                "line 1: the file must be a mapping",
		"chaincode: net":                     "line 1: chaincode must be a mapping",
		"chaincode:\n- a":                    "line 2: chaincode must be a mapping",
		"chaincode: {}\nChaincode: {}":       "line 2: chaincode appears twice",
		"chaincode.externalBuilders: []":     "line 1: externalBuilders must be a key under chaincode, not part of a key with a dot",
		"a: &a {b: c}\n<<: *a":               "line 2: a merge key is not supported here: write out what it merges",
		"chaincode: {<<: {a: b}}":            "line 1: a merge key is not supported here: write out what it merges",
		"chaincode: &a {<<: *a}":             "line 1: is not YAML",
		"chaincode:\n  externalBuilders: {}": "line 2: must be a list of builders",
		"chaincode:\n  externalBuilders: ''": "line 2: must be a list of builders",
		"chaincode:\n  externalBuilders: []\n  externalbuilders: []": "line 3: externalBuilders appears twice",
	} {
		t.Run(file, func(t *testing.T) {
			checkError(t, file, want)
		})
	}
	for entries, want := range map[string]string{
		"- x":                             "line 3: a builder must be a mapping",
		"- ~":                             "line 3: a builder has no name, so the peer does not start\nline 3: a builder has no path, so the peer does not start",
		"- path: /x":                      "line 3: a builder has no name, so the peer does not start",
		"- name: x\n- name: y\n  path:":   "line 3: a builder has no path, so the peer does not start\nline 4: a builder has no path, so the peer does not start",
		"- path: /x\n- path: /y":          "line 3: a builder has no name, so the peer does not start\nline 4: a builder has no name, so the peer does not start",
		"- {name: !!str [x], path: /x}":   notString(3),
		"- name: ''\n  path: /x":          "line 3: a builder has no name, so the peer does not start",
		"- name: x\n  NAME: y\n  path: z": "line 4: name appears twice",
		"- {name: x, path: /x}\n- {name: y, path: /y}\n- {name: x, path: /z}": `line 5: a second builder has the name "x": the peer uses the first for whatever either has built`,
		"- {name: x, path: /x}\n- {name: x}\n- {name: x, path: /z}":           "line 4: a builder has no path, so the peer does not start\n" + `line 4: a second builder has the name "x": the peer uses the first for whatever either has built` + "\n" + `line 5: a second builder has the name "x": the peer uses the first for whatever either has built`,
		"- {<<: {name: x}, path: /x}":                                         "line 3: a merge key is not supported here: write out what it merges",
		"- name: 1\n  path: 0x10":                                             notString(3) + "\n" + notString(4),
		"- {name: [x], path: {y: z}}":                                         notString(3) + "\n" + notString(3),
		"- {name: true, path: /x}":                                            notString(3),
		"- {name: x, path: /x, propagateEnvironment: A}":                      "line 3: must be a list of variables",
		"- {name: x, path: /x, environment: {A: B}}":                          "line 3: must be a list of variables",
		"- {name: x, path: /x, propagateEnvironment: [A, 1.5, [B]]}":          notString(3) + "\n" + notString(3),
	} {
		t.Run(entries, func(t *testing.T) {
			checkError(t, "chaincode:\n  externalBuilders:\n  "+strings.ReplaceAll(entries, "\n", "\n  "), want)
		})
	}
}

func notString(line int) string {
	return "line " + string(rune('0'+line)) + ": must be a string; put it in quotes if it looks like a number or a boolean"
}

func checkError(t *testing.T, file, want string) {
	t.Helper()
	got, err := coreyaml.Parse([]byte(file))
	switch {
	case err == nil:
		t.Errorf("%.100q: got %q, want the error %q", file, got, want)
	case got != nil, err.Error() != want && !(strings.HasSuffix(want, "YAML") && strings.Contains(err.Error(), want+": ")):
		t.Errorf("%.100q: got %q, %q, want %q", file, got, err, want)
	}
}

func TestParseVariable(t *testing.T) {
	x := coreyaml.Builder{Name: "x", Path: "dir1"}
	yA := coreyaml.Builder{Name: "y", Path: "dir2", PropagateEnvironment: []string{"A"}}
	for value, want := range map[string][]coreyaml.Builder{
		"":   nil,
		"[]": nil,
		"[{name: x, path: dir1}, {name: y, path: dir2, propagateEnvironment: [A]}]": {x, yA},
		"- name: x\n  path: dir1\n":                                {x},
		`[{"name":"x","path":"dir1","propagateEnvironment":null}]`: {x},
	} {
		t.Run(value, func(t *testing.T) {
			got, err := coreyaml.ParseVariable(value)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%q: got %q, %v, want %q", value, got, err, want)
			}
		})
	}
	const not, use = "not every peer accepts the key ", " here: use name, path, propagateEnvironment"
	for value, want := range map[string]string{
		" ":                      "line 1: must be a list of builders",
		"~":                      "line 1: must be a list of builders",
		"x":                      "line 1: must be a list of builders",
		"{name: [a], path: [b]}": "line 1: must be a list of builders",
		"[{name: x, path: dir1}": "line 2: is not YAML: did not find expected ',' or ']'",
		"[{name: x}]":            "line 1: a builder has no path, so the peer does not start",
		"[{name: x, path: d, propagateEnvironment: A}]":         "line 1: must be a list of variables",
		"[{Name: x, path: d}]":                                  "line 1: " + not + `"Name" here, did you mean "name": use name, path, propagateEnvironment`,
		"[{name: x, path: d, environmentWhitelist: [A]}]":       "line 1: " + not + `"environmentWhitelist"` + use,
		"[{name: x, path: d},\n{name: y, path: d, a: 1, b: 2}]": "line 2: " + not + `"a"` + use + "\nline 2: " + not + `"b"` + use,
		"[{name: x, path: d}]\n---\n[]":                         "line 2: a second YAML document begins here, and the peer does not read it",
		"[{name: x, path: d}, {name: x, path: e}]":              `line 1: a second builder has the name "x": the peer uses the first for whatever either has built`,
	} {
		t.Run(value, func(t *testing.T) {
			got, err := coreyaml.ParseVariable(value)
			if err == nil || got != nil || err.Error() != want {
				t.Errorf("%q: got %q, %v, want %q", value, got, err, want)
			}
		})
	}
}

func TestStanza(t *testing.T) {
	for want, b := range map[string]coreyaml.Builder{
		"chaincode:\n  externalBuilders:\n    - name: ccaas\n      path: /opt/ccaas\n": {Name: "ccaas", Path: "/opt/ccaas"},
		"chaincode:\n  externalBuilders:\n    - name: \"my builder\"\n      path: \"C:\\\\ccaas\"\n      propagateEnvironment:\n        - A\n        - \"Y\"\n": {
			Name: "my builder", Path: `C:\ccaas`, PropagateEnvironment: []string{"A", "Y"},
		},
	} {
		t.Run(want, func(t *testing.T) {
			if got := string(coreyaml.Stanza(b)); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

// The stanza of a builder has its name, whatever that is.
func TestStanzaIsRead(t *testing.T) {
	for _, s := range strings.Split("a|/a-b_c.d/e@1+2|y|Yes|NO|on|null|TRUE|1|0x1|1e3|.5|-|-a|- a|~|~/a|a: b|a #b|#a|&a|*a|!a|%a|@a|`a|?|? a|:|a:|[a]|{a}|a,b|'a'|\"a\"|a\\b| a|a |a b|a\nb|a\r\n|\t|\x00|\x7f|é|\u0085|\u2028|\ufeff|\ufffe|日本|😀|<<|=|2001-01-01|---|...|$(A)|a\x1bb", "|") {
		b := coreyaml.Builder{Name: s, Path: s, PropagateEnvironment: []string{s, "B"}}
		got, err := coreyaml.Parse(coreyaml.Stanza(b))
		if err != nil || !reflect.DeepEqual(got, []coreyaml.Builder{b}) {
			t.Errorf("%q: got %q, %v", s, got, err)
		}
		// in brackets
		file, err := patch([]byte("chaincode:\n  externalBuilders: [{name: first, path: /first}]"), b)
		if err != nil {
			t.Errorf("%q: %v", s, err)
		} else if got, err := coreyaml.Parse(file); err != nil || !reflect.DeepEqual(got[0], b) {
			t.Errorf("%q: got %q, %v", s, got, err)
		}
	}
}

// decode returns everything in a file except its external builders. It does not use the
// package for that.
// than the package does.
func decode(t *testing.T, file []byte) any {
	t.Helper()
	var v map[string]any
	if err := yaml.Unmarshal(file, &v); err != nil {
		t.Fatalf("%v in\n%s", err, file)
	}
	for key, section := range v {
		if strings.EqualFold(key, "chaincode") {
			keys, _ := section.(map[string]any)
			for key := range keys {
				if strings.EqualFold(key, "externalBuilders") {
					delete(keys, key)
				}
			}
			if len(keys) == 0 {
				delete(v, key)
			}
		}
	}
	if len(v) == 0 {
		return nil
	}
	return v
}

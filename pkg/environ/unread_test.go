package environ_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ccaas-template-builder/pkg/environ"
)

// A variable that is not read is reported if its name is close to one that is read but not set.
func TestUnread(t *testing.T) {
	read := []string{"MEMBER_HOST", "ROOT_CERT_FILE"}
	const misnamed = `MEMBER_HOTS is set, but neither the package nor the builder reads it, did you mean "MEMBER_HOST"`
	for name, test := range map[string]struct {
		process map[string]string
		files   map[string]string // in the folder of values
		want    []string
	}{
		"nothing":           {nil, nil, nil},
		"misnamed":          {map[string]string{"MEMBER_HOTS": "x"}, nil, []string{misnamed}},
		"empty":             {map[string]string{"MEMBER_HOTS": ""}, nil, nil},
		"not text":          {map[string]string{"MEMBER_HOTS": "\xff"}, nil, []string{misnamed}},
		"set too":           {map[string]string{"MEMBER_HOTS": "x", "MEMBER_HOST": "y"}, nil, nil},
		"set but empty":     {map[string]string{"MEMBER_HOTS": "x", "MEMBER_HOST": ""}, nil, []string{misnamed}},
		"set but not text":  {map[string]string{"MEMBER_HOTS": "x", "MEMBER_HOST": "\xff"}, nil, nil},
		"not close":         {map[string]string{"MEMBER_PORT": "x", "PATH": "y"}, nil, nil},
		"of the builder":    {map[string]string{"CCAAS_REQUIRE_TSL": "true"}, nil, []string{`CCAAS_REQUIRE_TSL is set, but neither the package nor the builder reads it, did you mean "CCAAS_REQUIRE_TLS"`}},
		"in a folder":       {nil, map[string]string{"MEMBER_HOTS": "x"}, []string{misnamed}},
		"for a label":       {nil, map[string]string{"basic/MEMBER_HOTS": "x"}, []string{misnamed}},
		"a folder":          {nil, map[string]string{"MEMBER_HOTS/x": "x"}, nil},
		"hidden":            {nil, map[string]string{".MEMBER_HOTS": "x"}, nil},
		"label":             {nil, map[string]string{"bsaic/MEMBER_HOST": "x"}, []string{`CCAAS_ENV_DIR has no folder "basic" for this chaincode, but "bsaic", did you mean that`}},
		"both labels":       {nil, map[string]string{"bsaic/x": "x", "basic/x": "x"}, nil},
		"another's label":   {nil, map[string]string{"basci/x": "x"}, nil},
		"not close a label": {nil, map[string]string{"asset/x": "x"}, nil},
		"no folder":         {nil, map[string]string{"bsaic": "x"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			process := map[string]string{"OTHER": "x"}
			for name, value := range test.process {
				process[name] = value
			}
			if test.files != nil {
				process[environ.DirVariable] = t.TempDir()
			}
			for name, content := range test.files {
				put(t, process[environ.DirVariable], name, content)
			}
			var got []string
			for _, err := range environ.Unread(process, "basic", read, []string{"basci"}) {
				got = append(got, err.Error())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A symbolic link to a folder, as Kubernetes creates it, counts as a folder. Without a label, no
// folder is missing.
func TestUnreadLinks(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "..data/x", "x")
	if err := os.Symlink("..data", filepath.Join(dir, "bsaic")); err != nil {
		t.Fatal(err)
	}
	for label, want := range map[string]int{"basic": 1, "": 0} {
		if got := environ.Unread(map[string]string{environ.DirVariable: dir}, label, nil, nil); len(got) != want {
			t.Errorf("%q: got %v", label, got)
		}
	}
}

// Misnamed finds the variable that was probably meant to be one of those that are read.
func TestMisnamed(t *testing.T) {
	for set, want := range map[string]string{
		"MEMBER_HOTS": "MEMBER_HOST", "MEMBER_HOTS_FILE": "MEMBER_HOST_FILE", "MEMBER_PORTT": "MEMBER_PORT", "MEMBER_HOST": "",
	} {
		env := load(t, map[string]string{set: "x"})
		got := env.Misnamed([]string{"MEMBER_HOST", "MEMBER_HOST_FILE", "MEMBER_PORT"})
		if got[want] != set && want != "" || len(got) > 0 != (want != "") {
			t.Errorf("%s: got %q, want %q", set, got, want)
		}
	}
}

// If several variables were probably meant to be the same one, it is always the first that is named.
func TestMisnamedTwice(t *testing.T) {
	env := load(t, map[string]string{"MEMBER_HOTS": "x", "MEMBER_HOSTT": "x", "MEMBER_HSOT": "x"})
	if got := env.Misnamed([]string{"MEMBER_HOST"})["MEMBER_HOST"]; got != "MEMBER_HOSTT" {
		t.Errorf("got %q", got)
	}
}

// DidYouMean suggests the setting or variable that was probably meant.
func TestDidYouMean(t *testing.T) {
	for name, want := range map[string]string{
		"Environ.HOST": `, did you mean ".Env.HOST"`, "environment": `, did you mean ".Env"`, "Env": "", "Env.HOST": "",
		"Chaincode.Lable": `, did you mean ".Chaincode.Label"`, "Nothing": "",
	} {
		if got := environ.DidYouMean(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

package render_test

import (
	"slices"
	"strings"
	"testing"

	"ccaas-template-builder/internal/render"
)

func TestReads(t *testing.T) {
	for template, want := range map[string]string{
		`"x"`:                                 "",
		`"{{ .Address }}"`:                    "Address",
		`"{{ .Address | upper }}"`:            "Address",
		`"{{ .Address | default .Peer.ID }}"`: "Address Peer.ID",
		`"{{ or .Address (printf "%s" .Peer.ID) }}"`:                         "Address Peer.ID",
		`"{{ if .Address }}{{ .Address }}{{ else }}{{ .Peer.ID }}{{ end }}"`: "Address Peer.ID",
		`"{{ with .Domain }}{{ . }}{{ .x }}{{ $.Peer.ID }}{{ end }}"`:        "Domain Peer.ID",
		`"{{ .Env.A }}{{ env "B" }}{{ envFile "C" }}"`:                       "Env.A Env.B EnvFile.C",
		`"{{ if .Env.A }}{{ end }}"`:                                         "Env.A",
		`"{{ if env "A" }}{{ .Env.B }}{{ end }}"`:                            "Env.A Env.B",
		`"{{ required "m" (env "B") }}{{ env "C" | required "m" }}"`:         "Env.B Env.C",
		`"{{ or .X (envFile "C") }}"`:                                        "X EnvFile.C",
		`"{{ $x := .Address }}{{ if $x }}{{ end }}"`:                         "Address",
		`"{{ $x := .Address }}{{ $x }}"`:                                     "Address",
		`"{{ index . "a-b" "c" }}{{ index .tls .key }}"`:                     "a-b tls key",
		`"{{ (or .A .B).c }}"`:                                               "A B",
		`"{{ add 1 (len .L) }}{{ eq .M "x" }}"`:                              "L M",
		`{{ .TLSRequired }}`:                                                 "TLSRequired",
		// a value that is read in another way is the same variable
		`"{{ index . "Address" | default "x:1" }}{{ $.Peer.ID }}"`:        "Address Peer.ID",
		`"{{ with .Domain }}{{ index $ "Address" }}{{ end }}"`:            "Domain Address",
		`"{{ $x := .Address }}{{ if $x.y }}{{ end }}"`:                    "Address",
		`"{{ $x := .Address }}{{ $x = .Domain }}{{ $x }}"`:                "Address Domain",
		`"{{ and .A .B }}{{ if not .C }}{{ end }}{{ ternary 1 2 .D }}"`:   "A B C D",
		`"{{ env "A" | trim }}{{ env "B" | default "" | required "m" }}"`: "Env.A Env.B",
		`"{{ required "m" (or (env "A") (env "B")) }}"`:                   "Env.A Env.B",
	} {
		t.Run(template, func(t *testing.T) {
			d, err := render.Parse("c.json", []byte(`{"k": `+template+`}`))
			if err != nil {
				t.Errorf("%s: %v", template, err)
				return
			}
			var got []string
			for _, read := range d.Member("k").Reads() {
				from := map[render.ReadKind]string{render.FromEnv: "Env.", render.FromEnvFile: "EnvFile."}[read.Kind]
				got = append(got, from+read.Name())
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s reads %q, want %q", template, strings.Join(got, " "), want)
			}
		})
	}
}

// A variable is distinguished from a key that looks like a variable.
func TestReadKinds(t *testing.T) {
	for template, want := range map[string]render.Read{
		`"{{ env "A" }}"`:         {Kind: render.FromEnv, Path: []string{"A"}},
		`"{{ .Env.A.b }}"`:        {Kind: render.FromEnv, Path: []string{"A"}},
		`"{{ envFile "A" }}"`:     {Kind: render.FromEnvFile, Path: []string{"A"}},
		`"{{ .Peer.ID }}"`:        {Kind: render.FromRoot, Path: []string{"Peer", "ID"}},
		`"{{ .EnvFile.A }}"`:      {Kind: render.FromRoot, Path: []string{"EnvFile", "A"}},
		`"{{ index . "Env.A" }}"`: {Kind: render.FromRoot, Path: []string{"Env.A"}},
		`"{{ index $ "a" "b" }}"`: {Kind: render.FromRoot, Path: []string{"a"}},
		`"{{ (.a.b).c }}"`:        {Kind: render.FromRoot, Path: []string{"a", "b"}},
	} {
		t.Run(template, func(t *testing.T) {
			d, err := render.Parse("c.json", []byte(`{"k": `+template+`}`))
			if err != nil {
				t.Errorf("%s: %v", template, err)
				return
			}
			got := d.Member("k").Reads()
			if len(got) != 1 || got[0].Kind != want.Kind || !slices.Equal(got[0].Path, want.Path) {
				t.Errorf("%s reads %v, want %v", template, got, want)
			}
		})
	}
}

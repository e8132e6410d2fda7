// Package programs reads and installs the files of the external builder's three programs.
package programs

import (
	"debug/buildinfo"
	"errors"
	"os"
	"path"
	"reflect"

	"ccaas-template-builder/internal/safefile"
)

// Names returns the names of the programs in the order in which a peer runs them.
func Names() []string { return []string{"detect", "build", "release"} }

var errOther = errors.New("is not a program of this builder")

// Program is what Go records in the file of a program.
type Program struct {
	Platform string // GOOS/GOARCH
	Version  string
}

// Read returns what Go records in file, which must be our program with this name.
func Read(file, name string) (Program, error) {
	info, err := buildinfo.ReadFile(file)
	if pathError := (*os.PathError)(nil); errors.As(err, &pathError) {
		return Program{}, safefile.Reason(err)
	}
	if err != nil || info.Path != path.Join(module(), "cmd", name) {
		return Program{}, errOther
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	return Program{Platform: settings["GOOS"] + "/" + settings["GOARCH"], Version: info.Main.Version}, nil
}

// module returns the path of the module that this package is in.
func module() string { return path.Dir(path.Dir(reflect.TypeFor[Program]().PkgPath())) }

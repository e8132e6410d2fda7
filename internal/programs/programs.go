// Package programs is the three programs of the external builder as files: what
// they were built for, and how they come to where a peer finds them.
package programs

import (
	"debug/buildinfo"
	"errors"
	"os"
	"path"
	"reflect"

	"ccaas-template-builder/internal/safefile"
)

// Names are the programs that a peer runs, in the order in which it does.
func Names() []string { return []string{"detect", "build", "release"} }

// What can be wrong with a program.
var (
	ErrOther    = errors.New("is no program of this builder")
	ErrPlatform = errors.New("is for another platform")
)

// Program is what a program's file says of itself.
type Program struct {
	Platform string // GOOS/GOARCH
	Version  string
}

// Read returns what the file says that should be the program called name. The
// error of one that is not is ErrOther.
func Read(file, name string) (Program, error) {
	info, err := buildinfo.ReadFile(file)
	if pathError := (*os.PathError)(nil); errors.As(err, &pathError) {
		return Program{}, safefile.Reason(err)
	}
	if err != nil || info.Path != path.Join(module(), "cmd", name) {
		return Program{}, ErrOther
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	return Program{Platform: settings["GOOS"] + "/" + settings["GOARCH"], Version: info.Main.Version}, nil
}

// module is the path of the module that this package is in.
func module() string { return path.Dir(path.Dir(reflect.TypeFor[Program]().PkgPath())) }

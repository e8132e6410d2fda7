// Command home changes the path of the module, in every file of the project that has it, to
// one that Go can fetch. It leaves alone what merely has the project's name, such as the
// builder in core.yaml.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	err := errors.New("usage: make home MODULE=example.org/team/ccaas-template-builder")
	if len(os.Args) == 2 && os.Args[1] != "" {
		err = move(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "home:", err)
		os.Exit(1)
	}
}

// move changes the path of the module in all files below the working folder, except those that
// git ignores. It reads all files before it writes any.
func move(to string) error {
	if err := check(to); err != nil {
		return err
	}
	from, err := run("", "go", "list", "-m")
	if err != nil {
		return err
	}
	list, err := run("", "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	files := slices.DeleteFunc(strings.Split(list, "\x00"), func(file string) bool {
		info, err := os.Lstat(file)
		return err != nil || !info.Mode().IsRegular()
	})
	paths := newRewriter(strings.TrimSpace(from), to, files)
	changed := map[string][]byte{}
	for _, file := range files {
		old, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		text, err := paths.file(file, old)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if !bytes.Equal(old, text) {
			changed[file] = text
		}
	}
	for file, text := range changed {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
		if filepath.Base(file) != "go.mod" {
			continue
		}
		if _, err := run("", "go", "mod", "edit", "-fmt", file); err != nil { // sorts the requirements
			return err
		}
	}
	fmt.Printf("%s in %d files\n", to, len(changed))
	return nil
}

var fetchable = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)+(/[\w~-][\w.~-]*)+$`)

// check reports an error if Go could not fetch a module by this path.
func check(module string) error {
	if !fetchable.MatchString(module) {
		return fmt.Errorf("%q is not HOST/PATH, such as example.org/team/ccaas-template-builder", module)
	}
	dir, err := os.MkdirTemp("", "home")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	_, err = run(dir, "go", "mod", "init", module) // go mod init has more rules for paths
	return err
}

func run(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("%s %s: %s", name, args[0], bytes.TrimSpace(exit.Stderr))
	}
	return string(out), err
}

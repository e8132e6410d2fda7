package refresh

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/connection"
)

// markPrefix begins the names of the marks in the folder of a build. A mark says that a hook is
// due. It is made before a connection is replaced, and removed when a hook has succeeded, so a hook
// is not lost if a process is killed. It holds the keys that have changed, one per line, or all keys
// if the old connection cannot be used. Each change has its own mark: a hook that succeeds removes
// the marks that it found, but none that were made meanwhile.
const markPrefix = "ccaas-hook-"

// newMarkPrefix is used instead of markPrefix until the connection has been replaced. Otherwise, a
// hook could find the mark before the new connection is in place.
const newMarkPrefix = "ccaas-hook-new-"

// maxMark is the maximum size of a mark that is read, in bytes.
const maxMark = 4096

// replaceMarked replaces the connections of a build with c. If a hook must follow, it marks the
// build first.
func (r Refresher) replaceMarked(t *target, c connection.Connection) (warnings []error, err error) {
	if !r.Mark || !t.differs(c) {
		return t.replace(c.Encode())
	}
	number := strconv.FormatUint(rand.Uint64(), 10)
	if err := t.mark(number, c); err != nil {
		err = fmt.Errorf("cannot be written, so the old connection stays: %w", err)
		return nil, hinted(safefile.At(newMarkPrefix+number, err))
	}
	warnings, err = t.replace(c.Encode())
	if err != nil {
		_ = t.dir.Remove(newMarkPrefix + number) // if this fails, the hook runs once too often
		return warnings, err
	}
	return warnings, renameMarks(t.dir)
}

// mark marks a build whose connection is about to become c.
func (t *target) mark(number string, c connection.Connection) error {
	var keys []string
	for _, d := range connection.Differences(t.released.connection, c) {
		keys = append(keys, d.Key)
	}
	if t.released.unusable != nil {
		keys = connection.Keys()
	}
	content := []byte(strings.Join(keys, "\n"))
	err := safefile.Replace(t.dir, newMarkPrefix+number, content, safefile.FileMode, t.released.info)
	if errors.Is(err, safefile.ErrNotSynced) { // replacing the connection gives the same warning
		err = nil
	}
	return err
}

// renameMarks makes new marks count, including the marks of a run that was killed before or after
// it replaced the connection. The caller must hold the lock on lockName.
func renameMarks(dir *os.Root) error {
	names, err := markNames(dir, newMarkPrefix)
	for _, name := range names {
		to := markPrefix + strings.TrimPrefix(name, newMarkPrefix)
		if err := dir.Rename(name, to); err != nil {
			return safefile.At(name, err)
		}
	}
	return err
}

// marked reports whether a build has a mark.
func marked(dir *os.Root) bool {
	names, err := markNames(dir, markPrefix)
	return err == nil && len(names) > 0
}

// markNames returns the names that consist of prefix and a number.
func markNames(dir *os.Root, prefix string) (names []string, err error) {
	entries, err := fs.ReadDir(dir.FS(), ".")
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), prefix)
		if ok && number != "" && strings.Trim(number, "0123456789") == "" {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

// marks holds the marks of a build: the keys in each mark, keyed by the mark's name.
type marks map[string][]string

func readMarks(dir *os.Root) (marks, error) {
	names, err := markNames(dir, markPrefix)
	found := marks{}
	for _, name := range names {
		found[name] = readMark(dir, name)
	}
	return found, err
}

// readMark returns the keys in a mark. If it contains anything else, readMark returns all keys: the
// owner of the build's folder can put anything there.
func readMark(dir *os.Root, name string) (keys []string) {
	data, err := safefile.Read(dir, name, maxMark)
	lines := strings.Split(string(data), "\n")
	if unknown := func(key string) bool { return connection.CheckKey(key) != nil }; err != nil ||
		slices.ContainsFunc(lines, unknown) {
		return connection.Keys()
	}
	return lines
}

// keys returns the keys that are in any of the marks, in the order of connection.Keys.
func (m marks) keys() []string {
	all := slices.Concat(slices.Collect(maps.Values(m))...)
	return slices.DeleteFunc(connection.Keys(), func(key string) bool { return !slices.Contains(all, key) })
}

// remove removes the marks from a build.
func (m marks) remove(dir *os.Root) error {
	var errs []error
	for name := range m {
		if err := dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, safefile.At(name, err))
		}
	}
	return errors.Join(errs...)
}

// thin removes each mark whose keys are all in another mark. Otherwise, there could be any number
// of marks while a hook fails.
func (m marks) thin(dir *os.Root) {
	for name, keys := range m {
		for other, more := range m {
			within := func(key string) bool { return slices.Contains(more, key) }
			if other != name && !slices.ContainsFunc(keys, func(key string) bool { return !within(key) }) {
				if dir.Remove(name) == nil {
					delete(m, name)
				}
				break
			}
		}
	}
}

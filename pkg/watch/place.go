package watch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// place is an entry of a folder; with no name, any entry of it.
type place struct{ dir, name string }

// maxLinks is how many symbolic links are followed at most, as in the kernel.
const maxLinks = 40

// addPlaces adds the folder entries that decide what a path leads to: each folder
// on the way, each symbolic link, what it points to, and the file at the end; up
// to the first that is missing. Kubernetes changes a mounted Secret by swapping
// such a link.
func addPlaces(places map[place]bool, path string) (end string) {
	path, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	dir, rest, links := "/", path, 0
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
		switch name {
		case "", ".":
			continue
		case "..":
			dir = filepath.Dir(dir)
			continue
		}
		places[place{dir, name}] = true
		next := filepath.Join(dir, name)
		target, err := os.Readlink(next)
		if errors.Is(err, fs.ErrNotExist) {
			return next
		}
		if err != nil { // it is not a link
			dir = next
			continue
		}
		if links++; links > maxLinks {
			break
		}
		if filepath.IsAbs(target) {
			dir = "/"
		}
		rest = target + "/" + rest
	}
	return dir
}

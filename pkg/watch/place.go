package watch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// place is an entry of a folder. An empty name means any entry of the folder.
type place struct{ dir, name string }

// places collects the folder entries that decide what a path leads to: each folder and
// symbolic link on the way, what each link points to, and the file at the end, up to the first
// entry that is missing. For example, Kubernetes updates a mounted Secret by replacing a
// symbolic link.
type places struct {
	// passage says of each place whether paths lead through it, because it is a folder or a
	// symbolic link.
	passage map[place]bool
	// leads has the ends of the folders and links that were followed, by path.
	leads map[string]end
	// enter is called for each folder before anything in it is read.
	enter func(dir string)
}

// end is where a path leads, and whether everything on the way exists.
type end struct {
	path  string
	there bool
}

func newPlaces(enter func(dir string)) *places {
	return &places{passage: map[place]bool{}, leads: map[string]end{}, enter: enter}
}

// maxLinks is the maximum number of symbolic links on a path. The kernel has the same limit.
const maxLinks = 40

// add adds the places on the path of a file.
func (p *places) add(path string) {
	if path, err := filepath.Abs(path); err == nil {
		p.lead(path, false)
	}
}

// folder adds the places on the path of a folder.
func (p *places) folder(path string) end {
	path, err := filepath.Abs(path)
	if err != nil {
		return end{}
	}
	return p.lead(path, true)
}

// lead adds the places on a path. folder says whether the path must lead to a folder.
func (p *places) lead(path string, folder bool) end {
	if path == "/" {
		p.enter(path)
		return end{"/", true}
	}
	if found, ok := p.leads[path]; ok {
		return found
	}
	dir, name := filepath.Split(path)
	to := p.lead(filepath.Clean(dir), true)
	if !to.there {
		return to
	}
	at := place{to.path, name}
	if passage, ok := p.passage[at]; ok && !passage && !folder {
		return end{filepath.Join(at.dir, name), true}
	}
	to = p.follow(at.dir, name, folder)
	if p.passage[at] {
		p.leads[path] = to
	}
	return to
}

// follow adds the places on rest, a path below the folder dir. folder says whether rest must
// lead to a folder.
func (p *places) follow(dir, rest string, folder bool) end {
	for links := 0; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
		switch name {
		case "", ".":
			continue
		case "..":
			dir = filepath.Dir(dir)
			continue
		}
		p.enter(dir)
		next := filepath.Join(dir, name)
		target, err := os.Readlink(next)
		at := place{dir, name}
		p.passage[at] = p.passage[at] || err == nil || rest != "" || folder
		if errors.Is(err, fs.ErrNotExist) {
			return end{next, false}
		}
		if err != nil { // not a symbolic link
			dir = next
			continue
		}
		if links++; links > maxLinks {
			return end{next, false}
		}
		if filepath.IsAbs(target) {
			dir = "/"
		}
		rest = target + "/" + rest
	}
	return end{dir, true}
}

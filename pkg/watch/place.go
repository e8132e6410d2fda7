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

// places are the folder entries that decide what paths lead to: each folder on the way, each
// symbolic link, what it points to, and the file at the end; up to the first that is
// missing. Kubernetes changes a mounted Secret by swapping such a link.
type places struct {
	// passage is, by place, whether something behind it counts: a folder, or a symbolic link.
	passage map[place]bool
	// leads are the ends of the folders and links that have been followed, by path.
	leads map[string]end
	// enter is called for each folder before anything in it is looked at.
	enter func(dir string)
}

// end is where a path leads, and whether all on the way is there.
type end struct {
	path  string
	there bool
}

func newPlaces(enter func(dir string)) *places {
	return &places{passage: map[place]bool{}, leads: map[string]end{}, enter: enter}
}

// maxLinks is how many symbolic links are followed at most, as in the kernel.
const maxLinks = 40

// add adds the places of the path of a file.
func (p *places) add(path string) {
	if path, err := filepath.Abs(path); err == nil {
		p.lead(path, false)
	}
}

// folder adds the places of the path of a folder.
func (p *places) folder(path string) end {
	path, err := filepath.Abs(path)
	if err != nil {
		return end{}
	}
	return p.lead(path, true)
}

// lead adds the places of a path, which is that of a folder or of what may be none.
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

// follow adds the places of rest, a path below the folder dir; also what is at its end
// is a folder, if it is said to be.
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
		if err != nil { // it is not a link
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

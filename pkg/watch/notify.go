package watch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// notifier reports when something changes at places. What it watches is exact until an event
// says that a folder or a link on the way to a file has changed: then there has to be another one.
type notifier struct {
	watcher *fsnotify.Watcher
	places  *places
	folders map[string]fs.FileInfo // those watched, as they were just before; nil for one that is not
	lists   map[*string]bool       // the lists of files that are watched, by their first
	dropped int                    // how many lists are no longer of use
	failed  error                  // why some place is not watched
	stale   bool
}

func newNotifier() (*notifier, error) {
	watcher, err := fsnotify.NewWatcher()
	n := &notifier{watcher: watcher, folders: map[string]fs.FileInfo{}}
	n.places = newPlaces(n.enter)
	return n, err
}

func (n *notifier) close() {
	if n != nil && n.watcher != nil {
		n.watcher.Close()
	}
}

// enter watches a folder. It skips one that is missing or that this user may not read: the folders
// above it are watched too, and there is the interval.
func (n *notifier) enter(dir string) {
	if _, ok := n.folders[dir]; ok || n.watcher == nil {
		return
	}
	info, err := os.Stat(dir)
	if err == nil {
		err = n.watcher.Add(dir)
	}
	if err != nil {
		info = nil
		if !unreachable(err) {
			n.failed = err
		}
	}
	n.folders[dir] = info
	if errors.Is(n.failed, syscall.ENOSPC) {
		n.failed = errors.New("fs.inotify.max_user_watches is too low on this machine")
	}
}

// anyIn watches the folder at a path for any entry of it.
func (n *notifier) anyIn(path string) {
	to := n.places.folder(path)
	n.places.passage[place{to.path, ""}] = false
	if to.there {
		n.enter(to.path)
	}
}

// watch watches files, and those of lists that are not watched yet.
func (n *notifier) watch(files []string, lists [][]string) {
	for _, file := range files {
		n.places.add(file)
	}
	before := n.lists
	n.lists = make(map[*string]bool, len(lists))
	for _, list := range lists {
		if len(list) == 0 {
			continue
		}
		n.lists[&list[0]] = true
		if before[&list[0]] {
			delete(before, &list[0])
			continue
		}
		for _, file := range list {
			n.places.add(file)
		}
	}
	n.dropped += len(before)
}

// exact reports whether it watches all that it should, and nothing else: no folder has been mounted over
// another, which is no event.
func (n *notifier) exact() bool {
	if n.watcher == nil || n.stale || n.failed != nil || n.dropped > len(n.lists) {
		return false
	}
	for dir, watched := range n.folders {
		if info, err := os.Stat(dir); watched == nil || err != nil || !os.SameFile(info, watched) {
			return false
		}
	}
	return true
}

func unreachable(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR)
}

// matters reports whether an event is about one of the places. If one of them may now lead elsewhere, the
// notifier is stale.
func (n *notifier) matters(e fsnotify.Event) bool {
	dir, name := filepath.Split(e.Name)
	dir = filepath.Clean(dir)
	passage, ok := n.places.passage[place{dir, name}]
	if ok && !passage {
		info, err := os.Lstat(e.Name)
		passage = err == nil && !info.Mode().IsRegular()
	}
	n.stale = n.stale || passage
	_, any := n.places.passage[place{dir, ""}]
	return ok || any
}

// wait returns when something has changed and no more changes follow for as long as
// settle, or after interval, or when ctx is done.
func (n *notifier) wait(ctx context.Context, interval, settle time.Duration) {
	var events <-chan fsnotify.Event
	var lost <-chan error
	if n.watcher != nil {
		events, lost = n.watcher.Events, n.watcher.Errors
	}
	over := time.After(interval)
	var calm, enough <-chan time.Time
	changed := func() {
		calm = time.After(settle)
		if enough == nil {
			enough = time.After(patience * settle)
		}
	}
	for {
		select {
		case e := <-events:
			if n.matters(e) {
				changed()
			}
		case <-lost: // more has changed than the kernel could report
			n.stale = true
			changed()
		case <-calm:
			return
		case <-enough:
			return
		case <-over:
			return
		case <-ctx.Done():
			return
		}
	}
}

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

// notifier reports changes at places. It becomes stale when an event says that a folder or a
// link on the way to a file has changed. Then a new notifier has to replace it.
type notifier struct {
	watcher *fsnotify.Watcher
	places  *places
	folders map[string]fs.FileInfo // the folders, as they were just before they were watched; nil if not watched
	lists   map[*string]bool       // the lists of files that are watched, by the address of their first element
	dropped int                    // how many lists are watched but no longer needed
	failed  error                  // why some folder is not watched
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

// enter watches a folder. A folder that is missing, or that this user may not read, is no
// error: the folders above it are watched too, and each interval begins a new run.
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

// anyIn watches the folder at path for changes of any of its entries.
func (n *notifier) anyIn(path string) {
	to := n.places.folder(path)
	n.places.passage[place{to.path, ""}] = false
	if to.there {
		n.enter(to.path)
	}
}

// watch watches files, and the files of lists that are not watched yet.
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

// exact reports whether n watches everything that it should, and not too much else. It
// compares the watched folders with those that are now at their paths, since mounting a folder
// over another causes no event.
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

// matters reports whether an event is about one of the places. If the event may mean that a
// path now leads elsewhere, the notifier becomes stale.
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

// wait returns when something has changed and no further change follows within settle. It also
// returns when nothing has changed for interval, or when ctx is done.
func (n *notifier) wait(ctx context.Context, interval, settle time.Duration) {
	var events <-chan fsnotify.Event
	var lost <-chan error
	if n.watcher != nil {
		events, lost = n.watcher.Events, n.watcher.Errors
	}
	over := time.After(interval)
	var calm, enough <-chan time.Time
	changed := func() {
		over = nil // it could end the wait in the middle of a change
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
		case <-lost: // the kernel could not report all changes
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

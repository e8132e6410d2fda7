package watch

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// notifier reports when something changes at places.
type notifier struct {
	watcher *fsnotify.Watcher
	places  map[place]bool
	failed  error // why some place is not watched
}

func newNotifier() (*notifier, error) {
	watcher, err := fsnotify.NewWatcher()
	return &notifier{watcher: watcher, places: map[place]bool{}}, err
}

func (n *notifier) close() {
	if n.watcher != nil {
		n.watcher.Close()
	}
}

// add watches more places, and reports whether any of them were not watched before.
// It skips a folder that is missing or that this user may not read: the folders
// above it are watched too, and there is the interval.
func (n *notifier) add(places map[place]bool) (more bool) {
	folders := map[string]bool{}
	for p := range n.places {
		folders[p.dir] = true
	}
	for p := range places {
		if n.places[p] {
			continue
		}
		more = true
		n.places[p] = true
		if !folders[p.dir] && n.watcher != nil {
			folders[p.dir] = true
			if err := n.watcher.Add(p.dir); err != nil && !unreachable(err) {
				n.failed = err
			}
		}
	}
	if errors.Is(n.failed, syscall.ENOSPC) {
		n.failed = errors.New("fs.inotify.max_user_watches is too low on this machine")
	}
	return more
}

func unreachable(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOTDIR)
}

// matters reports whether an event is about one of the places.
func (n *notifier) matters(e fsnotify.Event) bool {
	dir, name := filepath.Split(e.Name)
	dir = filepath.Clean(dir)
	return n.places[place{dir, name}] || n.places[place{dir, ""}]
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

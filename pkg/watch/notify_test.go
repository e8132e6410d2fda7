package watch

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// While a change settles, the interval ends no wait: it would end in the middle of the change. Only
// changes without end are not waited for. The clock is synctest's.
func TestSettle(t *testing.T) {
	const interval, settle = time.Second, 500 * time.Millisecond
	for name, test := range map[string]struct {
		first, every time.Duration // when the changes come
		changes      int
		want         time.Duration
	}{
		"no change":                 {0, 0, 0, interval},
		"one change":                {100 * time.Millisecond, 0, 1, 600 * time.Millisecond},
		"before the interval's end": {900 * time.Millisecond, 0, 1, 1400 * time.Millisecond},
		"in two steps":              {900 * time.Millisecond, 300 * time.Millisecond, 2, 1700 * time.Millisecond},
		"without end":               {900 * time.Millisecond, 300 * time.Millisecond, 30, 900*time.Millisecond + patience*settle},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				events := make(chan fsnotify.Event, test.changes)
				n := &notifier{watcher: &fsnotify.Watcher{Events: events}, places: newPlaces(func(string) {})}
				n.places.passage[place{"/values", "NAME"}] = false
				var changing sync.WaitGroup
				defer changing.Wait()
				changing.Go(func() {
					time.Sleep(test.first)
					for range test.changes {
						events <- fsnotify.Event{Name: "/values/NAME"}
						time.Sleep(test.every)
					}
				})
				began := time.Now()
				n.wait(t.Context(), interval, settle)
				if got := time.Since(began); got != test.want {
					t.Errorf("it waited %s, want %s", got, test.want)
				}
			})
		})
	}
}

package refresh

import "time"

// NewMemory returns a Memory for a file system whose times have this granularity.
func NewMemory(granularity time.Duration) *Memory { return &Memory{granularity: granularity} }

// Known returns how many files and folders of values m remembers.
func (m *Memory) Known() (files, folders int) { return len(m.files), len(m.folders) }

// Recalled returns how many results the last run recalled.
func (m *Memory) Recalled() int { return m.recalled }

// Monotonic reports whether m remembers a time with a reading of the monotonic clock.
func (m *Memory) Monotonic() bool {
	for _, kept := range m.builds {
		if kept.from != kept.from.Round(0) {
			return true
		}
	}
	return false
}

// Settled reports whether a change after the time at, to a file last changed at the time changed,
// is sure to be noticed.
func Settled(changed, at time.Time) bool {
	return identity{changed: changed.UnixNano()}.settled(at, granularity)
}

// ReadTwice reads a file of values twice, and reports whether everything about it is known.
func ReadTwice(file string, meanwhile func()) bool {
	seen := &reads{files: map[string]identity{}}
	_, _ = seen.read(file)
	meanwhile()
	_, _ = seen.read(file)
	return !seen.unknown
}

// Lacks reports whether file is known to be missing in the folder of values dir.
func Lacks(dir, file string) bool {
	return (&reads{listed: map[string]*folder{dir: list(dir)}}).lacks(file)
}

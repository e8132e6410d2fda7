package refresh

import "time"

// NewMemory is one for a file system whose times are as coarse as this.
func NewMemory(granularity time.Duration) *Memory { return &Memory{granularity: granularity} }

// Known is how many files and folders of values it knows.
func (m *Memory) Known() (files, folders int) { return len(m.files), len(m.folders) }

// Recalled is how many results the last run has recalled.
func (m *Memory) Recalled() int { return m.recalled }

// Settled reports whether a change after the time at of a file that was last changed at
// another time cannot go unnoticed.
func Settled(changed, at time.Time) bool {
	return identity{changed: changed.UnixNano()}.settled(at, granularity)
}

// ReadTwice reads a file of values twice, and reports whether all is known of it.
func ReadTwice(file string, meanwhile func()) bool {
	seen := &reads{files: map[string]identity{}}
	_, _ = seen.read(file)
	meanwhile()
	_, _ = seen.read(file)
	return !seen.unknown
}

// Lacks reports whether a file that was not found is known to be missing in a folder of values.
func Lacks(dir, file string) bool {
	return (&reads{listed: map[string]*folder{dir: list(dir)}}).lacks(file)
}

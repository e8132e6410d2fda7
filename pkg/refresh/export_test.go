package refresh

import "time"

// NewMemory is one for a file system whose times are as coarse as this.
func NewMemory(granularity time.Duration) *Memory { return &Memory{granularity: granularity} }

// Recalled is how many results the last run has recalled.
func (m *Memory) Recalled() int { return m.recalled }

package safefile

import "io/fs"

// Modes of everything that is written. A package's own modes are never used.
const (
	FileMode fs.FileMode = 0o600
	DirMode  fs.FileMode = 0o700
)

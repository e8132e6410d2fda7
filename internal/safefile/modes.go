package safefile

import "io/fs"

// Modes of all files and folders that are written. The modes in a package are never used.
const (
	FileMode fs.FileMode = 0o600
	DirMode  fs.FileMode = 0o700
)

package refresh

import (
	"os"
	"syscall"
	"time"
)

// identity is what can be found out about a file or a folder without reading it. As long as it is
// the same, so is the content. The zero identity is a file that does not exist.
type identity struct {
	device, inode      uint64
	mode, owner, group uint32
	size               int64
	modified, changed  int64 // in nanoseconds since 1970
}

// granularity is the coarsest resolution that file times may have. Two changes within it may leave
// the same times, and so may one change before a look at the file and one after it.
const granularity = 3 * time.Second

func identityOf(stat *syscall.Stat_t) identity {
	modified, changed := times(stat)
	return identity{
		device:   uint64(stat.Dev),
		inode:    stat.Ino,
		mode:     uint32(stat.Mode),
		owner:    stat.Uid,
		group:    stat.Gid,
		size:     stat.Size,
		modified: modified.Nano(),
		changed:  changed.Nano(),
	}
}

// look returns the identity of path, found with syscall.Stat or syscall.Lstat, and whether it is
// known.
func look(stat func(string, *syscall.Stat_t) error, path string) (identity, bool) {
	var found syscall.Stat_t
	if err := stat(path, &found); err != nil {
		return identity{}, os.IsNotExist(err)
	}
	return identityOf(&found), true
}

// settled reports whether any change after the time at would give another identity.
func (i identity) settled(at time.Time, granularity time.Duration) bool {
	return i.changed < at.Add(-granularity).UnixNano()
}

// isLink reports whether the identity is a symbolic link's.
func (i identity) isLink() bool { return i.mode&syscall.S_IFMT == syscall.S_IFLNK }

// place returns the part of a folder's identity that does not depend on its content.
func (i identity) place() identity {
	return identity{device: i.device, inode: i.inode, mode: i.mode, owner: i.owner, group: i.group}
}

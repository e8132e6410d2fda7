package refresh

import (
	"os"
	"syscall"
	"time"
)

// identity is what there is to know of a file or a folder without reading it: as long as it is the same,
// so is what can be read. The zero identity is that of a file that is not there.
type identity struct {
	device, inode      uint64
	mode, owner, group uint32
	size               int64
	modified, changed  int64 // in nanoseconds since 1970
}

// granularity is how coarse the times of files may be: two changes within it can leave the
// same times, as can one before and one after a look.
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

// look returns the identity of a path by syscall.Stat or syscall.Lstat, and whether it is known.
func look(stat func(string, *syscall.Stat_t) error, path string) (identity, bool) {
	var found syscall.Stat_t
	if err := stat(path, &found); err != nil {
		return identity{}, os.IsNotExist(err)
	}
	return identityOf(&found), true
}

// settled reports whether any change after the time at would make it another identity.
func (i identity) settled(at time.Time, granularity time.Duration) bool {
	return i.changed < at.Add(-granularity).UnixNano()
}

// isLink reports whether it is that of a symbolic link.
func (i identity) isLink() bool { return i.mode&syscall.S_IFMT == syscall.S_IFLNK }

// place is where a folder is, whatever is in it.
func (i identity) place() identity {
	return identity{device: i.device, inode: i.inode, mode: i.mode, owner: i.owner, group: i.group}
}

package refresh

import "syscall"

func times(stat *syscall.Stat_t) (modified, changed syscall.Timespec) {
	return stat.Mtimespec, stat.Ctimespec
}

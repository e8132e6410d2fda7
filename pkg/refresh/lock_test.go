package refresh_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"ccaas-template-builder/pkg/refresh"
	"ccaas-template-builder/pkg/store"
)

// A peer's user who moves a file that root owns to the lock's path does not become its owner.
func TestLockOfRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	const nobody = 65534
	env := environment(t, "peer0", now.AddDate(0, 1, 0))
	s, _ := installed(t, env)
	roots := filepath.Join(string(s), store.Builders, "of-root")
	write(t, roots, []byte("root's"))
	if err := errors.Join(os.Chown(filepath.Dir(roots), nobody, nobody), os.Rename(roots, lockOf(s))); err != nil {
		t.Fatal(err)
	}
	before := tree(t, lockOf(s))
	isState(t, one(t, refresher(s, env)), refresh.Unchanged, "")
	same(t, lockOf(s), before)
	if owner := ownerOf(t, lockOf(s)); owner != 0 {
		t.Errorf("it belongs to %d now", owner)
	}
	// A lock that root creates belongs to the peer's user, even if a killed run has left an
	// unfinished one.
	remove(t, lockOf(s))
	begun := filepath.Join(filepath.Dir(lockOf(s)), ".ccaas-refresh.lock123")
	write(t, begun, nil)
	isState(t, one(t, refresher(s, env)), refresh.Unchanged, "")
	if owner := ownerOf(t, lockOf(s)); owner != nobody {
		t.Errorf("the new one belongs to %d", owner)
	}
	if _, err := os.Lstat(begun); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was begun stays: %v", err)
	}
}

func ownerOf(t *testing.T, path string) uint32 {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Uid
}

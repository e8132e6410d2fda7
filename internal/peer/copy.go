package peer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// copyTree copies a folder as the peer copies a build (CopyDir of
// core/container/externalbuilder): files and folders with their modes, and symbolic links as
// they are. It fails at a link that leads out of the folder, and at any other kind of file. If
// it fails, it leaves no copy.
func copyTree(ctx context.Context, from, to string) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		switch mode := info.Mode(); {
		case mode.IsDir():
			return os.MkdirAll(target, mode.Perm())
		case mode.IsRegular():
			return copyFile(path, target, mode.Perm())
		case mode&fs.ModeSymlink != 0:
			return copyLink(relative, path, target)
		}
		return fmt.Errorf("the peer refuses to keep %q: it is not a file, folder or symbolic link", relative)
	})
	if err != nil {
		os.RemoveAll(to)
	}
	return err
}

func copyFile(from, to string, mode fs.FileMode) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		return err
	}
	return os.Chmod(to, mode)
}

func copyLink(relative, path, to string) error {
	link, err := os.Readlink(path)
	if err != nil {
		return err
	}
	if filepath.IsAbs(link) || !filepath.IsLocal(filepath.Join(filepath.Dir(relative), link)) {
		return fmt.Errorf("the peer refuses to keep %q: the symbolic link leaves the tree", relative)
	}
	return os.Symlink(link, to)
}

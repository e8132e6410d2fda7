package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"ccaas-template-builder/internal/lint"
	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/coreyaml"
)

// patchTimeout is how long one patch of a core.yaml waits for another.
const patchTimeout = time.Minute

// toPatch is a core.yaml that was opened to be patched.
type toPatch struct {
	name string
	file *os.File
	info fs.FileInfo
	old  []byte
}

// openToPatch opens and reads a core.yaml. Unless it is a dry run, the file stays locked until
// it is closed, so that no patch is lost to another.
func openToPatch(ctx context.Context, name string, dryRun bool) (*toPatch, error) {
	c := &toPatch{name: name}
	var err error
	if dryRun {
		c.file, c.info, err = safefile.OpenOperators(name)
	} else {
		c.file, c.info, err = safefile.LockOperators(ctx, name, patchTimeout)
	}
	if errors.Is(err, safefile.ErrHeld) {
		err = message.WithHint(fmt.Errorf("cannot be locked: %w", err), "wait for the other ccaas coreyaml, or end it")
	}
	if err != nil {
		return nil, atFile(name, err)
	}
	if c.old, err = safefile.ReadAll(c.file, coreyaml.MaxFile); err != nil {
		c.file.Close()
		return nil, atFile(name, err)
	}
	return c, nil
}

// patchCoreYAML adds the builder to the core.yaml in the options.
func patchCoreYAML(
	ctx context.Context, p *program.Program, builder coreyaml.Builder, pathGiven bool, options coreYAMLOptions,
) error {
	name, err := filepath.EvalSymlinks(options.patch) // so that a symbolic link stays one
	if err != nil {
		return safefile.At(options.patch, err)
	}
	c, err := openToPatch(ctx, name, options.dryRun)
	if err != nil {
		return err
	}
	defer c.file.Close()
	core, err := coreyaml.Read(c.old)
	if err != nil {
		return atFile(name, err)
	}
	if _, _, err := coreyaml.Find(core.Builders(), builder.Name); err == nil && !pathGiven {
		builder.Path = ""
	}
	c.warn(p, core, builder)
	patched, err := core.Patch(builder)
	if err != nil {
		return message.WithHint(atFile(name, err), "ccaas coreyaml without --patch prints what to add")
	}
	switch {
	case bytes.Equal(c.old, patched):
		_, err = fmt.Fprintf(p.Stdout, "%s: already has everything\n", message.Printable(name))
	case options.dryRun:
		_, err = p.Stdout.Write(diff.Diff(message.Printable(name), c.old, message.Printable(name), patched))
	default:
		err = c.replace(p, patched)
	}
	return err
}

// warn warns about problems that a patch with this builder does not solve.
func (c *toPatch) warn(p *program.Program, core *coreyaml.File, builder coreyaml.Builder) {
	ignored, _ := lint.IgnoredKeys(c.name, core, builder.Name)
	warnOf(p.Warn, ignored)
	for _, other := range core.Builders() {
		if other.Name != builder.Name && other.Path == builder.Path {
			p.Warn("%q: the builder %q has the same path, but its builds can be used only under its name", c.name, other.Name)
		}
	}
	if _, before, err := coreyaml.Find(core.Builders(), builder.Name); err == nil && len(before) > 0 {
		first := before[len(before)-1].Name
		p.Warn("%q: the builder %q comes before %q, so the peer asks it first", c.name, first, builder.Name)
	}
}

// replace writes the new core.yaml, and keeps the old one beside it. Both get the owner and
// the mode of the file that was read, since the peer, which may be another user, must be able
// to read them.
func (c *toPatch) replace(p *program.Program, patched []byte) error {
	dir, err := safefile.Open(filepath.Dir(c.name), "folder")
	if err != nil {
		return err
	}
	defer dir.Close()
	kept, err := c.replaceIn(dir, patched)
	if err != nil {
		return message.WithHint(fmt.Errorf("%q: cannot be replaced: %w", c.name, err), hintToReplace(err))
	}
	_, err = fmt.Fprintf(p.Stdout, "%s: patched; the old file is %s\n", message.Printable(c.name), message.Printable(kept))
	return err
}

// replaceIn does what replace does in the opened folder of the file. It returns the name of
// the kept file.
func (c *toPatch) replaceIn(dir *os.Root, patched []byte) (kept string, err error) {
	base := filepath.Base(c.name)
	if kept, err = unusedName(dir, base+".bak"); err != nil {
		return "", err
	}
	// Only a patch that was killed leaves files with these names. No other patch runs now.
	if err := errors.Join(safefile.RemoveUnfinished(dir, base), safefile.RemoveUnfinished(dir, kept)); err != nil {
		return "", err
	}
	mode := c.info.Mode().Perm()
	if err := safefile.Replace(dir, kept, c.old, mode, c.info); err != nil {
		return "", err
	}
	err = safefile.ReplaceIf(dir, base, patched, mode, c.info, func() error { return c.unchanged(dir) })
	if err != nil && !errors.Is(err, safefile.ErrNotSynced) { // then the old file is still in place
		err = errors.Join(err, dir.Remove(kept))
	}
	return kept, err
}

var errChanged = errors.New("another program has changed it in the meantime")

// unchanged returns an error unless the file is the one that was read and has the same
// content.
func (c *toPatch) unchanged(dir *os.Root) error {
	file, info, err := safefile.OpenRegular(dir, filepath.Base(c.name), os.O_RDONLY)
	if err != nil {
		return errChanged
	}
	defer file.Close()
	now, err := safefile.ReadAll(file, coreyaml.MaxFile)
	if err != nil || !os.SameFile(info, c.info) || info.Mode() != c.info.Mode() || !bytes.Equal(now, c.old) {
		return errChanged
	}
	return nil
}

func hintToReplace(err error) string {
	if errors.Is(err, errChanged) {
		return "look at the change, and run this again"
	}
	return "run it as the file's owner, and not in a container into which only the file is mounted"
}

// unusedName returns name or, if that exists, the first of NAME.1, NAME.2 and so on that does
// not exist. What earlier patches have kept stays.
func unusedName(dir *os.Root, name string) (string, error) {
	for n, candidate := 0, name; ; candidate = fmt.Sprintf("%s.%d", name, n) {
		switch _, err := dir.Lstat(candidate); {
		case errors.Is(err, fs.ErrNotExist):
			return candidate, nil
		case err != nil:
			return "", safefile.Reason(err)
		}
		n++
	}
}

package doctor

import (
	"errors"
	"os"
	"path"
	"slices"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/coreyaml"
	"ccaas-template-builder/pkg/store"
)

// minFree is how much space should be free for temporary files, in bytes: enough to unpack the
// largest package that this builder accepts.
const minFree = 128 << 20

// tempDir checks the folder in which the peer unpacks packages.
func (e *examination) tempDir() []finding.Finding {
	dir := e.Env["TMPDIR"]
	if dir == "" {
		dir = os.TempDir()
	}
	file, err := os.CreateTemp(dir, "ccaas-doctor-")
	if err != nil {
		return []finding.Finding{finding.New(finding.BadTempDir, dir, "cannot be written to: %s", safefile.Reason(err)).
			WithHint("set TMPDIR for the peer process to a folder that it can write to")}
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if free, err := e.Free(dir); err == nil && free < minFree {
		return []finding.Finding{finding.New(finding.TempDirFull, dir,
			"has %d MiB free, but unpacking a package can take %d MiB", free>>20, minFree>>20).
			WithHint("make room there, or set TMPDIR for the peer process to another folder")}
	}
	return nil
}

// rebuild says how to have a build made again.
const rebuild = "stop the peer, remove this folder and start the peer: " +
	"it rebuilds the chaincode from the package that it kept"

// builds checks the builds that the peer has made.
func (e *examination) builds() []finding.Finding {
	peerStore := store.Store(e.PeerDir)
	builds, err := peerStore.Builds()
	if err != nil {
		return []finding.Finding{finding.New(finding.NoBuilds, peerStore.BuildsDir(), "cannot be read: %s", err).
			WithHint("--peer-dir is the peer's peer.fileSystemPath; the peer creates the folder at its first start")}
	}
	all := e.sharedServers()
	for _, b := range builds {
		build := string(b)
		by, err := b.Builder()
		switch {
		case err != nil:
			all = append(all, finding.New(finding.BadBuild, build, "%s", err).
				WithHint(rebuild))
		case !slices.ContainsFunc(e.builders, func(b coreyaml.Builder) bool { return b.Name == by }):
			all = append(all, finding.New(finding.BuilderGone, build,
				"was made by the builder %q, which %s lacks", by, e.list).
				WithHint("give the builder that name again, or %s", rebuild))
		case by == e.ours.Name:
			if _, err := readConnection(b); err != nil {
				all = append(all, finding.New(finding.BadBuild, build,
					"%s cannot be read: %s", chaincode.ReleasedConnection, safefile.Reason(err)).
					WithHint(rebuild))
			}
		}
	}
	return all
}

// readConnection returns the connection.json of a build that the peer reads.
func readConnection(b store.Build) ([]byte, error) {
	dir, err := b.Open()
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	data, err := safefile.Read(dir, path.Join(store.Release, chaincode.ReleasedConnection), chaincode.MaxConnection)
	return data, errors.Unwrap(err)
}

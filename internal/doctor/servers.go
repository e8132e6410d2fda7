package doctor

import (
	"maps"
	"slices"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/store"
)

// installedServers returns the servers of all chaincodes that the peer has built, by whichever
// builder. It skips builds that cannot be read, which the peer cannot dial either; the check
// builds reports them.
func installedServers(peerDir string) connection.Servers {
	servers := connection.Servers{}
	if peerDir == "" {
		return servers
	}
	builds, _ := store.Store(peerDir).Builds()
	for _, b := range builds {
		id, err := b.PackageID()
		if err != nil {
			continue
		}
		if data, err := readConnection(b); err == nil {
			c, _ := connection.Decode(data)
			servers.Add(id, c.Address)
		}
	}
	return servers
}

// taken reports that the package gets the address of another chaincode in servers, and adds
// the package to servers.
func (p Package) taken(servers connection.Servers, address string) []finding.Finding {
	defer servers.Add(p.ID, address)
	shared := servers.Shared(p.ID, address)
	if shared == nil {
		return nil
	}
	return []finding.Finding{finding.New(finding.AddressTaken, p.Name, "%s %s", chaincode.ShortID(p.ID), shared).
		WithHint("%s", shared.Hint())}
}

// sharedServers reports installed chaincodes that have the same address.
func (e *examination) sharedServers() []finding.Finding {
	var all []finding.Finding
	for _, dialled := range slices.Sorted(maps.Keys(e.servers)) {
		first := e.servers[dialled][0]
		if shared := e.servers.Shared(first, dialled); shared != nil {
			all = append(all, finding.New(finding.AddressShared, store.Store(e.PeerDir).BuildsDir(),
				"%s %s", chaincode.ShortID(first), shared).WithHint("%s", shared.Hint()))
		}
	}
	return all
}

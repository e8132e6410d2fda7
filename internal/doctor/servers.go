package doctor

import (
	"maps"
	"slices"

	"ccaas-template-builder/internal/finding"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/connection"
	"ccaas-template-builder/pkg/store"
)

// installedServers are the servers of all chaincodes that a peer has built, whoever's builder
// it was. What cannot be read, no peer can dial either: builds reports it.
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

// taken finds that a package would get the address of another one in servers, and adds it.
func (p Package) taken(servers connection.Servers, address string) []finding.Finding {
	defer servers.Add(p.ID, address)
	shared := servers.Shared(p.ID, address)
	if shared == nil {
		return nil
	}
	return []finding.Finding{finding.New(finding.AddressTaken, p.Name, "%s %s", chaincode.ShortID(p.ID), shared).
		WithHint("%s", shared.Hint())}
}

// sharedServers finds chaincodes that have one address.
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

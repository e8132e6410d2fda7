package lifecycle

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/safefile"
)

// maxProfile is the maximum size of a connection profile, in bytes. It may contain
// certificates.
const maxProfile = 4 << 20

// profile is the part of a common connection profile that is read here. A profile in JSON is
// also YAML.
type profile struct {
	Client struct {
		Organization string `yaml:"organization"`
	} `yaml:"client"`
	Organizations map[string]struct {
		MSPID string   `yaml:"mspid"`
		Peers []string `yaml:"peers"`
	} `yaml:"organizations"`
	Peers map[string]profilePeer `yaml:"peers"`
}

type profilePeer struct {
	URL        string `yaml:"url"`
	TLSCACerts struct {
		Path string `yaml:"path"`
		PEM  pems   `yaml:"pem"`
	} `yaml:"tlsCACerts"`
	Options struct {
		Host string `yaml:"ssl-target-name-override"`
	} `yaml:"grpcOptions"`
}

// pems is one or more certificates in PEM. A profile has them as a text or as a list of texts.
type pems string

func (p *pems) UnmarshalYAML(node *yaml.Node) error {
	var list []string
	if err := node.Decode(&list); err == nil {
		*p = pems(strings.Join(list, "\n"))
		return nil
	}
	return node.Decode((*string)(p))
}

// readProfile returns the MSP ID of the organisation that the profile is for, and all peers in
// it.
func readProfile(file, mspID string) (string, []target, error) {
	data, err := safefile.ReadOperators(file, maxProfile)
	if err != nil {
		return "", nil, fmt.Errorf("%q: %w", file, err)
	}
	var p profile
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&p); err != nil {
		return "", nil, fmt.Errorf("%q: is not a connection profile: %w", file, err)
	}
	name, err := p.organisation(mspID)
	if err != nil {
		return "", nil, fmt.Errorf("%q: %w", file, err)
	}
	ours := p.Organizations[name]
	for _, peer := range ours.Peers {
		if _, found := p.Peers[peer]; !found {
			return "", nil, fmt.Errorf("%q: %q is a peer of the organisation %q, but has no entry in peers", file, peer, name)
		}
	}
	var targets []target
	for _, peer := range slices.Sorted(maps.Keys(p.Peers)) {
		t, err := p.Peers[peer].target(filepath.Dir(file))
		if err != nil {
			return "", nil, fmt.Errorf("%q: peer %q: %w", file, peer, err)
		}
		t.name, t.others = peer, !slices.Contains(ours.Peers, peer)
		if t.from == "" {
			t.from = fmt.Sprintf("tlsCACerts of %q in %q", peer, file)
		}
		targets = append(targets, t)
	}
	if !slices.ContainsFunc(targets, func(t target) bool { return !t.others }) {
		return "", nil, fmt.Errorf("%q: has no peers of the organisation %q", file, name)
	}
	return ours.MSPID, targets, nil
}

// organisation returns the key of the organisation that the profile is for: the one with this
// MSP ID or, if mspID is empty, the client's or the only one.
func (p profile) organisation(mspID string) (string, error) {
	names := slices.Sorted(maps.Keys(p.Organizations))
	for _, name := range names {
		if mspID != "" && p.Organizations[name].MSPID == mspID {
			return name, nil
		}
	}
	name := p.Client.Organization
	switch {
	case mspID != "":
		return "", fmt.Errorf("has no organisation with the MSP ID %q, which is %s", mspID, mspIDVariable)
	case name == "" && len(names) == 1:
		name = names[0]
	case name == "":
		return "", message.WithHint(errors.New("does not say which organisation it is for"), "set "+mspIDVariable)
	}
	if p.Organizations[name].MSPID == "" {
		return "", fmt.Errorf("the organisation %q has no mspid", name)
	}
	return name, nil
}

// target returns the peer with its certificates, which the entry contains or names by a path
// relative to dir.
func (p profilePeer) target(dir string) (target, error) {
	scheme, address, found := strings.Cut(p.URL, "://")
	address = strings.TrimRight(address, "/")
	if !found || scheme != "grpcs" && scheme != "grpc" {
		return target{}, fmt.Errorf("the url must be grpcs://HOST:PORT, not %q", p.URL)
	}
	if err := checkAddress("the address in the url", address); err != nil {
		return target{}, err
	}
	t := target{address: address, host: p.Options.Host}
	if scheme == "grpc" {
		return t, nil
	}
	pem := []byte(p.TLSCACerts.PEM)
	if path := p.TLSCACerts.Path; len(pem) == 0 && path != "" {
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		t.from = fmt.Sprintf("%q", path)
		var err error
		if pem, err = readPEM("tlsCACerts", path); err != nil {
			return t, err
		}
	}
	var err error
	t.roots, err = roots("tlsCACerts", pem)
	return t, err
}

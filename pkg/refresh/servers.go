package refresh

import (
	"context"
	"fmt"
	"slices"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/internal/safefile"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/probe"
	"ccaas-template-builder/pkg/store"
)

// Server is the chaincode server of one build, as probed with the connection that the peer reads.
type Server struct {
	PackageID string `json:"packageID"`
	probe.Result
	// Certificates lists the certificates of the connection.
	Certificates []Certificate `json:"certificates"`
	// Warnings are about the connection.
	Warnings Errors `json:"warnings"`
	// Errors say why the server could not be probed, or why the probe failed.
	Errors Errors `json:"errors"`
}

// Servers probes the server of each of our builds, using the connection that the peer reads now. If
// label is not empty, it probes only builds of packages with that label. The servers are ordered by
// the names of the builds. Servers renders nothing and changes nothing, so an error
// from Env does not matter. The error is from the store or ctx.
func (r Refresher) Servers(ctx context.Context, label string) ([]Server, error) {
	builds, err := r.Store.Builds()
	if err != nil {
		return nil, hinted(safefile.At(r.Store.BuildsDir(), err))
	}
	if label != "" {
		builds = slices.DeleteFunc(builds, func(b store.Build) bool {
			id, err := b.PackageID()
			return err != nil || chaincode.LabelOf(id) != label
		})
	}
	_ = r.read() // the peer uses its connections nevertheless
	found := make([]*Server, len(builds))
	few(ctx, len(builds), func(i int) { found[i] = r.server(ctx, builds[i]) })
	servers := []Server{}
	for _, s := range found {
		if s != nil {
			servers = append(servers, *s)
		}
	}
	return servers, ctx.Err()
}

// server probes the server of one build, or returns nil if the build is not ours.
func (r Refresher) server(ctx context.Context, b store.Build) (s *Server) {
	empty := Server{PackageID: b.Name(), Result: probe.Result{Stages: []probe.Stage{}}, Certificates: []Certificate{}}
	defer func() {
		if v := recover(); v != nil {
			empty.Errors = message.Errors(program.Panicked(v))
			s = &empty
		}
	}()
	t, err := r.open(b)
	if err == nil {
		t.dir.Close()
	}
	if !t.ours {
		return nil
	}
	s = &empty
	s.PackageID = t.packageID
	switch {
	case t.released == nil:
		s.Errors = message.Errors(err)
		return s
	case t.released.unusable != nil:
		s.Errors = Errors{fmt.Errorf("%s cannot be used: %w", released, t.released.unusable)}
		return s
	}
	c := t.released.connection
	s.Address, s.Certificates = shown(c.Address), certificates(c)
	if err := c.Validate(); err != nil {
		s.Errors = message.Errors(prefixed(released, err))
		return s
	}
	for _, warning := range c.Warnings(r.now) {
		s.Warnings = append(s.Warnings, warning)
	}
	s.Result = r.Probe(ctx, probe.Target{Connection: c, PackageID: t.packageID})
	s.Errors = message.Errors(s.Err())
	return s
}

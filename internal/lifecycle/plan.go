package lifecycle

import (
	"fmt"
	"strings"
)

// plan says what is missing.
type plan struct {
	sequence int64
	install  []string // the names of the peers that lack the package
	approve  string   // the organisation that has to approve, or empty
	renews   string   // the package that the organisation has approved before at this sequence, or empty
	commit   bool
	waitsFor []string // the organisations that have to approve before the commit
}

// missing returns what has to be done until the organisation own uses the package for the
// definition in s. lacking has the names of the peers without the package.
func (s *state) missing(own, packageID string, lacking []string) plan {
	p := plan{sequence: s.definition.Sequence, install: lacking, waitsFor: s.waitsFor(own)}
	if !s.approvals[own] || s.packageID != packageID {
		p.approve = own
	}
	if s.approvals[own] && p.approve != "" {
		p.renews = s.packageID
	}
	p.commit = !s.isCommitted() && len(p.waitsFor) == 0
	return p
}

// steps returns the plan as lines of text. ask says whether the peers are to be asked in the
// end.
func (p plan) steps(ask bool) (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if len(p.install) > 0 {
		add("install the package on %s", strings.Join(p.install, ", "))
	}
	switch {
	case p.renews != "":
		add("approve sequence %d for %s again, with this package instead of %s", p.sequence, p.approve, p.renews)
	case p.approve != "":
		add("approve sequence %d for %s", p.sequence, p.approve)
	}
	if p.commit {
		add("commit sequence %d", p.sequence)
	}
	if len(p.waitsFor) > 0 {
		add("wait for %s to approve sequence %d", strings.Join(p.waitsFor, ", "), p.sequence)
	} else if ask {
		add("ask the chaincode on each peer for an answer")
	}
	return lines
}

package main

import (
	"errors"
	"fmt"
	"slices"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/refresh"
)

// sayResults says what people should know besides. The error joins what failed.
func sayResults(p *program.Program, options refreshOptions, results []refresh.Result) error {
	var failed []error
	for _, r := range results {
		for _, warning := range r.Warnings {
			p.Warn("%s: %v", r.PackageID, warning)
		}
		if r.State == refresh.Failed {
			failed = append(failed, message.Each(r.Err(), func(err error) error { return fmt.Errorf("%s: %w", r.PackageID, err) }))
		}
	}
	switch {
	case len(results) > 0 && refresh.Count(results, refresh.LeftAlone) == len(results):
		p.Warn("none of the builds was made by the builder %q", options.builder)
	case slices.ContainsFunc(results, func(r refresh.Result) bool { return r.State == refresh.Refreshed && r.Differs }):
		p.Hint("a peer keeps the connection that it has open: restart the chaincode server where the new one is to be used at once")
	}
	return errors.Join(failed...)
}

// resultRows has a row for each build, and one more for each change after the first.
func resultRows(results []refresh.Result) [][]string {
	var rows [][]string
	for _, r := range results {
		var what []string
		for _, change := range r.Changes {
			what = append(what, change.String())
		}
		switch r.State {
		case refresh.Failed:
			what = []string{"the old connection stays"}
		case refresh.LeftAlone:
			what = []string{r.Err().Error()}
		case refresh.Unchanged:
			what = []string{""}
		}
		rows = append(rows, []string{string(r.State), shortID(r.PackageID), what[0]})
		for _, more := range what[1:] {
			rows = append(rows, []string{"", "", more})
		}
	}
	return rows
}

// shortID is a package ID as far as people need it to tell one from another.
func shortID(packageID string) string {
	const hash, shown = 64, 8
	if len(packageID) <= hash {
		return packageID
	}
	return packageID[:len(packageID)-hash+shown]
}

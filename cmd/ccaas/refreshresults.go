package main

import (
	"errors"
	"fmt"
	"slices"

	"ccaas-template-builder/internal/message"
	"ccaas-template-builder/internal/program"
	"ccaas-template-builder/pkg/chaincode"
	"ccaas-template-builder/pkg/refresh"
)

// reportResults prints warnings and hints about the results. The error joins the failures.
func reportResults(p *program.Program, options refreshOptions, results []refresh.Result) error {
	var failed, warnings []error
	for _, r := range results {
		warnings = append(warnings, r.Warnings...)
		for _, warning := range r.Warnings {
			p.Warn("%s: %v", r.PackageID, warning)
		}
		if r.State == refresh.Failed {
			err := message.Each(r.Err(), func(err error) error { return fmt.Errorf("%s: %w", r.PackageID, err) })
			failed = append(failed, err)
		}
		if r.Hook != nil {
			for _, err := range r.Hook.Errors {
				failed = append(failed, message.Each(err, func(err error) error { return fmt.Errorf("%s: %w", r.PackageID, err) }))
			}
		}
	}
	for _, hint := range message.Hints(errors.Join(warnings...)) {
		p.Hint("%s", hint)
	}
	switch {
	case len(results) > 0 && refresh.Count(results, refresh.LeftAlone) == len(results):
		p.Warn("every build was left alone: is %q the name that the builder has in core.yaml?", options.builder)
	case options.hook.command == nil && slices.ContainsFunc(results, hasNewConnection):
		p.Hint("a peer keeps its open connection: restart the chaincode server to make the peer use the new one at once")
	}
	return errors.Join(failed...)
}

// hasNewConnection reports whether a refresh has replaced the connection by a different one.
func hasNewConnection(r refresh.Result) bool { return r.State == refresh.Refreshed && r.Differs }

// resultRows returns a row for each build, and one more for each change after the first.
func resultRows(results []refresh.Result) [][]string {
	var rows [][]string
	for _, r := range results {
		var what []string
		for _, change := range r.Changes {
			what = append(what, change.String())
		}
		switch {
		case r.State == refresh.Failed && r.UpToDate:
			what = append(what, "its server failed the probe")
		case r.State == refresh.Failed:
			what = []string{"the old connection stays"}
		case r.State == refresh.LeftAlone:
			what = []string{r.Err().Error()}
		case r.State == refresh.Unchanged:
			what = []string{""}
		}
		rows = append(rows, []string{string(r.State), chaincode.ShortID(r.PackageID), what[0]})
		for _, more := range what[1:] {
			rows = append(rows, []string{"", "", more})
		}
	}
	return rows
}

package message

import (
	"errors"
	"fmt"
	"slices"
)

type hintedError struct {
	error
	hint string
}

func (e *hintedError) Unwrap() error { return e.error }

// WithHint adds a hint that says what to do to each error that err joins.
func WithHint(err error, hint string) error {
	if hint == "" {
		return err
	}
	return Each(err, func(err error) error { return &hintedError{err, hint} })
}

// Hints returns the hints of the errors that err joins, without duplicates.
func Hints(err error) []string {
	var hints []string
	for _, e := range Errors(err) {
		var hinted *hintedError
		if errors.As(e, &hinted) && !slices.Contains(hints, hinted.hint) {
			hints = append(hints, hinted.hint)
		}
	}
	return hints
}

// Each calls change with each error that err joins, and joins the results.
func Each(err error, change func(error) error) error {
	var changed []error
	for _, err := range Errors(err) {
		changed = append(changed, change(err))
	}
	return errors.Join(changed...)
}

// Errors returns the errors that err joins, at any depth, in order.
func Errors(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, Errors(e)...)
	}
	return all
}

// Most limits how many errors, and how many warnings of one kind, are reported. A package can cause
// any number, and they all go to the peer's log.
const Most = 50

// Lines returns the lines that a program prints for err: one for each error that err joins,
// then their hints, without duplicates. An error with an empty text has no line.
func Lines(program string, err error) []Line {
	var lines []Line
	said := map[string]bool{"": true}
	for _, e := range Errors(err) {
		if text := e.Error(); !said[text] {
			said[text] = true
			lines = append(lines, Line{program, Error, text})
		}
	}
	if more := len(lines) - Most; more > 0 {
		lines = append(lines[:Most], Line{program, Error, fmt.Sprintf("and %d more errors", more)})
	}
	for _, hint := range Hints(err) {
		lines = append(lines, Line{program, Hint, hint})
	}
	return lines
}

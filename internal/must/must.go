// Package must helps tests with functions that should not fail.
package must

import "testing"

// Get returns a function that returns value if err is nil, and otherwise ends the test.
func Get[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

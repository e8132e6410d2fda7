// Package must takes values for granted in tests.
package must

import "testing"

// Get returns a value where there is no error, and else ends the test.
func Get[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// Package nearest finds what a mistyped name was probably meant to be.
package nearest

import (
	"fmt"
	"strings"
)

// Name returns the candidate closest to name, ignoring case, or "" if none is
// close enough to be a likely typing mistake: at most a third of the letters
// may differ.
func Name(name string, candidates []string) string {
	best, bestDistance := "", len(name)/3+1
	for _, candidate := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// DidYouMean is what to add to an error about name: `, did you mean "X"`, where X
// is the closest candidate with prefix before it, or nothing.
func DidYouMean(name, prefix string, candidates []string) string {
	meant := Name(name, candidates)
	if meant == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q", prefix+meant)
}

// distance is the number of letters to insert, delete or replace to turn a into b.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

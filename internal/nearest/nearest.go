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

// distance is the number of letters to insert, delete, replace or exchange with
// their neighbours to turn a into b.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := range len(a) {
		for j := range len(b) {
			cost := rows[i][j]
			if a[i] != b[j] {
				cost++
			}
			best := min(cost, rows[i+1][j]+1, rows[i][j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				best = min(best, rows[i-1][j-1]+1)
			}
			rows[i+1][j+1] = best
		}
	}
	return rows[len(a)][len(b)]
}

// Package nearest finds what a mistyped name was probably meant to be.
package nearest

import (
	"fmt"
	"strings"
	"unicode"
)

// Name returns the candidate closest to name, ignoring case. It returns "" if none is close
// enough to be a likely typing mistake, with at most a third of the letters different.
func Name(name string, candidates []string) string {
	best, bestDistance := "", len(name)/3+1
	for _, candidate := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(candidate)); d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// Variable does what Name does for environment variables, many of which begin with the same
// words. Only the letters after these words count, without _. At most three of them may
// differ.
func Variable(name string, candidates []string) string {
	best, bestDistance := "", len(name)
	for _, candidate := range candidates {
		a, b := afterCommonWords(name, candidate)
		if d := distance(a, b); d < bestDistance && d <= min(3, len(b)/3) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// afterCommonWords returns both names in lower case, without _ and without the words that both
// begin with.
func afterCommonWords(a, b string) (restA, restB string) {
	a, b = strings.ToLower(a), strings.ToLower(b)
	for {
		wordA, moreA, foundA := strings.Cut(a, "_")
		wordB, moreB, foundB := strings.Cut(b, "_")
		if wordA != wordB || !foundA || !foundB {
			return strings.ReplaceAll(a, "_", ""), strings.ReplaceAll(b, "_", "")
		}
		a, b = moreA, moreB
	}
}

// Label does what Name does for labels of chaincodes, which are often alike on one peer. Only
// letters count, and at most one may differ. A label that differs only in its numbers is
// another version, not a mistake.
func Label(name string, candidates []string) string {
	var near []string
	for _, candidate := range candidates {
		mistyped := distance(letters(name), letters(candidate)) <= 1
		if mistyped && numbersAsZero(name) != numbersAsZero(candidate) {
			near = append(near, candidate)
		}
	}
	return Name(name, near)
}

// letters returns the letters of a name in lower case.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// numbersAsZero returns a name with each number replaced by 0.
func numbersAsZero(name string) string {
	var b strings.Builder
	last := byte(0)
	for i := range len(name) {
		c := name[i]
		if '0' <= c && c <= '9' {
			c = '0'
		}
		if c != '0' || last != '0' {
			b.WriteByte(c)
		}
		last = c
	}
	return b.String()
}

// DidYouMean returns what to add to an error about name: `, did you mean "X"`, where X is the
// closest candidate with prefix before it. If no candidate is close enough, it returns "".
func DidYouMean(name, prefix string, candidates []string) string {
	meant := Name(name, candidates)
	if meant == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q", prefix+meant)
}

// distance returns the number of letters to insert, delete, replace or swap with their
// neighbours to turn a into b.
func distance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return len(a) + len(b)
	}
	var rows [3][longest + 1]int // the row of the current letter of a, and the two rows before it
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := last[j]
			if a[i] != b[j] {
				cost++
			}
			row[j+1] = min(cost, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

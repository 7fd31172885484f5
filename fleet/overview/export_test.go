package overview

import "slices"

// For tests of other packages that look at what a filter means.
var (
	BoardOf  = boardOf
	QueryNow = queryNow
)

// Sorted sorts names as the list does.
func Sorted(names []string) []string { return slices.SortedFunc(slices.Values(names), natural) }

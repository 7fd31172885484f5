package overview

// For tests of other packages that look at what a filter means.
var (
	BoardOf  = boardOf
	QueryNow = queryNow
)

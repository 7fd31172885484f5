//go:build !race

package audit

// seededSize is how many leaves the log has that tampering is tried on.
const seededSize = 100_000

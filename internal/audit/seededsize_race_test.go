//go:build race

package audit

// seededSize is smaller under the race detector, which makes hashing ten times
// slower and finds nothing more in a longer log.
const seededSize = 10_000

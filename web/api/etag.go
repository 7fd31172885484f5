package api

import (
	"net/http"
	"strconv"
	"strings"
)

// revTag is the entity tag of a thing that counts its changes.
func revTag(rev int64) string { return `"r` + strconv.FormatInt(rev, 10) + `"` }

// matchedRev returns the revision that a writer has seen, from If-Match. A write
// without it is 428: it could overwrite what its author has not seen. "*" is no
// revision. What the revision must be is for the domain to say, in the
// transaction of the change; it says so with [stale].
func matchedRev(header string) (int64, error) {
	if header == "" {
		return 0, NewProblem(http.StatusPreconditionRequired, "Say in If-Match which version of it you have seen: the ETag of your last look.")
	}
	digits, ok := strings.CutPrefix(strings.Trim(header, " "), `"r`)
	digits, closed := strings.CutSuffix(digits, `"`)
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || !closed || err != nil || revTag(n) != strings.Trim(header, " ") {
		return 0, stale("it")
	}
	return n, nil
}

// stale is the answer to a write that is about an older version.
func stale(thing string) *Problem {
	return NewProblem(http.StatusPreconditionFailed, "Somebody else changed "+thing+" since you looked at it. Nothing was overwritten; look again.")
}

// matches reports whether an If-None-Match names tag.
func matches(header, tag string) bool {
	for t := range strings.SplitSeq(header, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}

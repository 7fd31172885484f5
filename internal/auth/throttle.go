package auth

import (
	"crypto/sha256"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"cisterna/internal/errs"
)

// limit allows burst attempts at once and one more for every interval. It is the
// generic cell rate algorithm: all it keeps is one time, when the attempts so far
// are paid for.
type limit struct {
	burst int
	every time.Duration
}

// The limits on attempts to sign in. An attempt is charged before it is looked
// at, so that many at once are not all let through, and given back if the
// password was right.
//
// Whoever guesses at one login from everywhere is stopped by perLogin; that this
// must not lock out the person whose login it is, who sits where they signed in
// before, is why an address known for a login has an allowance of its own.
var (
	perAddress = limit{burst: 50, every: 6 * time.Second} // wards share an address
	perLogin   = limit{burst: 10, every: 30 * time.Second}
	perKnown   = limit{burst: 10, every: 30 * time.Second}
)

// window is how long nothing may happen until a series of failures is over, and
// known how long a sign-in makes an address known.
const (
	window = 15 * time.Minute
	known  = 30 * 24 * time.Hour
)

func throttleKey(what string, parts ...string) []byte {
	sum := sha256.Sum256([]byte("cisterna/throttle/" + what + "\x00" + strings.Join(parts, "\x00")))
	return sum[:]
}

// source returns the address as limits see it: an IPv6 customer has at least a
// /64 of them.
func source(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}

// Throttled is wrapped by the errors of kind errs.Throttled from SignIn.
type Throttled struct{ After time.Duration } // wait this long before the next try

// Error says how long to wait.
func (t *Throttled) Error() string { return fmt.Sprintf("try again in %s", t.After) }

func errThrottled(wait time.Duration) error {
	s := max(1, int64(math.Ceil(wait.Seconds())))
	return errs.Wrap(errs.Throttled, &Throttled{After: time.Duration(s) * time.Second},
		"Too many attempts to sign in. Wait %d seconds, then try again.", s)
}

package gateway

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Failed attempts to get a certificate: so many at once, then one per interval.
// Good ones cost nothing, so that a hospital that enrols a hundred pumps behind
// one address is not held up.
const (
	addressBurst  = 10
	addressEvery  = 30 * time.Second
	allBurst      = 2000                  // 50 guesses a second at codes of 60 bits are nothing, and
	allEvery      = 20 * time.Millisecond // less would let one network shut enrolment for all
	maxAddresses  = 4096
	crowdedBurst  = 50 // of addresses that found no room of their own
	crowdedEvery  = 5 * time.Second
	ipv6NetPrefix = 64 // one customer's network counts as one address
)

// attempts counts failures per source address and altogether. It is safe for
// concurrent use and bounded in size.
type attempts struct {
	mu      sync.Mutex
	all     *rate.Limiter
	crowd   *rate.Limiter
	sources map[netip.Prefix]*rate.Limiter
}

func newAttempts() *attempts {
	return &attempts{
		all:     rate.NewLimiter(rate.Every(allEvery), allBurst),
		crowd:   rate.NewLimiter(rate.Every(crowdedEvery), crowdedBurst),
		sources: map[netip.Prefix]*rate.Limiter{},
	}
}

// source returns what counts as one asker of a remote address "host:port".
func source(remote string) netip.Prefix {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	addr := ap.Addr().Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = ipv6NetPrefix
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// wait returns how long the source must wait before its next attempt, 0 if it
// need not.
func (a *attempts) wait(from netip.Prefix, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	wait := until(a.all, now)
	if l, ok := a.sources[from]; ok {
		wait = max(wait, until(l, now))
	} else if len(a.sources) >= maxAddresses {
		wait = max(wait, until(a.crowd, now))
	}
	return wait
}

// until returns when l has a token, without taking it.
func until(l *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(l.Limit()) * float64(time.Second))
}

// failed counts one failure against the source and against all.
func (a *attempts) failed(from netip.Prefix, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all.AllowN(now, 1)
	l, ok := a.sources[from]
	if !ok {
		if len(a.sources) >= maxAddresses {
			for p, l := range a.sources { // those that have nothing to answer for any more
				if l.TokensAt(now) >= addressBurst {
					delete(a.sources, p)
				}
			}
		}
		if len(a.sources) >= maxAddresses {
			a.crowd.AllowN(now, 1)
			return
		}
		l = rate.NewLimiter(rate.Every(addressEvery), addressBurst)
		a.sources[from] = l
	}
	l.AllowN(now, 1)
}

package gateway

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often one network, and one link, may connect.
const (
	networkShare = 2               // one network gets this part of all connections a second, and a second of them at once
	linkEvery    = time.Second     // a link that connects again and again is let in once in so long,
	linkBurst    = 8               // after so many at once: a radio may be bad
	linkWait     = 5 * time.Second // the longest that a connection waits for it, within connectWithin
	maxShares    = 16384           // of either that are remembered; more than that share one
)

// shares hold a bucket for each of many askers, so that none takes the place of the
// others. They are bounded in size and safe for concurrent use.
type shares[K comparable] struct {
	limit rate.Limit
	burst int

	mu    sync.Mutex
	of    map[K]*rate.Limiter
	crowd *rate.Limiter // of those that found no room of their own
}

func newShares[K comparable](limit rate.Limit, burst int) *shares[K] {
	return &shares[K]{limit: limit, burst: burst, of: map[K]*rate.Limiter{}, crowd: rate.NewLimiter(limit, burst)}
}

// bucket returns the asker's own.
func (s *shares[K]) bucket(who K, now time.Time) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.of[who]; ok {
		return l
	}
	if len(s.of) >= maxShares {
		for k, l := range s.of { // those that have not asked for long
			if l.TokensAt(now) >= float64(s.burst) {
				delete(s.of, k)
			}
		}
	}
	if len(s.of) >= maxShares {
		return s.crowd
	}
	l := rate.NewLimiter(s.limit, s.burst)
	s.of[who] = l
	return l
}

// take takes one of the asker's tokens. It reports false if there is none.
func (s *shares[K]) take(who K, now time.Time) bool { return s.bucket(who, now).AllowN(now, 1) }

// wait takes one and returns how long the asker has to wait for it; false if that is
// longer than it may, and then takes none.
func (s *shares[K]) wait(who K, now time.Time, most time.Duration) (time.Duration, bool) {
	r := s.bucket(who, now).ReserveN(now, 1)
	d := r.DelayFrom(now)
	if d > most {
		r.CancelAt(now)
		return 0, false
	}
	return d, true
}

// stranger reports whether a source has to keep to a share. This machine itself is
// exempt: a proxy in front of us runs there.
func stranger(from netip.Prefix) bool { return from.IsValid() && !from.Addr().IsLoopback() }

// fairListener accepts for one network at most so many connections at the same time
// and closes its others at once.
type fairListener struct {
	net.Listener
	most    int
	crowded func()

	mu   sync.Mutex
	open map[netip.Prefix]int
}

// Accept implements net.Listener.
func (l *fairListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := source(c.RemoteAddr().String())
		if !stranger(from) {
			return c, nil
		}
		if l.enter(from) {
			return &fairConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(from) })}, nil
		}
		l.crowded()
		_ = c.Close()
	}
}

func (l *fairListener) enter(from netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from] >= l.most {
		return false
	}
	if l.open == nil {
		l.open = map[netip.Prefix]int{}
	}
	l.open[from]++
	return true
}

func (l *fairListener) leave(from netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from]--; l.open[from] <= 0 {
		delete(l.open, from)
	}
}

// fairConn gives its place back when it is closed.
type fairConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *fairConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

package token

import (
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// allowance is how often something may happen.
type allowance struct {
	burst int
	every time.Duration
}

// What a token may ask, and how many wrong ones an address may show before it is
// told to wait. A token that is right is never kept waiting by its neighbours'
// wrong ones.
var (
	requests    = allowance{burst: 100, every: 50 * time.Millisecond}
	wrongTokens = allowance{burst: 20, every: 3 * time.Second}
)

// limiter holds an allowance for each of many keys, in a bounded amount of memory.
type limiter struct {
	a  allowance
	mu sync.Mutex
	by map[string]*rate.Limiter
}

const maxKeys = 10_000

func newLimiter(a allowance) *limiter { return &limiter{a: a, by: map[string]*rate.Limiter{}} }

// take charges one to key, and returns how long to wait if there is none left;
// then nothing was charged.
func (l *limiter) take(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	lim, ok := l.by[key]
	if !ok {
		if len(l.by) >= maxKeys {
			l.forget(now)
		}
		lim = rate.NewLimiter(rate.Every(l.a.every), l.a.burst)
		l.by[key] = lim
	}
	r := lim.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// forget drops the keys that have their whole allowance again, and all of them
// if that is not enough.
func (l *limiter) forget(now time.Time) {
	for key, lim := range l.by {
		if lim.TokensAt(now) >= float64(l.a.burst) {
			delete(l.by, key)
		}
	}
	if len(l.by) >= maxKeys {
		clear(l.by)
	}
}

func throttled(wait time.Duration, why string) error {
	s := max(1, int64(math.Ceil(wait.Seconds())))
	return errs.Wrap(errs.Throttled, &auth.Throttled{After: time.Duration(s) * time.Second}, "%s", fmt.Sprintf("%s Wait %d seconds, then try again.", why, s))
}

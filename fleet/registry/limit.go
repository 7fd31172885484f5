package registry

import (
	"sync"
	"time"
)

// maxRefusalLeaves bounds how many refusals of strangers at the enrolment
// listener are put on the record, per pump and hour. The listener logs and counts
// all of them.
const maxRefusalLeaves = 20

// refusalLimit counts refusals per pump and hour.
type refusalLimit struct {
	mu   sync.Mutex
	hour time.Time
	n    map[int64]int
}

// take reports whether another refusal of that pump may be recorded.
func (l *refusalLimit) take(pump int64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := now.Truncate(time.Hour); !h.Equal(l.hour) || l.n == nil {
		l.hour, l.n = h, map[int64]int{}
	}
	l.n[pump]++
	return l.n[pump] <= maxRefusalLeaves
}

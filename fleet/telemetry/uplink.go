package telemetry

import (
	"context"
	"log/slog"
	"time"
)

// uplink is our own end of the link: whether it is up, and since when.
type uplink struct {
	up    bool
	since time.Time
}

// upEvery is how often a server notes that it can hear. After a crash, at most so
// much of a pump's silence is counted as the server's.
const upEvery = 5 * time.Second

// SetUplink says whether our own end of the link is up. While it is down, and a
// little after, silence is not held against the pumps. The direct transport is up
// as long as Run works.
func (s *Service) SetUplink(up bool) {
	s.ourMu.Lock()
	defer s.ourMu.Unlock()
	if s.our.up != up {
		s.our = uplink{up: up, since: s.Now().Truncate(time.Millisecond)}
	}
}

func (s *Service) ourEnd() uplink {
	s.ourMu.Lock()
	defer s.ourMu.Unlock()
	return s.our
}

// upLoop notes it for as long as the server runs, and once more at its end.
func (s *Service) upLoop(ctx context.Context) {
	for {
		stopping := pause(ctx, upEvery) != nil
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), upEvery)
		err := noteUp(within, s.DB, s.Now().Truncate(time.Millisecond))
		cancel()
		if err != nil {
			s.Log.Warn("not noted that this server could hear its pumps; tried again", slog.String("error", err.Error()))
		}
		if stopping {
			return
		}
	}
}

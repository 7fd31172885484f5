package dosing

import (
	"context"
	"time"

	"cisterna/internal/auth"
)

// Week is what happened at one site in one week: the report by site and time.
type Week struct {
	Site       int64
	Monday     time.Time // of the week, UTC
	Proposed   int64     // proposals that the checks let through
	Within     int64     // of those, without a soft limit or step passed
	SoftLimits int64     // soft limits passed with a reason
	SoftSteps  int64     // soft steps passed with a reason
	Caught     int64     // proposals that a check refused
	Mismatches int64     // blind entries that differed
	Applied    int64     // by pumps
	Increases  int64     // of those, more of something
	Alone      int64     // acts of one person
}

// Weeks counts by site and week, newest week first.
func (s *Service) Weeks(ctx context.Context, scope auth.Scope, since time.Time) ([]Week, error) {
	return readWeeks(ctx, s.DB, scope, since)
}

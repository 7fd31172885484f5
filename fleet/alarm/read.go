package alarm

import (
	"context"
	"fmt"

	"cisterna/device/wire"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// FilterState says which alarms a list holds.
type FilterState string

// The lists. Open alarms come most urgent first, the others newest first.
const (
	FilterOpen    FilterState = "active"
	FilterCleared FilterState = "cleared"
	FilterAll     FilterState = "all"
)

// Filter limits a list. Zero fields do not limit.
type Filter struct {
	State  FilterState
	Site   int64
	Pump   int64
	Least  wire.Priority // and above
	Most   wire.Priority // and below
	Before int64         // only alarms with a smaller id: the next page of cleared and all
	After  Place         // only alarms behind it: the next page of the open ones
	Limit  int           // at most, 1 to 5000; 0 = 500
}

// Place is where an alarm stands in the list of the open ones. An alarm that changes
// between two pages may be on both or on none: who puts pages together hears of
// changes by the live feed meanwhile, and lays them over.
type Place struct {
	Priority wire.Priority
	Active   bool
	ID       int64
}

// Place returns where the alarm stands.
func (a Alarm) Place() Place { return Place{a.Priority, a.State == Active, a.ID} }

// String returns "4.1.17": priority, whether nobody has acknowledged it, id.
func (p Place) String() string {
	active := 0
	if p.Active {
		active = 1
	}
	return fmt.Sprintf("%d.%d.%d", p.Priority, active, p.ID)
}

// ParsePlace reads what String wrote. Nothing else is a place.
func ParsePlace(s string) (Place, error) {
	var p Place
	var active int
	if n, err := fmt.Sscanf(s, "%d.%d.%d", &p.Priority, &active, &p.ID); n != 3 || err != nil {
		return Place{}, errs.InvalidField("before", "It is the next of the page before.")
	}
	p.Active = active == 1
	if p.ID <= 0 || p.String() != s {
		return Place{}, errs.InvalidField("before", "It is the next of the page before.")
	}
	return p, nil
}

// List returns alarms of the sites in scope.
func (s *Service) List(ctx context.Context, scope auth.Scope, f Filter) ([]Alarm, error) {
	if f.Limit <= 0 {
		f.Limit = 500
	}
	f.Limit = min(f.Limit, 5000)
	return list(ctx, s.db, scope, f)
}

// Get returns one alarm, or errs.NotFound.
func (s *Service) Get(ctx context.Context, scope auth.Scope, id int64) (Alarm, error) {
	return get(ctx, s.db, scope, id)
}

// History returns what happened to an alarm, in the order of arrival.
func (s *Service) History(ctx context.Context, scope auth.Scope, id int64) ([]Happened, error) {
	if _, err := get(ctx, s.db, scope, id); err != nil {
		return nil, err
	}
	return history(ctx, s.db, id)
}

// Counts returns the open alarms of pumps by priority; pumps without any are
// missing. nil asks for all pumps. It is for the parts of the server that keep
// the board, and so knows no scope.
func (s *Service) Counts(ctx context.Context, pumps []int64) (map[int64]Counts, error) {
	open, err := openOf(ctx, s.db, pumps)
	if err != nil {
		return nil, err
	}
	return count(open), nil
}

// Open returns the open alarms of pumps, of all for nil, most urgent first. It is for
// the parts of the server that raise alarms, and so knows no scope.
func (s *Service) Open(ctx context.Context, pumps []int64) ([]Alarm, error) {
	return openOf(ctx, s.db, pumps)
}

// count sums up open alarms that come most urgent first.
func count(open []Alarm) map[int64]Counts {
	out := map[int64]Counts{}
	for i := range open {
		a := &open[i]
		c := out[a.Pump]
		switch a.Priority {
		case wire.PriorityHigh:
			c.High++
		case wire.PriorityMedium:
			c.Medium++
		case wire.PriorityLow:
			c.Low++
		case wire.PriorityInfo:
			c.Info++
		}
		if a.State == Active {
			c.Active++
		}
		if c.Top == nil {
			c.Top = a
		}
		out[a.Pump] = c
	}
	return out
}

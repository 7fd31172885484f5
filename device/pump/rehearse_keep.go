package pump

import (
	"cisterna/device/dose"
	"cisterna/device/order"
	"cisterna/device/units"
)

// RehearsedKeep is how long the contents of the reservoir stay stable at 37 °C, by the
// drug library that the pump has (reference/domain.md 1.4 and 2.2). No pump stops or
// alarms for it: people refill in time.
type RehearsedKeep struct {
	Filled *int64         `json:"filled_at,omitempty"` // Unix seconds; nil if it is not known
	Lasts  units.Seconds  `json:"lasts_s"`             // from the filling on; 0 if it is not known
	Left   *units.Seconds `json:"left_s,omitempty"`    // until it ends, from taking effect on, also beyond the seven days; 0: it has ended; nil if it is not known
}

// keeps returns how long contents stay stable that were filled in at a time, 0 if that is
// not known, seen from another; both in Unix seconds.
func keeps(l *order.Library, c dose.Contents, filled, now int64) *RehearsedKeep {
	if c.Empty() {
		return nil
	}
	out := &RehearsedKeep{Lasts: l.Stability(c)}
	if filled > 0 {
		out.Filled = &filled
		if out.Lasts > 0 {
			out.Left = new(max(0, units.Seconds(filled-now)+out.Lasts))
		}
	}
	return out
}

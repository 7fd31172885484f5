package overview

import (
	"time"

	"cisterna/device/wire"
)

// Kind is where an item of a timeline comes from.
type Kind string

// The kinds.
const (
	KindEvent    Kind = "event"
	KindAlarm    Kind = "alarm"
	KindPresence Kind = "presence"
	KindAudit    Kind = "audit"
	KindRefusal  Kind = "refusal"
	KindGap      Kind = "gap"
)

// Item is one entry of a pump's timeline.
type Item struct {
	ID         string // unique in the timeline, stable
	Kind       Kind
	Code       string
	Title      string
	Detail     string
	At         time.Time // what the timeline sorts by
	DeviceAt   time.Time // the pump's clock, zero if it has none
	ReceivedAt time.Time
	Priority   wire.Priority // of an alarm, else 0
	Actor      string
}

// Timeline is one page, newest first.
type Timeline struct {
	Items []Item
	Next  string // hand it in as before; "" at the end
}

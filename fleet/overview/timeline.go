package overview

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"cisterna/device/wire"
	"cisterna/fleet/telemetry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// Kind is where an item of a timeline comes from.
type Kind string

// The kinds. Changes of alarms and refusals have leaves in the record too; here
// they appear once, as what they are.
const (
	KindEvent    Kind = "event"
	KindAlarm    Kind = "alarm"
	KindPresence Kind = "presence"
	KindAudit    Kind = "audit"
	KindRefusal  Kind = "refusal"
	KindGap      Kind = "gap"
)

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{KindEvent, KindAlarm, KindPresence, KindAudit, KindRefusal, KindGap}
}

// By is whose doing an item is.
type By string

// Who there is. A program with a person's token is that person.
const (
	ByPerson By = "person"
	ByPump   By = "pump"   // the pump, or its communicator
	BySystem By = "system" // the server
)

// Bys lists all.
func Bys() []By { return []By{ByPerson, ByPump, BySystem} }

// byActor returns whose doing it is what an actor did, named as in the record.
func byActor(actor string) By {
	switch {
	case strings.HasPrefix(actor, "person:"):
		return ByPerson
	case strings.HasPrefix(actor, "device:"):
		return ByPump
	}
	return BySystem
}

// Only narrows a timeline. The zero Only is all of it.
type Only struct {
	Kinds []Kind                   // none: all
	By    []By                     // none: whoever
	Codes map[Kind]telemetry.Codes // of events and of the record; a kind that is not here has all its codes
}

// by reports whether what somebody did is wanted.
func (o Only) by(b By) bool { return len(o.By) == 0 || slices.Contains(o.By, b) }

// actors returns o.By as the store takes it: nil is whoever.
func (o Only) actors() []string {
	var out []string
	for _, b := range o.By {
		out = append(out, string(b))
	}
	return out
}

// Item is one entry of a pump's timeline.
type Item struct {
	ID         string // unique in the pump's timeline, stable
	Kind       Kind
	By         By
	Code       string
	Title      string
	Detail     string
	At         time.Time // what the timeline sorts by
	DeviceAt   time.Time // the pump's clock, zero if it has none
	ReceivedAt time.Time
	Priority   wire.Priority // of an alarm, else 0
	Actor      string
	Meaning    string // what the actor said by signing it, see events.MeaningOf; "" if it is no signature
	Signer     string // the actor's printed name at that signature; "" if it is none
	Firmware   []telemetry.FirmwareChange

	mark telemetry.Mark
}

// Timeline is one page, newest first.
type Timeline struct {
	Items []Item
	Next  string // hand it in as before; "" at the end
}

// Timeline returns what happened to a pump, newest first. before is "" or the
// Next of the page before, which was narrowed in the same way. Errors: NotFound,
// Invalid.
func (s *Service) Timeline(ctx context.Context, scope auth.Scope, pump int64, before string, limit int, only Only) (Timeline, error) {
	start, err := parsePlace(before)
	if err != nil {
		return Timeline{}, err
	}
	return s.timeline(ctx, scope, pump, start, limit, only)
}

// TimelineUntil is Timeline for what happened before a moment.
func (s *Service) TimelineUntil(ctx context.Context, scope auth.Scope, pump int64, until time.Time, limit int, only Only) (Timeline, error) {
	return s.timeline(ctx, scope, pump, place{mark: telemetry.Mark{At: until.UTC()}}, limit, only)
}

func (s *Service) timeline(ctx context.Context, scope auth.Scope, pump int64, start place, limit int, only Only) (Timeline, error) {
	if _, err := s.Registry.Pump(ctx, scope, pump); err != nil {
		return Timeline{}, err
	}
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, 400)
	kinds := only.Kinds
	if len(kinds) == 0 {
		kinds = Kinds()
	}
	var items []Item
	for _, k := range slices.Compact(slices.Sorted(slices.Values(kinds))) {
		part, err := s.part(ctx, k, pump, only, start.of(k), limit+1)
		if err != nil {
			return Timeline{}, fmt.Errorf("timeline of pump %d: %w", pump, err)
		}
		items = append(items, part...)
	}
	slices.SortFunc(items, func(a, b Item) int { return a.place().compare(b.place()) })
	t := Timeline{Items: items}
	if len(items) > limit {
		t.Items = items[:limit]
		t.Next = items[limit-1].place().String()
	}
	return t, nil
}

func (s *Service) part(ctx context.Context, k Kind, pump int64, only Only, before telemetry.Mark, limit int) ([]Item, error) {
	switch k {
	case KindEvent:
		if !only.by(ByPump) {
			return nil, nil
		}
		list, err := s.Telemetry.EventsOf(ctx, pump, only.Codes[k], before, limit)
		return each(list, eventItem), err
	case KindPresence:
		if !only.by(BySystem) { // what the server thinks of the pump
			return nil, nil
		}
		list, err := s.Telemetry.PresenceOf(ctx, pump, before, limit)
		return each(list, presenceItem), err
	case KindRefusal:
		if !only.by(ByPump) {
			return nil, nil
		}
		list, err := s.Telemetry.RefusalsOf(ctx, pump, before, limit)
		return each(list, refusalItem), err
	case KindGap:
		if !only.by(ByPump) {
			return nil, nil
		}
		list, err := s.Telemetry.GapsOf(ctx, pump, before, limit)
		return each(list, gapItem), err
	case KindAlarm:
		return s.alarmItems(ctx, pump, only, before, limit)
	case KindAudit:
		return s.auditItems(ctx, pump, only, before, limit)
	}
	return nil, errs.InvalidField("kinds", "There is no kind %q in a timeline.", string(k))
}

func each[T any](list []T, f func(T) Item) []Item {
	out := make([]Item, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}

func eventItem(e telemetry.Event) Item {
	return Item{
		ID: fmt.Sprintf("event-%d-%d", e.Epoch, e.Seq), Kind: KindEvent, By: ByPump, Code: e.Code, Title: words(e.Code), Detail: detailText(e.Detail),
		At: e.At, DeviceAt: e.DeviceAt, ReceivedAt: e.ReceivedAt, mark: e.Mark(),
	}
}

var presenceTitles = map[telemetry.Presence]string{
	telemetry.Online: "Online", telemetry.Stale: "Silent on an open connection", telemetry.Offline: "Offline",
	telemetry.Never: "Never heard", telemetry.Unknown: "Not known: the server's own end was down",
}

var reasonTexts = map[string]string{
	"client": "The communicator said goodbye.", "keepalive": "The communicator stopped answering.", "takeover": "The communicator connected again.",
	"revoked": "The connection was cut: its trust was withdrawn.", "protocol": "The connection broke a rule and was cut.",
	"overflow": "The communicator did not read what was sent to it.", "io": "The connection broke.", "will": "The connection broke.", "shutdown": "The server stopped.",
}

func presenceItem(c telemetry.PresenceChange) Item {
	detail := "Before: " + string(c.Was) + "."
	if t := reasonTexts[c.Reason]; t != "" {
		detail = t + " " + detail
	}
	return Item{
		ID: fmt.Sprintf("presence-%d", c.ID), Kind: KindPresence, By: BySystem, Code: string(c.State), Title: presenceTitles[c.State], Detail: detail,
		At: c.At, ReceivedAt: c.At, mark: c.Mark(),
	}
}

func refusalItem(r telemetry.Refusal) Item {
	title := "Message refused"
	switch {
	case r.Code == telemetry.CodeRate:
		title = fmt.Sprintf("%d more messages refused", r.N)
	case r.Seq != 0:
		title = fmt.Sprintf("Record %d refused", r.Seq)
	}
	return Item{
		ID: fmt.Sprintf("refusal-%d", r.ID), Kind: KindRefusal, By: ByPump, Code: r.Code, Title: title, Detail: r.Reason,
		At: r.ReceivedAt, DeviceAt: r.DeviceAt, ReceivedAt: r.ReceivedAt, Actor: auth.Device(r.Link).String(), mark: r.Mark(),
	}
}

func gapItem(g telemetry.Gap) Item {
	lane := "telemetry"
	if g.Lane == wire.AlarmLane {
		lane = "alarm"
	}
	detail := fmt.Sprintf("Sequences %d to %d of epoch %d, %s lane: %s.", g.First, g.Last, g.Epoch, lane, g.Reason)
	if g.LostEpoch != 0 {
		detail = fmt.Sprintf("The journal of epoch %d was lost (%s).", g.LostEpoch, g.Reason)
	}
	return Item{
		ID: fmt.Sprintf("gap-%d-%d-%d", g.Lane, g.Epoch, g.First), Kind: KindGap, By: ByPump, Code: "gap." + lane, Title: fmt.Sprintf("%d records lost", g.Last-g.First+1),
		Detail: detail, At: g.At, DeviceAt: g.DeviceAt, ReceivedAt: g.ReceivedAt, mark: g.Mark(),
	}
}

// words makes a code readable: "ptm.given" becomes "Ptm given".
func words(code string) string {
	text := strings.NewReplacer(".", " ", "_", " ", "-", " ").Replace(code)
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// detailText lists a detail by key.
func detailText(d map[string]string) string {
	keys := make([]string, 0, len(d))
	for k := range d {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for i, k := range keys {
		keys[i] = k + " " + d[k]
	}
	return strings.Join(keys, ", ")
}

// place is where an item stands among all kinds: by time, then kind, then the
// kind's own order, newest first.
type place struct {
	mark telemetry.Mark
	kind Kind
}

func (i Item) place() place { return place{i.mark, i.Kind} }

func (p place) compare(q place) int {
	return cmp.Or(q.mark.At.Compare(p.mark.At), strings.Compare(string(q.kind), string(p.kind)),
		cmp.Compare(q.mark.A, p.mark.A), cmp.Compare(q.mark.B, p.mark.B), cmp.Compare(q.mark.C, p.mark.C))
}

// of returns from where a kind goes on behind this place.
func (p place) of(k Kind) telemetry.Mark {
	if p.mark.IsZero() {
		return telemetry.Mark{}
	}
	switch strings.Compare(string(k), string(p.kind)) {
	case 0:
		return p.mark
	case -1: // its items of the same time are still to come
		return telemetry.Mark{At: p.mark.At, A: math.MaxInt64, B: math.MaxInt64, C: math.MaxInt64}
	}
	return telemetry.Mark{At: p.mark.At, A: math.MinInt64, B: math.MinInt64, C: math.MinInt64}
}

// String returns the place as a page's Next.
func (p place) String() string {
	return fmt.Sprintf("%d.%s.%d.%d.%d", p.mark.At.UnixMicro(), p.kind, p.mark.A, p.mark.B, p.mark.C)
}

func parsePlace(s string) (place, error) {
	if s == "" {
		return place{}, nil
	}
	bad := errs.InvalidField("before", "This is not a place in a timeline.")
	f := strings.Split(s, ".")
	if len(f) != 5 || !slices.Contains(Kinds(), Kind(f[1])) {
		return place{}, bad
	}
	var n [4]int64
	for i, text := range []string{f[0], f[2], f[3], f[4]} {
		var err error
		if n[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			return place{}, bad
		}
	}
	return place{mark: telemetry.Mark{At: time.UnixMicro(n[0]).UTC(), A: n[1], B: n[2], C: n[3]}, kind: Kind(f[1])}, nil
}

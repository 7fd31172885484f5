package alarm

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
)

// priority returns an alarm's effective priority: the higher of what was declared
// and what the catalogue says. An unknown code that declares nothing is medium:
// somebody has to look.
func priority(code string, declared wire.Priority) wire.Priority {
	e, known := Lookup(code)
	if !known && declared == 0 {
		return wire.PriorityMedium
	}
	return max(e.Priority, declared)
}

// begin is a new alarm.
func begin(r Raise) Alarm {
	return Alarm{
		Pump: r.Pump, Site: r.Site, Code: r.Code, Instance: r.Instance, Source: r.Source,
		Priority: priority(r.Code, r.Priority), Declared: r.Priority, Latched: r.Latched,
		State: Active, Count: 1, RaisedAt: r.At, DeviceAt: r.DeviceAt, LastAt: r.At, Detail: r.Detail,
		Rev: 1, pos: r.Pos, noted: r.At,
	}
}

// lone is the alarm of which only the clear arrived.
func lone(c Clear) Alarm {
	return Alarm{
		Pump: c.Pump, Site: c.Site, Code: c.Code, Instance: c.Instance, Source: c.Source,
		Priority: priority(c.Code, 0), State: Cleared,
		RaisedAt: c.At, DeviceAt: c.DeviceAt, LastAt: c.At, ClearedAt: c.At, ClearDeviceAt: c.DeviceAt, Detail: c.Detail,
		Rev: 1, pos: c.Pos, noted: c.At,
	}
}

// compare orders positions of one lane. A lost journal starts a higher epoch.
func compare(a, b wire.Position) int {
	switch {
	case a == b:
		return 0
	case a.Epoch < b.Epoch || a.Epoch == b.Epoch && a.Seq < b.Seq:
		return -1
	}
	return 1
}

// late reports whether pos precedes what was last applied to the alarm. Without
// a position everything is in the order of arrival.
func (a Alarm) late(pos wire.Position) bool {
	return pos != wire.Position{} && compare(pos, a.pos) < 0
}

// again is an open alarm that is raised again. noted says whether the history and
// the feed hear of it: always for the first few and whenever the priority rises,
// then once an hour, so that a chattering pump fills neither.
func (a Alarm) again(r Raise) (next Alarm, noted bool) {
	a.Count++
	a.Rev++
	a.LastAt = r.At
	a.Latched = a.Latched || r.Latched
	a.Detail = r.Detail
	a.pos = r.Pos
	noted = a.Count <= 5 || r.At.Sub(a.noted) >= time.Hour
	a.Declared = max(a.Declared, r.Priority)
	if p := priority(r.Code, r.Priority); p > a.Priority {
		a.Priority, a.State, noted = p, Active, true
		a.AckBy, a.AckName, a.AckAt, a.AckNote = "", "", time.Time{}, ""
	}
	if noted {
		a.noted = r.At
	}
	return a, noted
}

// overtaken is an alarm for which a raise arrives after what came later. If the
// alarm is the lone clear of that raise, its beginning becomes known.
func (a Alarm) overtaken(r Raise) Alarm {
	a.Rev++
	a.Count++
	if a.Count == 1 {
		a.DeviceAt, a.Detail, a.Latched = r.DeviceAt, r.Detail, r.Latched
	}
	a.Declared = max(a.Declared, r.Priority)
	a.Priority = max(a.Priority, priority(r.Code, r.Priority))
	a.noted = r.At
	return a
}

// ended is an open alarm whose condition is over.
func (a Alarm) ended(c Clear) Alarm {
	a.Rev++
	a.State, a.ClearedAt, a.ClearDeviceAt = Cleared, c.At, c.DeviceAt
	a.pos, a.noted = c.Pos, c.At
	return a
}

// maxNote is the greatest length of a note, in bytes.
const maxNote = 1000

// acknowledged is an alarm of which actor says they know. An alarm that is over
// may still be acknowledged: somebody has seen that it was. changed is false if
// it was acknowledged before; the first acknowledgement stands.
func (a Alarm) acknowledged(actor auth.Actor, note string, now time.Time) (next Alarm, changed bool, err error) {
	note = strings.TrimSpace(note)
	switch {
	case !a.AckAt.IsZero():
		return a, false, nil
	case note == "" && a.Priority == wire.PriorityHigh:
		return a, false, errs.InvalidField("note", "A high alarm needs a note: what did you find, what will you do?")
	case len(note) > maxNote:
		return a, false, errs.InvalidField("note", "The note is longer than %d bytes.", maxNote)
	case note != clean(note):
		return a, false, errs.InvalidField("note", "The note contains characters that cannot be stored.")
	}
	a.Rev++
	switch {
	case a.State == Active && a.happened():
		a.State, a.ClearedAt = Cleared, now
	case a.State == Active:
		a.State = Acknowledged
	}
	a.AckBy, a.AckName, a.AckAt, a.AckNote = actor.String(), actor.Name, now, note
	a.noted = now
	return a, true, nil
}

// check makes a raise storable and refuses one that is a defect of the caller.
func (r *Raise) check() error {
	if r.Priority > wire.PriorityHigh {
		return fmt.Errorf("raise %s: priority %d", r.Code, r.Priority)
	}
	r.Instance, r.Detail, r.DeviceAt = clean(r.Instance), cleanDetail(r.Detail), plausible(r.DeviceAt)
	return checkKey(r.Pump, r.Site, r.Code, r.Source, r.At)
}

func (c *Clear) check() error {
	c.Instance, c.Detail, c.DeviceAt = clean(c.Instance), cleanDetail(c.Detail), plausible(c.DeviceAt)
	return checkKey(c.Pump, c.Site, c.Code, c.Source, c.At)
}

func checkKey(pump, site int64, code string, source Source, at time.Time) error {
	switch {
	case pump <= 0 || site <= 0:
		return errors.New("alarm without pump or site")
	case !validCode(code):
		return fmt.Errorf("alarm code %q", code)
	case source != SourcePump && source != SourceServer:
		return fmt.Errorf("alarm source %q", source)
	case at.IsZero():
		return errors.New("alarm without a time")
	}
	return nil
}

// validCode repeats the rule of wire's decoder and of the database.
func validCode(code string) bool {
	return code != "" && len(code) <= wire.MaxCode && !strings.ContainsFunc(code, func(c rune) bool {
		return c != '_' && c != '.' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// clean makes text storable. Pumps may send any UTF-8, but PostgreSQL keeps no
// NUL; an alarm must not get lost over that.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func cleanDetail(d map[string]string) map[string]string {
	out := make(map[string]string, len(d))
	for k, v := range d {
		out[clean(k)] = clean(v)
	}
	return out
}

// plausible drops a time that no calendar holds: a pump's clock may say
// anything.
func plausible(t time.Time) time.Time {
	if t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

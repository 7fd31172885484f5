package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// unread is what a pump signed for the alarm lane and nobody here can read, or what
// the pump itself could not keep. It may have been any alarm, so that people hear of
// it as of one: a row among the refusals or the gaps is seen by who looks there.
type unread struct {
	pump, site int64
	link       string
	what       string // message, or which record of it
	code       string
	reason     string
	at         time.Time
	body       []byte // the envelope as it came
}

func (s *Service) raiseUnread(ctx context.Context, tx *postgres.Tx, u unread) error {
	_, _, err := s.Alarms.RaiseTx(ctx, tx, alarm.Raise{
		Pump: u.pump, Site: u.site, Code: "ALARM_UNREAD", Source: alarm.SourceServer, At: u.at,
		Detail: map[string]string{"what": u.what, "code": u.code, "reason": u.reason},
		Actor:  auth.System("ingest"), Link: u.link, Evidence: u.body,
	})
	return err
}

// unreadIn returns the records of a message that are refused alone among the
// sequences from first to last, as one; false if there are none.
func (m *message) unreadIn(first, last uint64) (u unread, ok bool) {
	u = unread{pump: m.pump, site: m.site, link: m.link, at: m.at, body: m.body}
	n := 0
	for _, b := range m.bad {
		if b.seq < first || b.seq > last {
			continue
		}
		if n++; n == 1 {
			u.code, u.reason = b.code, b.reason
			u.what = fmt.Sprintf("record %d of journal epoch %d", b.seq, m.batch.Epoch)
		}
	}
	if n > 1 {
		u.what += fmt.Sprintf(" and %d more", n-1)
	}
	return u, n > 0
}

// CodeGap is the code of an unread alarm that the pump could not keep.
const CodeGap = "GAP"

// gaveUp are the reasons of gaps that stand for records of which nobody ever had
// anything. Records of other gaps were committed before, or go with a journal whose
// loss is told.
var gaveUp = map[string]string{
	"overflow": "The pump had no room for it any more.",
	"damaged":  "The pump's memory could not be read any more.",
}

// lostIn returns what the pump itself could not keep among the sequences from first
// to last, as one; false if there is nothing.
func (m *message) lostIn(first, last uint64) (u unread, ok bool) {
	for i := range m.batch.Records {
		r := &m.batch.Records[i]
		if r.Kind != wire.RecordGap || r.Last() < first || r.Seq > last || gaveUp[r.Gap.Reason] == "" {
			continue
		}
		return unread{
			pump: m.pump, site: m.site, link: m.link, at: m.at, body: m.body, code: CodeGap, reason: gaveUp[r.Gap.Reason],
			what: fmt.Sprintf("records %d to %d of journal epoch %d", max(r.Seq, first), min(r.Last(), last), m.batch.Epoch),
		}, true
	}
	return u, false
}

// unreadAmong returns the messages of the alarm lane that are refused whole though
// their pump signed them, one for each pump.
func unreadAmong(batch []refusal) (out []unread) {
	for i := range batch {
		r := &batch[i]
		if !r.signed || r.kind != wire.UpAlarm || slices.ContainsFunc(out, func(u unread) bool { return u.pump == r.pump }) {
			continue
		}
		out = append(out, unread{pump: r.pump, site: r.site, link: r.link, what: "message", code: r.code, reason: r.reason, at: r.at, body: r.body})
	}
	slices.SortFunc(out, func(a, b unread) int { return cmp.Compare(a.pump, b.pump) }) // everybody in the same order: no deadlock
	return out
}

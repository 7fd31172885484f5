package emulator

import (
	"errors"
	"slices"
	"time"

	"cisterna/device/emulator/journal"
	"cisterna/device/wire"
)

// laneTx is how far a lane was sent over the connection of the day. Together
// with the journal's cursor it is all there is: records up to the cursor are
// committed, those up to sent are on their way, the others wait.
type laneTx struct {
	sent     uint64
	flights  int       // messages without a PUBACK
	progress time.Time // when the cursor moved last, or something was first sent
	back     bool      // to be sent again from the cursor, when nothing is in flight any more
	backAt   time.Time // not before
	stuck    uint      // times in a row that it was sent again in vain
}

const (
	// batchBytes leaves room for head and signature within 48 KiB.
	batchBytes = 47 << 10
	// settle is how long a rewind waits for acknowledgements that overtook it.
	settle = 100 * time.Millisecond
)

// moment returns when the lane is looked at although nothing happened, zero for
// never. While something is in flight its PUBACK, or the lack of it, comes first.
func (l *laneTx) moment(resend time.Duration) time.Time {
	switch {
	case l.flights > 0:
		return time.Time{}
	case l.back:
		return l.backAt
	case l.progress.IsZero():
		return time.Time{}
	}
	return l.progress.Add(resend << min(l.stuck, 4))
}

// collectLane adds what a lane has to send. Called with d.mu held.
func (d *Device) collectLane(out []publication, lane wire.Lane, window int, now time.Time) []publication {
	l := &d.lanes[lane-1]
	head := d.jp.Head(lane)
	if head.Epoch > d.guarded {
		return out // of an epoch that the vault does not know yet
	}
	l.sent = max(l.sent, head.Cursor)
	if l.sent == head.Cursor && !l.back {
		l.progress = time.Time{} // nothing is on its way
	} else if !l.back && l.flights == 0 && now.Sub(l.progress) >= d.f.opt.Resend<<min(l.stuck, 4) {
		// Acknowledged and never committed: either dn/ack was lost, or the server
		// has lost what it took.
		l.back, l.backAt = true, now
		l.stuck++
	}
	if l.back {
		if l.flights > 0 || now.Before(l.backAt) {
			return out
		}
		if l.sent > head.Cursor {
			d.f.stats.resent.Add(1)
		}
		l.back, l.sent, l.progress = false, head.Cursor, now
	}
	for l.flights < window && l.sent < head.Last {
		p, last, n := d.batch(lane, l.sent+1)
		if n == 0 {
			break
		}
		if l.progress.IsZero() {
			l.progress = now
		}
		l.sent = last
		l.flights++
		d.f.stats.records.Add(uint64(n))
		out = append(out, p)
	}
	if lane == wire.AlarmLane {
		d.sayStanding(now.UnixMilli())
	}
	return out
}

// sayStanding writes down what stands if the alarm lane owes it: its records were
// dropped, or the server has lost them, as after a backup was restored. They are
// gone here and a gap stands for them; what is wrong is still wrong. Called with
// d.mu held.
func (d *Device) sayStanding(real int64) {
	why, owes := d.jp.Owes()
	if !owes || !d.ready || d.off {
		return // without power later: until then the gap is held back
	}
	if why == "discarded" {
		why = "server_lost"
	}
	d.advance(real, false)
	d.jp.Append(journal.Write{Alarm: d.standing(real, why), Standing: true}, d.onDurable)
}

// batch makes the message that carries a lane from a sequence on.
func (d *Device) batch(lane wire.Lane, from uint64) (p publication, last uint64, n int) {
	c, err := d.jp.Read(lane, from, d.f.opt.Batch, batchBytes)
	if err != nil || c.Records == 0 {
		return p, 0, 0 // the journal has said what is wrong and given it up; a gap follows
	}
	p = publication{kind: wire.UpTele, what: whatMain}
	switch {
	case lane == wire.AlarmLane:
		p.kind, p.what = wire.UpAlarm, whatAlarm
	case c.Events && c.Last >= d.jp.Head(lane).Last:
		p.kind = wire.UpEvent // news, not backlog
	}
	payload := make([]byte, 0, len(c.Body)+64)
	payload = wire.AppendBatchHead(payload, d.id, c.Epoch, c.First, c.Records)
	p.payload = d.seal(p.kind, append(payload, c.Body...))
	return p, c.Last, c.Records
}

// onCursors takes dn/ack. Called by the reading goroutine.
func (d *Device) onCursors(c wire.Cursors) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.f.opt.Now()
	if c.Refused != "" {
		d.f.stats.refused.Add(1)
		if d.refused == nil {
			d.refused = map[string]uint64{}
		}
		if len(d.refused) < 32 || d.refused[c.Refused] > 0 {
			d.refused[c.Refused]++
		}
	}
	d.onPosition(wire.MainLane, c.Main, c.Rewind, now)
	d.onPosition(wire.AlarmLane, c.Alarm, c.Rewind, now)
	d.wakeLocked()
}

func (d *Device) onPosition(lane wire.Lane, pos *wire.Position, rewind bool, now time.Time) {
	if pos == nil {
		return
	}
	l := &d.lanes[lane-1]
	before := d.jp.Head(lane).Cursor
	if err := d.jp.Committed(lane, *pos, rewind); errors.Is(err, journal.ErrAhead) {
		d.journalLost(pos.Epoch, err)
		return
	}
	head := d.jp.Head(lane)
	if head.Cursor > before {
		l.stuck, l.progress = 0, now
	}
	if !rewind || head.Cursor >= l.sent || l.back {
		return
	}
	// What is in flight was sent before the server said this, and will be answered
	// alike. Once it is, one new start is enough.
	l.back, l.backAt = true, now.Add(settle)
	if head.Cursor == before {
		l.backAt = now.Add(settle << min(l.stuck, 11))
		l.stuck++
	}
}

// journalLost handles a server that has records which this journal does not
// know: its end is gone. Called with d.mu held.
func (d *Device) journalLost(serverEpoch uint64, err error) {
	if d.guarded == 0 {
		return // being seen to
	}
	d.guarded = 0 // nothing is sent meanwhile
	old := d.jp.Head(wire.MainLane).Epoch
	epoch := max(serverEpoch, old) + 1
	d.f.log.Error("the journal of a pump has lost its end", "serial", d.who.Serial, "error", err)
	d.f.wg.Go(func() {
		_, err := d.newEpoch(epoch, old)
		if err == nil {
			d.mu.Lock()
			for i := range d.lanes {
				d.lanes[i] = laneTx{flights: d.lanes[i].flights}
			}
			d.mu.Unlock()
			err = d.guardEpoch(epoch)
		}
		if err != nil {
			d.f.log.Error("a new journal epoch could not be kept; the pump stays silent", "serial", d.who.Serial, "error", err)
		}
		d.wake()
	})
}

// onPuback takes a PUBACK. Called by the goroutine that reads c.
func (d *Device) onPuback(c carrier, id uint16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != c {
		return // of a connection that is over
	}
	d.quiet = d.f.opt.Now()
	i := slices.IndexFunc(d.flights, func(f flight) bool { return f.id == id })
	if i < 0 {
		return
	}
	w := d.flights[i].what
	d.flights = slices.Delete(d.flights, i, i+1)
	d.f.stats.acknowledged.Add(1)
	d.landed(w)
	d.wakeLocked()
}

// landed takes note that a message is no longer in flight.
func (d *Device) landed(w what) {
	switch w {
	case whatMain:
		d.lanes[wire.MainLane-1].flights--
	case whatAlarm:
		d.lanes[wire.AlarmLane-1].flights--
	case whatHello:
		d.welcome = true
	case whatBeat:
		d.beating = false
	case whatOther:
		d.other--
	case whatEcho:
	}
}

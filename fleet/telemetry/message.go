package telemetry

import (
	"strconv"
	"sync"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/fleet/registry"
)

// message is a signed batch of records on its way to a lane's transaction: who
// it is from is known and its signature holds.
//
// Messages of the main lane come from a pool: after done, and once the outcome
// was told, nobody may hold on to one or to its records.
type message struct {
	pump int64 // registry id
	site int64
	wire wire.PumpID
	link string
	conn uint64 // the connection that it came over
	kind wire.Kind
	lane wire.Lane
	at   time.Time // received, whole milliseconds: what the database keeps
	body []byte    // the envelope as it came
	done func(error)

	batch wire.Batch
	bad   []badRecord // refused alone, rising
	first uint64      // sequences that the message stands for; encode narrows them
	last  uint64

	// Of the sequences from first to last, made by encode.
	rows      rows         // COPY's text for the samples
	records   int          // records of any kind, bad ones included
	newest    *wire.Record // last sample, nil if there is none
	wall      int64        // the pump's clock at the last good record that is no gap
	hasGood   bool         // there is such a record
	endsInGap bool         // no such record follows the last gap
	rare      bool         // there is more than samples
}

var messages = sync.Pool{New: func() any { return new(message) }}

// newMessage returns a message for what came in from a pump, with room for
// records left over from an earlier one.
func newMessage(in gateway.Inbound, lane wire.Lane, ref registry.PumpRef, done func(error)) *message {
	m := messages.Get().(*message)
	*m = message{
		pump: ref.ID, site: ref.Site, wire: ref.Wire, link: in.Link, conn: in.Conn, kind: in.Kind, lane: lane, at: in.At, body: in.Payload, done: done,
		batch: wire.Batch{Records: m.batch.Records[:0]}, rows: rows{text: m.rows.text[:0]},
	}
	return m
}

// maxKept bounds what a message in the pool may hold on to.
const maxKept = 64

// free gives a message back to the pool.
func (m *message) free() {
	if cap(m.batch.Records) > maxKept {
		m.batch.Records, m.rows.text = nil, nil
	}
	clear(m.batch.Records) // events and the like go; what lies behind went before
	*m = message{batch: wire.Batch{Records: m.batch.Records[:0]}, rows: rows{text: m.rows.text[:0]}}
	messages.Put(m)
}

// rows are lines of COPY's text format, so that the batcher only puts them
// together.
type rows struct {
	text []byte
	n    int
}

// badRecord is a record that is refused alone while the stream goes on.
type badRecord struct {
	seq    uint64
	code   string
	reason string
	bytes  []byte
	wall   int64 // 0 if it could not be read
}

// startsWithGap reports whether the message begins with a gap record.
func (m *message) startsWithGap() bool {
	return len(m.batch.Records) > 0 && m.batch.Records[0].Seq == m.batch.First && m.batch.Records[0].Kind == wire.RecordGap
}

// lastSeq returns the last sequence that a batch and its bad records occupy.
func lastSeq(b *wire.Batch, bad []badRecord) uint64 {
	last := b.First
	if n := len(b.Records); n > 0 {
		last = b.Records[n-1].Last()
	}
	if n := len(bad); n > 0 {
		last = max(last, bad[n-1].seq)
	}
	return last
}

// setAside moves the records that are refused alone from the batch to bad.
func (m *message) setAside(now time.Time) {
	for i := range m.batch.Records {
		if code, _ := checkRecord(&m.batch.Records[i], now); code != "" {
			m.setAsideFrom(i, now)
			return
		}
	}
}

func (m *message) setAsideFrom(i int, now time.Time) {
	good := m.batch.Records[:i:i]
	for j := i; j < len(m.batch.Records); j++ {
		r := m.batch.Records[j]
		code, reason := checkRecord(&r, now)
		// A gap only says what is missing, and an alarm must not get lost over
		// its pump's clock: both are taken without a time.
		if code == "" || r.Kind != wire.RecordSample && r.Kind != wire.RecordEvent {
			good = append(good, r)
			continue
		}
		m.bad = append(m.bad, badRecord{seq: r.Seq, code: code, reason: reason, bytes: wire.AppendRecord(nil, &r), wall: r.Wall})
	}
	m.batch.Records = good
	sortBad(m.bad)
}

// encode narrows the message to the sequences from first to last and prepares
// what is stored of them.
func (m *message) encode(first, last uint64) {
	m.first, m.last = first, last
	m.rows.text, m.rows.n = m.rows.text[:0], 0
	m.records, m.newest, m.hasGood, m.endsInGap, m.rare = 0, nil, false, false, false
	var buf [32]byte
	at := appendTime(buf[:0], m.at.UnixMilli())
	for i := range m.batch.Records {
		r := &m.batch.Records[i]
		if r.Last() < first || r.Seq > last {
			continue
		}
		m.records++
		if r.Kind == wire.RecordGap {
			m.endsInGap, m.rare = true, true
			continue
		}
		m.wall, m.hasGood, m.endsInGap = r.Wall, true, false
		if r.Kind != wire.RecordSample {
			m.rare = true
			continue
		}
		m.rows.text = appendRow(m.rows.text, m.pump, m.batch.Epoch, r, at)
		m.rows.n++
		m.newest = r
	}
	for i := range m.bad {
		if m.bad[i].seq >= first && m.bad[i].seq <= last {
			m.records++
			m.rare = true
		}
	}
}

// sampleColumns is the order in which appendRow writes.
const sampleColumns = "pump_id, epoch, seq, device_at, received_at, mono_ms, rate_nl_day, delivered_nl, reservoir_nl, sensed_nl, flags, " +
	"battery_mv, temperature_mc, pressure_pa, ptm_given, ptm_denied, run"

// appendRow appends one line of COPY's text format.
func appendRow(b []byte, pump int64, epoch uint64, r *wire.Record, received []byte) []byte {
	s := &r.Sample
	b = append(strconv.AppendInt(b, pump, 10), '\t')
	b = append(strconv.AppendUint(b, epoch, 10), '\t')
	b = append(strconv.AppendUint(b, r.Seq, 10), '\t')
	b = append(appendTime(b, r.Wall), '\t')
	b = append(append(b, received...), '\t')
	b = append(strconv.AppendUint(b, r.Mono, 10), '\t')
	b = append(strconv.AppendInt(b, s.RateNLDay, 10), '\t')
	b = append(strconv.AppendInt(b, s.DeliveredNL, 10), '\t')
	b = append(strconv.AppendInt(b, s.ReservoirNL, 10), '\t')
	if s.SensedNL < 0 {
		b = append(b, '\\', 'N', '\t')
	} else {
		b = append(strconv.AppendInt(b, s.SensedNL, 10), '\t')
	}
	b = append(strconv.AppendUint(b, s.Flags, 10), '\t')
	b = append(strconv.AppendInt(b, s.BatteryMV, 10), '\t')
	b = append(strconv.AppendInt(b, s.TemperatureM, 10), '\t')
	b = append(strconv.AppendInt(b, s.PressurePa, 10), '\t')
	b = append(strconv.AppendInt(b, s.PTMGiven, 10), '\t')
	b = append(strconv.AppendInt(b, s.PTMDenied, 10), '\t')
	return append(b, '0'+byte(s.Run), '\n')
}

// appendTime appends Unix milliseconds as PostgreSQL reads a timestamptz. It
// holds for the years 1 to 9999.
func appendTime(b []byte, ms int64) []byte {
	const msDay = 86_400_000
	days, rest := ms/msDay, ms%msDay
	if rest < 0 {
		days, rest = days-1, rest+msDay
	}
	y, m, d := civil(days)
	b = digits(b, y, 4)
	b = digits(append(b, '-'), m, 2)
	b = digits(append(b, '-'), d, 2)
	b = digits(append(b, ' '), rest/3_600_000, 2)
	b = digits(append(b, ':'), rest/60_000%60, 2)
	b = digits(append(b, ':'), rest/1000%60, 2)
	b = digits(append(b, '.'), rest%1000, 3)
	return append(b, '+', '0')
}

func digits(b []byte, v int64, n int) []byte {
	for div := pow10[n-1]; div > 0; div /= 10 {
		b = append(b, '0'+byte(v/div%10))
	}
	return b
}

var pow10 = [...]int64{1, 10, 100, 1000}

// civil turns days since 1970-01-01 into a date of the Gregorian calendar. It
// counts in eras of 400 years from March, so that the leap day comes last.
func civil(days int64) (year, month, day int64) {
	days += 719_468 // 0000-03-01
	era := days / 146_097
	if days < 0 {
		era = (days - 146_096) / 146_097
	}
	doe := days - era*146_097
	yoe := (doe - doe/1460 + doe/36_524 - doe/146_096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	month = mp + 3
	if month > 12 {
		month -= 12
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

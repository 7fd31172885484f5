package wire

import (
	"maps"
	"slices"
)

// RecordKind says what a record holds.
type RecordKind uint8

// Record kinds. Sample, Event and Gap live in the main lane; Raise, Clear and
// Gap in the alarm lane.
const (
	RecordSample RecordKind = 1
	RecordEvent  RecordKind = 2
	RecordGap    RecordKind = 3
	RecordRaise  RecordKind = 4
	RecordClear  RecordKind = 5
)

// Lane is one of a pump's two sequences.
type Lane uint8

// The lanes.
const (
	MainLane  Lane = 1
	AlarmLane Lane = 2
)

// Record is one entry of a pump's journal. Exactly one of the bodies is set,
// as Kind says.
type Record struct {
	Seq    uint64 // first sequence it occupies; a gap occupies Seq…Gap.Through
	Kind   RecordKind
	Wall   int64  // the pump's own clock, Unix milliseconds
	Mono   uint64 // milliseconds since the pump's boot
	Sample Sample
	Event  *Event
	Gap    *Gap
	Raise  *Raise
	Clear  *Clear
}

// Last returns the last sequence that the record occupies.
func (r *Record) Last() uint64 {
	if r.Kind == RecordGap && r.Gap != nil {
		return r.Gap.Through
	}
	return r.Seq
}

// Sample is the pump's state at one moment. Every field is a whole number.
type Sample struct {
	Run          RunState
	RateNLDay    int64 // programmed rate now, nL per day, for display
	DeliveredNL  int64 // delivered since manufacture, nL
	ReservoirNL  int64 // computed volume left, nL
	SensedNL     int64 // volume by fill sensor, nL; −1 if the pump has none
	BatteryMV    int64 // mV
	TemperatureM int64 // m°C
	PressurePa   int64 // catheter pressure, Pa; 0 if not measured
	PTMGiven     int64 // patient boluses given since manufacture
	PTMDenied    int64 // patient boluses refused since manufacture
	Flags        uint64
}

const sampleFields = 11

// Sample flags.
const (
	FlagClockUntrusted uint64 = 1 << 0 // the wall clock was lost and not set since
	FlagLatchedAlarm   uint64 = 1 << 1 // at least one alarm is latched on the pump
)

// Event is something that happened once. Numbers in Detail are digit strings
// with the unit in the key: "volume_nl": "12000".
type Event struct {
	Code   string
	Detail map[string]string
}

// Gap says that the pump lost the records from its own sequence to Through.
type Gap struct {
	Through   uint64
	LostEpoch uint64 // the epoch whose journal was lost, 0 if this one
	Reason    string // "overflow", "journal_lost", …
}

// Raise is an alarm condition that begins. Instance tells several conditions of
// one code apart and is usually empty.
type Raise struct {
	Code     string
	Instance string
	Priority Priority
	Latched  bool // stays on the pump until cleared there
	Detail   map[string]string
}

// Repeated is the detail of a raise or clear that a pump says anew behind a gap of
// the alarm lane: why it does. Such a clear ends an alarm that is open, and says
// nothing where none is.
const Repeated = "repeated"

// Clear ends the condition that Raise began.
type Clear struct {
	Code     string
	Instance string
	Detail   map[string]string
}

// Batch is a run of records of one lane, the payload of up/tele, up/event and
// up/alarm.
type Batch struct {
	Pump    PumpID
	Epoch   uint64 // journal epoch, from 1
	First   uint64 // sequence of the first record, from 1
	Records []Record
}

// Last returns the last sequence that the batch occupies, First-1 if empty.
func (b *Batch) Last() uint64 {
	if len(b.Records) == 0 {
		return b.First - 1
	}
	return b.Records[len(b.Records)-1].Last()
}

// AppendBatch appends the batch's encoding to buf. Records must be in sequence;
// their Seq fields are not written but implied by First.
func AppendBatch(buf []byte, b *Batch) []byte {
	buf = AppendBatchHead(buf, b.Pump, b.Epoch, b.First, len(b.Records))
	for i := range b.Records {
		buf = AppendRecord(buf, &b.Records[i])
	}
	return buf
}

// AppendBatchHead appends what comes before the records of a batch of n, for
// senders that keep records encoded.
func AppendBatchHead(buf []byte, pump PumpID, epoch, first uint64, n int) []byte {
	buf = appendHead(buf, majArray, 4)
	buf = appendBytes(buf, pump[:])
	buf = appendHead(buf, majUint, epoch)
	buf = appendHead(buf, majUint, first)
	return appendHead(buf, majArray, uint64(n))
}

// AppendRecord appends one record without its sequence, as it stands in a batch
// and in a pump's journal.
func AppendRecord(buf []byte, r *Record) []byte {
	buf = appendHead(buf, majArray, 4)
	buf = appendHead(buf, majUint, uint64(r.Kind))
	buf = appendInt(buf, r.Wall)
	buf = appendHead(buf, majUint, r.Mono)
	switch r.Kind {
	case RecordSample:
		s := &r.Sample
		buf = appendHead(buf, majArray, sampleFields)
		buf = appendHead(buf, majUint, uint64(s.Run))
		for _, v := range [...]int64{s.RateNLDay, s.DeliveredNL, s.ReservoirNL, s.SensedNL, s.BatteryMV, s.TemperatureM, s.PressurePa, s.PTMGiven, s.PTMDenied} {
			buf = appendInt(buf, v)
		}
		buf = appendHead(buf, majUint, s.Flags)
	case RecordEvent:
		buf = appendHead(buf, majArray, 2)
		buf = appendText(buf, r.Event.Code)
		buf = appendDetail(buf, r.Event.Detail)
	case RecordGap:
		buf = appendHead(buf, majArray, 3)
		buf = appendHead(buf, majUint, r.Gap.Through)
		buf = appendHead(buf, majUint, r.Gap.LostEpoch)
		buf = appendText(buf, r.Gap.Reason)
	case RecordRaise:
		buf = appendHead(buf, majArray, 5)
		buf = appendText(buf, r.Raise.Code)
		buf = appendText(buf, r.Raise.Instance)
		buf = appendHead(buf, majUint, uint64(r.Raise.Priority))
		latched := uint64(0)
		if r.Raise.Latched {
			latched = 1
		}
		buf = appendHead(buf, majUint, latched)
		buf = appendDetail(buf, r.Raise.Detail)
	case RecordClear:
		buf = appendHead(buf, majArray, 3)
		buf = appendText(buf, r.Clear.Code)
		buf = appendText(buf, r.Clear.Instance)
		buf = appendDetail(buf, r.Clear.Detail)
	default:
		panic("wire: record of an unknown kind")
	}
	return buf
}

func appendDetail(buf []byte, d map[string]string) []byte {
	buf = appendHead(buf, majMap, uint64(len(d)))
	// Deterministic CBOR sorts by encoded key, which for text keys under 24 and
	// under 256 bytes is by length and then by bytes.
	for _, k := range slices.SortedFunc(maps.Keys(d), compareKeys) {
		buf = appendText(appendText(buf, k), d[k])
	}
	return buf
}

func compareKeys(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// DecodeBatch reads a batch of the given lane. Sequences of the records are
// filled in; a gap moves the next one past its range. It refuses kinds that do
// not belong to the lane, sequences that overflow and anything over the limits.
// Byte slices of the result do not alias b.
func DecodeBatch(b []byte, lane Lane) (*Batch, error) {
	var out Batch
	if err := DecodeBatchInto(&out, b, lane); err != nil {
		return nil, err
	}
	return &out, nil
}

// DecodeBatchInto is DecodeBatch into a batch whose room for records is used
// again. After an error out holds nothing of use.
func DecodeBatchInto(out *Batch, b []byte, lane Lane) error {
	r := reader{b: b}
	n := r.batchHead(out)
	if r.err != nil {
		return r.err
	}
	if cap(out.Records) < n {
		out.Records = make([]Record, n)
	}
	out.Records = out.Records[:n]
	seq := out.First
	for i := range out.Records {
		rec := &out.Records[i]
		*rec = Record{Seq: seq}
		decodeRecord(&r, rec, lane)
		if r.err != nil {
			return r.err
		}
		seq = rec.Last() + 1
	}
	return r.end()
}

// batchHead reads what stands before a batch's records and returns how many
// follow.
func (r *reader) batchHead(out *Batch) int {
	r.list(majArray, 4, 4)
	id := r.bytes(len(out.Pump))
	if r.err == nil && len(id) != len(out.Pump) {
		r.fail("pump id of %d bytes", len(id))
	}
	copy(out.Pump[:], id)
	out.Epoch, out.First = r.uint(), r.uint()
	n := r.list(majArray, 1, MaxBatch)
	if r.err == nil && (out.Epoch == 0 || out.First == 0 || out.Epoch > maxCounter || out.First > maxCounter) {
		r.fail("epoch %d, sequence %d: both count from 1", out.Epoch, out.First)
	}
	return n
}

// DecodeRecord reads one record as AppendRecord wrote it and gives it seq.
func DecodeRecord(b []byte, lane Lane, seq uint64) (Record, error) {
	r := reader{b: b}
	rec := Record{Seq: seq}
	decodeRecord(&r, &rec, lane)
	if err := r.end(); err != nil {
		return Record{}, err
	}
	return rec, nil
}

// maxCounter keeps epochs and sequences inside PostgreSQL's bigint.
const maxCounter = 1<<62 - 1

func decodeRecord(r *reader, rec *Record, lane Lane) {
	fields := r.list(majArray, 4, 8)
	rec.Kind = RecordKind(min(r.uint(), 255))
	rec.Wall = r.int()
	rec.Mono = r.uint()
	if r.err == nil && rec.Mono > maxCounter {
		r.fail("monotonic time out of range")
	}
	main := lane == MainLane
	switch {
	case r.err != nil:
		return
	case rec.Kind == RecordSample && main:
		n := r.list(majArray, sampleFields, 32)
		s := &rec.Sample
		s.Run = RunState(min(r.uint(), 255))
		for _, p := range [...]*int64{&s.RateNLDay, &s.DeliveredNL, &s.ReservoirNL, &s.SensedNL, &s.BatteryMV, &s.TemperatureM, &s.PressurePa, &s.PTMGiven, &s.PTMDenied} {
			*p = r.int()
		}
		s.Flags = r.uint()
		if r.err == nil && (s.Run < Infusing || s.Run > Bridge || s.Flags > maxCounter) {
			r.fail("sample with run state %d, flags %#x", s.Run, s.Flags)
		}
		r.skipRest(n - sampleFields)
	case rec.Kind == RecordEvent && main:
		n := r.list(majArray, 2, 8)
		rec.Event = &Event{Code: r.code(), Detail: r.detail()}
		r.skipRest(n - 2)
	case rec.Kind == RecordGap:
		n := r.list(majArray, 3, 8)
		rec.Gap = &Gap{Through: r.uint(), LostEpoch: r.uint(), Reason: r.text(MaxText)}
		if r.err == nil && (rec.Gap.Through < rec.Seq || rec.Gap.Through > maxCounter || rec.Gap.LostEpoch > maxCounter) {
			r.fail("gap from %d through %d", rec.Seq, rec.Gap.Through)
		}
		r.skipRest(n - 3)
	case rec.Kind == RecordRaise && !main:
		n := r.list(majArray, 5, 8)
		a := &Raise{Code: r.code(), Instance: r.text(MaxCode), Priority: Priority(min(r.uint(), 255))}
		a.Latched = r.uint() == 1
		a.Detail = r.detail()
		if r.err == nil && (a.Priority < PriorityInfo || a.Priority > PriorityHigh) {
			r.fail("alarm priority %d", a.Priority)
		}
		rec.Raise = a
		r.skipRest(n - 5)
	case rec.Kind == RecordClear && !main:
		n := r.list(majArray, 3, 8)
		rec.Clear = &Clear{Code: r.code(), Instance: r.text(MaxCode), Detail: r.detail()}
		r.skipRest(n - 3)
	default:
		r.fail("record kind %d does not belong to lane %d", rec.Kind, lane)
	}
	r.skipRest(fields - 4)
}

// skipRest passes over fields that a newer pump appended.
func (r *reader) skipRest(n int) {
	for range n {
		r.skip(4)
	}
}

// code reads an alarm or event code: A–Z, a–z, 0–9, '_', '.', '-'.
func (r *reader) code() string {
	s := r.text(MaxCode)
	if r.err != nil {
		return ""
	}
	ok := s != ""
	for i := range len(s) {
		c := s[i]
		ok = ok && (c == '_' || c == '.' || c == '-' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z')
	}
	if !ok {
		r.fail("code %q", clip(s))
		return ""
	}
	return s
}

func (r *reader) detail() map[string]string {
	n := r.list(majMap, 0, MaxDetail)
	if n == 0 || r.err != nil {
		return nil
	}
	d := make(map[string]string, n)
	last := ""
	for i := range n {
		k, v := r.text(MaxCode), r.text(MaxText)
		if r.err != nil {
			return nil
		}
		if i > 0 && compareKeys(last, k) >= 0 {
			r.fail("detail keys out of order or twice")
			return nil
		}
		last, d[k] = k, v
	}
	return d
}

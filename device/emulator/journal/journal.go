// Package journal keeps the records of many pumps in one crash-safe file set.
//
// A device must not forget what it has not been told is safe elsewhere, and ten
// thousand of them in one process cannot each wait for a disk. So all share one
// append-only journal: whatever arrives while the disk is busy is written and
// synced together as one group, and each caller hears when its own part is
// durable. Power may go at any write.
//
// # Format
//
// A directory holds segments 0000000001.seg, 0000000002.seg, … without a hole in
// their numbers, and a reserve of space. A segment is a header and groups:
//
//	header  "CISJ" version:u8 0 0 0  segment:u64  length of the previous segment:u64  crc:u32
//	group   "CISgroup" length:u32 crc:u32  sections
//	section tag:u8 length:uvarint body crc:u32
//
// Numbers are big-endian, crc is CRC-32C; a group's also covers its segment and
// offset, so that a stale or misplaced group never counts. Sections of a pump
// follow a section that names it:
//
//	P  pump id
//	R  lane:u8 epoch first last (uvarint), then per record its length:u16 and wire.AppendRecord's bytes
//	M  epoch (uvarint), then per lane: last cursor dropped (uvarint) reason (length:u8, text) wall (varint) mono (uvarint)
//	I  key:u8 value
//	B  SHA-256 of the value, value; belongs to no pump
//
// Unknown tags are skipped; tags and their fields are never reused.
//
// # Invariants
//
// A group is all or nothing. A group starts only when the one before it is
// durable, and a segment only when the one before it is; therefore bytes that do
// not check are a torn tail, and forgotten without loss, unless a good group or
// segment follows them. Then the journal is damaged, and every pump of which it
// cannot prove the opposite is reported as [Pump.Lost].
//
// Sequences are contiguous within (pump, lane, epoch). A record's sequence is
// given when it is appended, but nobody outside sees the record before it is
// durable, so that a sequence, once seen, names one record for ever. Records that
// were dropped for want of space leave a range for which [Pump.Read] answers with
// a gap record. Segments are removed oldest first, after what lives in them was
// copied forward.
//
// A gap of the alarm lane may stand for an alarm that nobody will hear of again. So
// it is held back until a [Write] that is Standing, which says anew what stands, is
// durable behind it; see [Pump.Owes].
//
// All methods may be called from any goroutine.
package journal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"cisterna/device/emulator/disk"
	"cisterna/device/wire"
)

// Options say where the journal lies and how much room it may take.
type Options struct {
	FS  disk.FS
	Log *slog.Logger
	Now func() time.Time // wall clock of gap records; time.Now if nil

	SegmentBytes int64         // a new segment starts beyond this; 8 MiB if 0
	MaxBytes     int64         // whole journal; oldest telemetry goes beyond it; 1 GiB if 0
	MainBytes    int64         // unacknowledged main-lane records of one pump; 4 MiB if 0
	AlarmBytes   int64         // unacknowledged alarm-lane records of one pump; 1 MiB if 0
	PendingBytes int64         // kept in memory while the disk refuses; 8 MiB if 0
	ReserveBytes int64         // space set aside for alarms on a full disk; 256 KiB if 0
	MetaDelay    time.Duration // how long an acknowledgement may wait for company on disk; 1 s if 0
	Retry        time.Duration // between attempts while the disk refuses; 1 s if 0

	group int // bytes after which a group takes no more writes; 1 MiB if 0
}

func (o *Options) validate() error {
	if o.FS == nil || o.Log == nil {
		return errors.New("journal: options without a file system or a logger")
	}
	def := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.SegmentBytes, 8<<20)
	def(&o.MaxBytes, 1<<30)
	def(&o.MainBytes, 4<<20)
	def(&o.AlarmBytes, 1<<20)
	def(&o.PendingBytes, 8<<20)
	def(&o.ReserveBytes, 256<<10)
	if o.group == 0 {
		o.group = 1 << 20
	}
	if o.MetaDelay == 0 {
		o.MetaDelay = time.Second
	}
	if o.Retry == 0 {
		o.Retry = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SegmentBytes > 1<<30 || o.MaxBytes < 4*o.SegmentBytes {
		return fmt.Errorf("journal: %d bytes in all must hold four segments of %d, each at most 1 GiB", o.MaxBytes, o.SegmentBytes)
	}
	return nil
}

// Errors that callers branch on.
var (
	ErrClosed  = errors.New("journal: closed")
	ErrDropped = errors.New("journal: the disk refuses and the record was dropped; a gap stands for it")
	// ErrAhead is a position that this journal never wrote: it has lost its end.
	ErrAhead = errors.New("journal: the server has records that this journal does not know")
)

// Journal is an open journal. Close it to flush what waits.
type Journal struct {
	opt Options

	mu       sync.Mutex
	pumps    map[wire.PumpID]*Pump
	blobs    map[[sha256.Size]byte]ref
	segs     []*segment // oldest first; the last one is written to if open
	open     bool       // the last segment of segs may be appended to
	total    int64      // bytes of all segments
	live     int64      // bytes that compaction would keep
	queue    []*pending
	queued   int64 // bytes in queue
	dirty    []*Pump
	dropped  uint64 // records dropped for want of space
	health   error
	closed   bool
	flushers []chan struct{}

	wake   chan struct{}
	done   chan struct{}
	wr     writer
	Damage []string // what Open found broken, for people; empty if nothing was
}

// Pump is one pump's part of a journal.
type Pump struct {
	j     *Journal
	id    wire.PumpID
	epoch uint64
	lanes [2]lane
	items []item
	meta  ref
	mono  uint64 // of the newest record appended
	dirty bool   // positions changed since the newest durable meta
	lost  bool
	sure  bool // a meta was read after the last damage

	opening *pending // of NewEpoch, not yet in a group
}

// ref is where a section's body lies.
type ref struct {
	seg       *segment
	off, size uint32
}

// cost is what a section takes on disk, its share of the frame included.
func (r ref) cost() int64 {
	if r.seg == nil {
		return 0
	}
	return int64(r.size) + sectionOverhead
}

type item struct {
	key byte
	at  ref
}

// Item is a value kept beside a pump's records, newest wins.
type Item struct {
	Key   byte
	Value []byte
}

// Write is one atomic addition: after a crash all of it is there, or nothing.
// Sequences of the records are filled in. Gap records are the journal's own
// business and are refused. Standing means that Alarm says anew what stands, which
// the lane owes.
type Write struct {
	Main     []wire.Record
	Alarm    []wire.Record
	Items    []Item
	Standing bool
}

// Pump returns the pump's part of the journal, empty in epoch 1 if it is new.
func (j *Journal) Pump(id wire.PumpID) *Pump {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.pumpLocked(id)
}

func (j *Journal) pumpLocked(id wire.PumpID) *Pump {
	p := j.pumps[id]
	if p == nil {
		p = &Pump{j: j, id: id, epoch: 1, sure: true}
		j.pumps[id] = p
	}
	return p
}

// Pumps returns the pumps that the journal knows, in no order.
func (j *Journal) Pumps() []wire.PumpID {
	j.mu.Lock()
	defer j.mu.Unlock()
	ids := make([]wire.PumpID, 0, len(j.pumps))
	for id := range j.pumps {
		ids = append(ids, id)
	}
	return ids
}

// Health returns nil while the disk takes what it is given, else what is wrong
// and what that costs, for people.
func (j *Journal) Health() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.health
}

// Stats are numbers about a journal.
type Stats struct {
	Bytes, Live int64  // on disk, and of these not yet garbage
	Segments    int    // files
	Dropped     uint64 // records dropped for want of space since Open
	Groups      uint64 // groups synced since Open
	Writes      uint64 // Append calls in them
}

// Stats returns the journal's numbers now.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Stats{Bytes: j.total, Live: j.live, Segments: len(j.segs), Dropped: j.dropped, Groups: j.wr.groups, Writes: j.wr.writes}
}

// Append queues w. done, if not nil, is called once from the journal's own
// goroutine when w is durable (nil) or will never be ([ErrDropped], [ErrClosed]);
// it must not block. Append does not wait for the disk.
func (p *Pump) Append(w Write, done func(error)) {
	e := &pending{p: p, items: w.Items, done: done}
	p.j.mu.Lock()
	closed := p.j.closed
	if !closed {
		p.fill(e, wire.MainLane, w.Main)
		p.fill(e, wire.AlarmLane, w.Alarm)
		if w.Standing {
			p.settleDebt(e)
		}
		p.j.enqueue(e)
	}
	p.j.mu.Unlock()
	if closed {
		e.finish(ErrClosed)
		return
	}
	p.j.nudge()
}

// AppendWait is Append and waits until w is durable.
func (p *Pump) AppendWait(w Write) error {
	c := make(chan error, 1)
	p.Append(w, func(err error) { c <- err })
	return <-c
}

// PutBlob keeps a value that many pumps share, and returns its hash. It waits
// until the value is durable.
func (j *Journal) PutBlob(value []byte) ([sha256.Size]byte, error) {
	h := sha256.Sum256(value)
	c := make(chan error, 1)
	e := &pending{blob: value, hash: h, done: func(err error) { c <- err }}
	j.mu.Lock()
	_, known := j.blobs[h]
	closed := j.closed
	if !known && !closed {
		j.enqueue(e)
	}
	j.mu.Unlock()
	switch {
	case known:
		return h, nil
	case closed:
		return h, ErrClosed
	}
	j.nudge()
	return h, <-c
}

// Blob returns the value with the hash.
func (j *Journal) Blob(hash [sha256.Size]byte) ([]byte, error) {
	j.mu.Lock()
	r, ok := j.blobs[hash]
	if ok {
		r.seg.pins++
	}
	j.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("journal: no document %x", hash[:8])
	}
	defer j.unpin(r.seg)
	b, err := r.read()
	if err != nil {
		return nil, err
	}
	return b[sha256.Size:], nil
}

// KeepBlobs forgets the blobs that keep does not want, so that compaction drops
// them.
func (j *Journal) KeepBlobs(keep func(hash [sha256.Size]byte) bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for h, r := range j.blobs {
		if !keep(h) {
			j.live -= r.cost()
			delete(j.blobs, h)
		}
	}
}

// Item returns the newest durable value of key, nil if there is none.
func (p *Pump) Item(key byte) ([]byte, error) {
	p.j.mu.Lock()
	var r ref
	for i := range p.items {
		if p.items[i].key == key {
			r = p.items[i].at
			r.seg.pins++
		}
	}
	p.j.mu.Unlock()
	if r.seg == nil {
		return nil, nil
	}
	defer p.j.unpin(r.seg)
	b, err := r.read()
	if err != nil {
		return nil, fmt.Errorf("item %d of pump %s: %w", key, p.id, err)
	}
	return b[1:], nil
}

// Flush waits until everything queued before it is durable, acknowledgements
// included, or the journal is closed.
func (j *Journal) Flush() {
	c := make(chan struct{})
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return
	}
	j.flushers = append(j.flushers, c)
	j.mu.Unlock()
	j.nudge()
	select {
	case <-c:
	case <-j.done:
	}
}

func (j *Journal) nudge() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// Close writes what is queued, if the disk lets it, and closes the files. The FS
// remains the caller's.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	j.mu.Unlock()
	j.nudge()
	<-j.done
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.health
	for _, s := range j.segs {
		err = errors.Join(err, s.file.Close())
	}
	j.segs = nil
	return err
}

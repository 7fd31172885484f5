package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// VerifyOptions refines [Verify].
type VerifyOptions struct {
	// Seen are checkpoints (signed notes) that were kept elsewhere, by a pump or
	// in a safe. The record must still contain what they say: so a restored old
	// backup, and a second history signed with the log's own key, are found.
	Seen []string
}

// clockSlack is how far a leaf may be older than one before it: transactions of
// some length overlap, and servers' clocks differ a little.
const clockSlack = 5 * time.Minute

// Verify reads a bundle and checks all that can be checked without the database
// and without a network. It computes every leaf's hash and the tree's root at
// every checkpoint, so that any two checkpoints that it accepts are consistent
// with each other. The error is about reading r; what is wrong with the bundle
// is in the report. It needs about 60 bytes of memory a leaf.
func Verify(r io.Reader, trust Trust, o VerifyOptions) (*Report, error) {
	v := &verifier{
		r: &Report{FirstBad: -1, Root: emptyRoot}, trust: trust,
		once: map[[16]byte]struct{}{}, lanes: map[string]uint64{}, erased: map[string]int64{},
	}
	v.openSeen(o.Seen)
	if err := v.run(r); err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	v.finish()
	return v.r, nil
}

type verifier struct {
	r      *Report
	trust  Trust
	tree   tree
	next   int64                 // index that must come next
	seen   []Checkpoint          // kept elsewhere, rising, not reached yet
	once   map[[16]byte]struct{} // leaves by the start of their hash
	lanes  map[string]uint64     // device and boot id: last number
	erased map[string]int64      // leaf hash: index, until its erasure is found
	latest int64                 // latest server time, µs
	broken bool                  // a root was wrong: later ones cannot be right
	point  int64                 // size of the last checkpoint
	from   int64                 // size of the last checkpoint whose root was right

	trailer bool // the bundle is complete
}

// openSeen verifies the checkpoints kept elsewhere before they count.
func (v *verifier) openSeen(texts []string) {
	for _, text := range texts {
		c, err := v.trust.Open(text)
		switch {
		case errors.Is(err, ErrUntrusted):
			v.r.find(Untrusted, -1, "a checkpoint kept elsewhere: %v", err)
		case err != nil:
			v.r.find(Untrusted, -1, "a checkpoint kept elsewhere is not genuine: %v", err)
		default:
			v.seen = append(v.seen, c)
		}
	}
	slices.SortFunc(v.seen, func(a, b Checkpoint) int { return int(a.Size - b.Size) })
	v.checkSeen()
}

func (v *verifier) run(r io.Reader) error {
	b, err := newBundleReader(r)
	if err == nil {
		err = v.frames(b)
	}
	if errors.Is(err, errTruncated) {
		v.r.find(Incomplete, -1, "%v", err)
		err = nil
	}
	return err
}

// frames handles frame after frame up to the trailer.
func (v *verifier) frames(b *bundleReader) error {
	for first := true; ; first = false {
		kind, body, err := b.next()
		if errors.Is(err, errFrame) {
			v.r.find(Tampered, v.next, "behind leaf %d: %v", v.next-1, err)
			return nil
		}
		if err != nil {
			return err
		}
		if (kind == frameHeader) != first {
			v.r.find(Tampered, -1, "the header is not where it belongs")
		}
		switch kind {
		case frameHeader:
			err = v.header(body)
		case frameLeaf:
			err = v.leaf(body)
		case frameCheckpoint:
			err = v.checkpoint(body)
		case frameStray:
			err = v.stray(body)
		case frameTrailer:
			v.end(b, body)
			return nil
		default:
			err = fmt.Errorf("a frame of unknown kind %q", kind)
		}
		if err != nil {
			// A frame that cannot be read was not written by Export.
			v.r.find(Tampered, v.next, "behind leaf %d: %v", v.next-1, err)
		}
	}
}

func (v *verifier) header(body []byte) error {
	var h bundleHeader
	err := bundleDec.Unmarshal(body, &h)
	v.r.Pending = h.Pending
	return err
}

func (v *verifier) leaf(body []byte) error {
	in := strict{b: body}
	l := in.bundleLeaf()
	if err := in.end(); err != nil {
		return err
	}
	switch {
	case l.Index > v.next:
		v.r.find(Tampered, v.next, "leaves %d to %d are gone", v.next, l.Index-1)
	case l.Index < v.next:
		v.r.find(Tampered, l.Index, "leaf %d is there again, behind leaf %d", l.Index, v.next-1)
	}
	v.next = l.Index + 1
	if l.Leaf == nil {
		v.r.find(Tampered, l.Index, "leaf %d is gone; its place in the tree is left", l.Index)
		h, _ := toHash(l.IdxHash)
		v.grow(h)
		return nil
	}
	h := leafHash(l.Leaf)
	if !bytes.Equal(h[:], l.RowHash) || !bytes.Equal(h[:], l.IdxHash) {
		v.r.find(Tampered, l.Index, "leaf %d is not the one that was recorded: its hash is %s", l.Index, h)
	}
	v.grow(h)
	d, err := decodeLeaf(l.Leaf)
	if err != nil {
		v.r.find(Tampered, l.Index, "leaf %d cannot be read: %v", l.Index, err)
		return nil
	}
	v.columns(&l, d)
	v.twice(&l, h)
	v.times(&l, d)
	v.payload(&l, d, h)
	v.evidence(&l, d)
	v.device(&l, d)
	v.erasure(d)
	return nil
}

func (v *verifier) grow(h tlog.Hash) {
	v.tree.append(h)
	v.r.Leaves++
	v.checkSeen()
}

// columns compares what the database is searched by with what was recorded.
func (v *verifier) columns(l *bundleLeaf, d *leaf) {
	for _, c := range []struct {
		name      string
		ok        bool
		have, was any
	}{
		{"at", l.At == d.ServerTime, l.At, d.ServerTime},
		{"kind", l.Kind == d.Kind, l.Kind, d.Kind},
		{"actor", l.Actor == d.Actor, l.Actor, d.Actor},
		{"pump", l.Pump == d.Pump, l.Pump, d.Pump},
		{"site", l.Site == d.Site, l.Site, d.Site},
	} {
		if !c.ok {
			v.r.find(Tampered, l.Index, "leaf %d: column %s says %#v, the leaf %#v", l.Index, c.name, c.have, c.was)
		}
	}
}

// twice finds a leaf that was put into the record again. Honest leaves differ in
// their random id.
func (v *verifier) twice(l *bundleLeaf, h tlog.Hash) {
	key := [16]byte(h[:16])
	if _, dup := v.once[key]; dup {
		v.r.find(Tampered, l.Index, "leaf %d was in the record before", l.Index)
	}
	v.once[key] = struct{}{}
}

func (v *verifier) times(l *bundleLeaf, d *leaf) {
	at := fromMicros(d.ServerTime)
	if v.r.Leaves == 1 {
		v.r.First = at
	}
	if d.ServerTime < v.latest-clockSlack.Microseconds() {
		v.r.warn("leaf %d is dated %s, %v before one that precedes it: it was dated back, or a clock was wrong", l.Index,
			at.Format(time.RFC3339), fromMicros(v.latest).Sub(at).Round(time.Second))
	}
	v.latest = max(v.latest, d.ServerTime)
	v.r.Last = fromMicros(v.latest)
}

func (v *verifier) payload(l *bundleLeaf, d *leaf, h tlog.Hash) {
	switch {
	case d.Commit == nil && l.State == payloadNone:
	case d.Commit == nil:
		v.r.find(Tampered, l.Index, "leaf %d has a detail that was not recorded", l.Index)
	case l.State == payloadNone:
		v.r.find(Incomplete, l.Index, "leaf %d: its detail is gone, not erased", l.Index)
	case l.State == payloadErased:
		v.r.Erased++
		v.erased[string(h[:])] = l.Index
	case !bytes.Equal(commitment(l.Salt, l.Payload), d.Commit):
		v.r.find(Tampered, l.Index, "leaf %d: its detail is not the one that was recorded", l.Index)
	default:
		v.r.Payloads++
	}
}

func (v *verifier) evidence(l *bundleLeaf, d *leaf) {
	switch {
	case d.Evidence == nil && l.Evidence == nil:
	case d.Evidence == nil:
		v.r.find(Tampered, l.Index, "leaf %d has a signed document that was not recorded", l.Index)
	case l.Evidence == nil:
		v.r.find(Incomplete, l.Index, "leaf %d: its signed document is gone", l.Index)
	case sha256.Sum256(l.Evidence) != [32]byte(d.Evidence):
		v.r.find(Tampered, l.Index, "leaf %d: its signed document is not the one that was recorded", l.Index)
	default:
		v.r.Evidence++
	}
}

// device checks that a device's numbers follow each other: what was never
// recorded leaves a gap.
func (v *verifier) device(l *bundleLeaf, d *leaf) {
	if d.DeviceSeq == 0 {
		return
	}
	from := d.DeviceSeq
	if d.DeviceFrom != 0 {
		from = d.DeviceFrom
	}
	lane := d.Device + "\x00" + string(d.BootID)
	last, known := v.lanes[lane]
	switch {
	case from > d.DeviceSeq:
		v.r.find(Tampered, l.Index, "leaf %d: device %q, numbers %d to %d", l.Index, d.Device, from, d.DeviceSeq)
	case known && from > last+1:
		v.r.find(Incomplete, l.Index, "leaf %d: device %q, lane %x: number %d follows %d", l.Index, d.Device, d.BootID, from, last)
	case known && d.DeviceSeq < last:
		v.r.find(Tampered, l.Index, "leaf %d: device %q, lane %x: number %d again, behind %d", l.Index, d.Device, d.BootID, d.DeviceSeq, last)
	}
	v.lanes[lane] = max(last, d.DeviceSeq)
}

// erasure ticks off an erased payload when its record comes by.
func (v *verifier) erasure(d *leaf) {
	if d.Kind != EraseKind {
		return
	}
	if h, err := hex.DecodeString(strings.TrimPrefix(d.Object, "leaf:")); err == nil {
		delete(v.erased, string(h))
	}
}

func (v *verifier) checkpoint(body []byte) error {
	var text string
	if err := bundleDec.Unmarshal(body, &text); err != nil {
		return err
	}
	v.r.Checkpoints++
	c, err := v.trust.Open(text)
	signed := err == nil
	switch {
	case errors.Is(err, ErrUntrusted):
		v.r.find(Untrusted, -1, "behind leaf %d: %v", v.next-1, err)
		if c, err = splitCheckpoint(text); err != nil {
			return err
		}
	case err != nil:
		v.r.find(Tampered, v.from, "behind leaf %d: %v", v.next-1, err)
		return nil
	}
	switch {
	case c.Size <= v.point:
		v.r.find(Tampered, v.from, "a checkpoint of size %d follows one of size %d", c.Size, v.point)
	case c.Size > v.next:
		v.r.find(Tampered, v.next, "a checkpoint covers %d leaves, but leaves from %d on are gone", c.Size, v.next)
	case c.Size < v.next:
		v.r.find(Tampered, c.Size, "the checkpoint of size %d stands behind leaf %d", c.Size, v.next-1)
	case v.broken:
		// Said once.
	case c.Root != v.tree.root():
		v.broken = true
		v.r.find(Tampered, v.from, "the root at size %d is not the one that was signed: leaves between %d and %d were changed, added, removed or moved", c.Size, v.from, c.Size-1)
	case signed:
		v.from, v.r.Covered = c.Size, c.Size
		v.r.Origin = c.Origin
	}
	v.point = c.Size
	return nil
}

// checkSeen compares the tree with the checkpoints kept elsewhere whose size it
// has just reached.
func (v *verifier) checkSeen() {
	for len(v.seen) > 0 && v.seen[0].Size == v.tree.size {
		c := v.seen[0]
		v.seen = v.seen[1:]
		if c.Root != v.tree.root() {
			v.r.find(Tampered, -1, "the first %d leaves are not those of the checkpoint kept elsewhere: there are two histories", c.Size)
			continue
		}
		v.r.Seen++
	}
}

func (v *verifier) stray(body []byte) error {
	var s bundleStray
	if err := bundleDec.Unmarshal(body, &s); err != nil {
		return err
	}
	v.r.find(Tampered, -1, "the leaf of row %d is not in the tree and not on its way there: it was put in, or its place taken", s.Row)
	return nil
}

func (v *verifier) end(b *bundleReader, body []byte) {
	v.trailer = true
	var t bundleTrailer
	if err := bundleDec.Unmarshal(body, &t); err != nil {
		v.r.find(Tampered, -1, "the trailer: %v", err)
		return
	}
	v.r.Sum = t.Sum
	if !bytes.Equal(t.Sum, b.sum.Sum(nil)) {
		v.r.find(Tampered, -1, "the bundle's own checksum is wrong: the file was changed")
	}
	if t.Leaves != v.r.Leaves || t.Checkpoints != v.r.Checkpoints {
		v.r.find(Tampered, -1, "the trailer counts %d leaves and %d checkpoints instead of %d and %d", t.Leaves, t.Checkpoints, v.r.Leaves, v.r.Checkpoints)
	}
	if !b.atEnd() {
		v.r.find(Tampered, -1, "something follows the trailer")
	}
}

// finish draws the conclusions that need the whole.
func (v *verifier) finish() {
	v.r.Root = v.tree.root()
	v.r.Devices = int64(len(v.lanes))
	for _, c := range v.seen {
		v.r.find(Tampered, -1, "the record has %d leaves, but a checkpoint kept elsewhere covers %d: an old copy was restored, or its end was cut off", v.tree.size, c.Size)
	}
	if v.trailer && v.point < v.next {
		v.r.find(Incomplete, v.point, "leaves from %d on are under no checkpoint", v.point)
	}
	if v.r.Leaves == 0 && v.r.Checkpoints == 0 {
		v.r.find(Incomplete, -1, "there is nothing to verify")
	}
	for _, index := range v.erased {
		v.r.warn("leaf %d: its detail was erased, and the record does not say by whom", index)
	}
	slices.Sort(v.r.Warnings)
}

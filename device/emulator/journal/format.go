package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"cisterna/device/wire"
)

const (
	magic       = "CISJ\x01\x00\x00\x00"
	headerBytes = 28
	groupMagic  = "CISgroup"
	groupHead   = 16
	// maxGroup bounds what a reader believes of a length.
	maxGroup        = 64 << 20
	sectionOverhead = 24
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// appendHeader appends a segment's header.
func appendHeader(b []byte, id uint64, previous int64) []byte {
	start := len(b)
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint64(b, id)
	b = binary.BigEndian.AppendUint64(b, uint64(previous))
	return binary.BigEndian.AppendUint32(b, checksum(b[start:]))
}

// parseHeader returns the length of the previous segment.
func parseHeader(b []byte, id uint64) (previous int64, ok bool) {
	if len(b) < headerBytes || string(b[:8]) != magic || checksum(b[:headerBytes-4]) != binary.BigEndian.Uint32(b[headerBytes-4:]) ||
		binary.BigEndian.Uint64(b[8:]) != id {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(b[16:])), true
}

func groupSum(id uint64, off int64, length uint32, body []byte) uint32 {
	var b [20]byte
	binary.BigEndian.PutUint64(b[:], id)
	binary.BigEndian.PutUint64(b[8:], uint64(off))
	binary.BigEndian.PutUint32(b[16:], length)
	return crc32.Update(checksum(b[:]), castagnoli, body)
}

// sealGroup fills in the head of a group whose body starts at b[groupHead].
func sealGroup(b []byte, id uint64, off int64) {
	body := b[groupHead:]
	copy(b, groupMagic)
	binary.BigEndian.PutUint32(b[8:], uint32(len(body)))
	binary.BigEndian.PutUint32(b[12:], groupSum(id, off, uint32(len(body)), body))
}

// parseGroup returns the body of the group at data[off:].
func parseGroup(data []byte, id uint64, off int64) (body []byte, ok bool) {
	b := data[off:]
	if len(b) < groupHead || string(b[:8]) != groupMagic {
		return nil, false
	}
	n := binary.BigEndian.Uint32(b[8:])
	if n > maxGroup || int(n) > len(b)-groupHead {
		return nil, false
	}
	body = b[groupHead : groupHead+int(n)]
	return body, groupSum(id, off, n, body) == binary.BigEndian.Uint32(b[12:])
}

// nextGroup finds the first good group at or after off, -1 if there is none.
func nextGroup(data []byte, id uint64, off int64) int64 {
	for {
		i := bytes.Index(data[min(off, int64(len(data))):], []byte(groupMagic))
		if i < 0 {
			return -1
		}
		off += int64(i)
		if _, ok := parseGroup(data, id, off); ok {
			return off
		}
		off++
	}
}

// Section tags.
const (
	tagPump    = 'P'
	tagRecords = 'R'
	tagMeta    = 'M'
	tagItem    = 'I'
	tagBlob    = 'B'
)

// section is one section as found; off is its body's offset in the segment.
type section struct {
	tag  byte
	off  uint32
	body []byte
}

var errSection = errors.New("section does not parse")

// sections calls f for each section of a group body that starts at offset base.
func sections(body []byte, base int64, f func(section) error) error {
	at := 0
	for at < len(body) {
		tag := body[at]
		n, w := binary.Uvarint(body[at+1:])
		start := at + 1 + w
		if w <= 0 || n > uint64(len(body)) || start+int(n)+4 > len(body) {
			return errSection
		}
		end := start + int(n)
		b := body[start:end]
		if checksum(b) != binary.BigEndian.Uint32(body[end:]) {
			return errSection
		}
		if err := f(section{tag: tag, off: uint32(base) + uint32(start), body: b}); err != nil {
			return err
		}
		at = end + 4
	}
	return nil
}

// appendSection appends a section whose body is the parts joined, and returns
// the body's offset in b and its length.
func appendSection(b []byte, tag byte, parts ...[]byte) (out []byte, off, size int) {
	for _, p := range parts {
		size += len(p)
	}
	b = binary.AppendUvarint(append(b, tag), uint64(size))
	off = len(b)
	for _, p := range parts {
		b = append(b, p...)
	}
	return binary.BigEndian.AppendUint32(b, checksum(b[off:])), off, size
}

// run is a stretch of records of one lane, as section R holds it.
type runHead struct {
	lane        wire.Lane
	epoch       uint64
	first, last uint64
}

func (h runHead) append(b []byte) []byte {
	b = append(b, byte(h.lane))
	b = binary.AppendUvarint(b, h.epoch)
	b = binary.AppendUvarint(b, h.first)
	return binary.AppendUvarint(b, h.last)
}

// parseRun takes section R apart and checks that it holds as many records as it
// says.
func parseRun(b []byte) (h runHead, records []byte, err error) {
	r := varints{b: b}
	h.lane = wire.Lane(r.byte())
	h.epoch, h.first, h.last = r.uvarint(), r.uvarint(), r.uvarint()
	if r.bad || h.lane != wire.MainLane && h.lane != wire.AlarmLane || h.epoch == 0 || h.first == 0 || h.last < h.first || h.last-h.first >= uint64(len(r.b)) {
		return runHead{}, nil, errSection
	}
	n := uint64(0)
	for rest := r.b; len(rest) > 0; n++ {
		if _, rest, err = cutRecord(rest); err != nil {
			return runHead{}, nil, err
		}
	}
	if n != h.last-h.first+1 {
		return runHead{}, nil, errSection
	}
	return h, r.b, nil
}

// cutRecord takes one record off a run.
func cutRecord(b []byte) (rec, rest []byte, err error) {
	if len(b) < 2 {
		return nil, nil, errSection
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return nil, nil, errSection
	}
	return b[2 : 2+n], b[2+n:], nil
}

// appendRun appends a record to a run.
func appendRun(b []byte, rec *wire.Record) []byte {
	start := len(b)
	b = wire.AppendRecord(append(b, 0, 0), rec)
	if len(b)-start-2 > 1<<16-1 {
		panic("journal: a record of 64 KiB was appended")
	}
	binary.BigEndian.PutUint16(b[start:], uint16(len(b)-start-2))
	return b
}

// laneMeta is a lane's positions, as section M holds them.
type laneMeta struct {
	last, cursor, dropped uint64
	reason                string
	wall                  int64
	mono                  uint64
}

func appendMeta(b []byte, epoch uint64, lanes [2]laneMeta) []byte {
	b = binary.AppendUvarint(b, epoch)
	for _, l := range lanes {
		b = binary.AppendUvarint(b, l.last)
		b = binary.AppendUvarint(b, l.cursor)
		b = binary.AppendUvarint(b, l.dropped)
		b = append(append(b, byte(len(l.reason))), l.reason...)
		b = binary.AppendVarint(b, l.wall)
		b = binary.AppendUvarint(b, l.mono)
	}
	return b
}

func parseMeta(b []byte) (epoch uint64, lanes [2]laneMeta, err error) {
	r := varints{b: b}
	epoch = r.uvarint()
	for i := range lanes {
		l := &lanes[i]
		l.last, l.cursor, l.dropped = r.uvarint(), r.uvarint(), r.uvarint()
		l.reason = string(r.take(int(r.byte())))
		l.wall, l.mono = r.varint(), r.uvarint()
		if l.cursor > l.last || l.dropped > l.last {
			r.bad = true
		}
	}
	if r.bad || epoch == 0 {
		return 0, [2]laneMeta{}, errSection
	}
	return epoch, lanes, nil
}

func parseBlob(b []byte) (hash [sha256.Size]byte, err error) {
	if len(b) < len(hash) {
		return hash, errSection
	}
	copy(hash[:], b)
	if sha256.Sum256(b[len(hash):]) != hash {
		return hash, fmt.Errorf("document is not the one its hash names: %w", errSection)
	}
	return hash, nil
}

// varints reads numbers off a slice; after the first failure it stays bad.
type varints struct {
	b   []byte
	bad bool
}

func (r *varints) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *varints) byte() byte {
	if v := r.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (r *varints) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if r.bad || n <= 0 || v > 1<<62 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *varints) varint() int64 {
	v, n := binary.Varint(r.b)
	if r.bad || n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

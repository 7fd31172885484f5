package mqtt

import (
	"errors"
	"fmt"
	"io"
)

// Packet is one packet as it stands in a Reader's buffer. Body is what follows
// the fixed header and is valid until the next call of a Reader method.
type Packet struct {
	Type  Type
	Flags byte // the lower half of the first byte
	Body  []byte
}

// Reader takes packets off a stream. It is used by one goroutine.
//
// Next and Fill are apart so that the caller sees the moment before a read that
// may wait: nothing more is buffered then, and Partial says whether the peer has
// begun a packet that it owes the rest of.
//
// The buffer of a peer that says little stays small, because it is most of what
// an idle connection costs; a peer that fills it gets a larger one until it has
// been quiet for a while.
type Reader struct {
	src   io.Reader
	buf   []byte
	r, w  int  // unread bytes are buf[r:w]
	base  int  // size of buf while there is little to read
	limit int  // largest packet, fixed header included
	need  int  // size of the packet that has begun, 0 if not known yet
	full  bool // the last read filled the buffer: there is probably more
	quiet int  // reads in a row that base had been enough for
}

// A buffer grows to burst when a read fills it and shrinks again after patience
// reads that did not need it.
const (
	burst    = 4096
	patience = 32
)

// NewReader returns a reader that keeps a buffer of size bytes, at least 64, and
// takes packets of up to limit bytes.
func NewReader(src io.Reader, size, limit int) *Reader {
	r := &Reader{}
	r.Init(src, size, limit)
	return r
}

// Init makes an embedded Reader ready, as NewReader does.
func (r *Reader) Init(src io.Reader, size, limit int) {
	*r = Reader{src: src, buf: make([]byte, max(size, 64)), base: max(size, 64), limit: limit}
}

// SetLimit sets the largest packet taken from now on, fixed header included.
func (r *Reader) SetLimit(limit int) { r.limit = limit }

// Partial reports whether a packet has begun and is not complete.
func (r *Reader) Partial() bool { return r.w > r.r }

// Next returns the next packet if all of it has been read. Without an error and
// without a packet, call Fill. Errors wrap ErrMalformed and are final.
func (r *Reader) Next() (p Packet, ok bool, err error) {
	b := r.buf[r.r:r.w]
	if len(b) == 0 {
		return Packet{}, false, nil
	}
	if r.need == 0 {
		size, err := packetSize(b, r.limit)
		if err != nil {
			return Packet{}, false, err
		}
		r.need = size
	}
	if r.need == 0 || len(b) < r.need {
		return Packet{}, false, nil
	}
	head := 2
	for b[head-1] >= 0x80 {
		head++
	}
	p = Packet{Type: Type(b[0] >> 4), Flags: b[0] & 0x0f, Body: b[head:r.need]}
	r.r += r.need
	r.need = 0
	return p, true, nil
}

// Fill reads from the stream once. It returns the stream's error, io.EOF only
// between packets and io.ErrUnexpectedEOF inside one.
func (r *Reader) Fill() error {
	r.room()
	n, err := r.src.Read(r.buf[r.w:])
	r.w += n
	r.full = r.w == len(r.buf)
	if r.w <= r.base {
		r.quiet++
	} else {
		r.quiet = 0
	}
	if n > 0 {
		return nil // an error comes again with the next read
	}
	if err == io.EOF && r.Partial() {
		return io.ErrUnexpectedEOF
	}
	if err == nil {
		return nil
	}
	return err
}

// room makes space to read into: it moves what is unread to the front, doubles
// a full buffer towards the packet's size, and lets go of a large one.
func (r *Reader) room() {
	unread := r.buf[r.r:r.w]
	size := len(r.buf)
	switch {
	case len(unread) == size:
		// Growing only as bytes arrive, a peer cannot make us hold more than
		// twice what it has really sent.
		size = min(max(r.need, r.base), 2*size)
	case len(unread) == 0 && (size > max(burst, r.base) || size > r.base && r.quiet >= patience):
		size = r.base
	case r.full && size < burst:
		size = burst
	}
	if size != len(r.buf) {
		grown := make([]byte, size)
		r.r, r.w = 0, copy(grown, unread)
		r.buf = grown
	} else if r.r > 0 {
		r.r, r.w = 0, copy(r.buf, unread)
	}
}

// ReadPacket returns the next packet, reading as often as it takes.
func (r *Reader) ReadPacket() (Packet, error) {
	for {
		p, ok, err := r.Next()
		if ok || err != nil {
			return p, err
		}
		if err := r.Fill(); err != nil {
			return Packet{}, err
		}
	}
}

var errLimit = errors.New("over the limit")

// packetSize reads a fixed header and returns the size of its packet, header
// included, or 0 if b does not hold all of the header yet. It refuses what can
// be refused without the body.
func packetSize(b []byte, limit int) (int, error) {
	t, flags := Type(b[0]>>4), b[0]&0x0f
	want := byte(0)
	switch t {
	case Publish:
		if flags&0x06 == 0x06 {
			return 0, malformed("PUBLISH with QoS 3")
		}
		if flags&0x08 != 0 && flags&0x06 == 0 {
			return 0, malformed("PUBLISH with DUP and QoS 0")
		}
		want = flags
	case Pubrel, Subscribe, Unsubscribe:
		want = 0x02
	case 0, 15:
		return 0, malformed("reserved packet type %d", byte(t))
	}
	if flags != want {
		return 0, malformed("%s with flags %#x, want %#x", t, flags, want)
	}
	remaining := 0
	for i := 1; i < len(b); i++ {
		remaining |= int(b[i]&0x7f) << (7 * (i - 1))
		if b[i] < 0x80 {
			if i > 1 && b[i] == 0 {
				return 0, malformed("%s with a remaining length not in its shortest form", t)
			}
			size := 1 + i + remaining
			if size > limit {
				return 0, fmt.Errorf("%w: %s of %d bytes, at most %d: %w", ErrMalformed, t, size, limit, errLimit)
			}
			return size, nil
		}
		if i == 4 {
			return 0, malformed("%s with a remaining length of more than four bytes", t)
		}
	}
	return 0, nil
}

// IsTooLarge reports whether err is about a packet over the Reader's limit.
func IsTooLarge(err error) bool { return errors.Is(err, errLimit) }

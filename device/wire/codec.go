package wire

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// enc writes deterministic CBOR; dec reads what pumps send: no duplicate keys,
// no indefinite lengths, no tags, bounded sizes. Unknown map keys are allowed,
// because a newer pump may say more (documents to a pump are stricter: package
// order).
var (
	enc = must(cbor.CoreDetEncOptions().EncMode())
	dec = must(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxNestedLevels: 6, MaxArrayElements: 512, MaxMapPairs: 64, UTF8: cbor.UTF8RejectInvalid,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic("wire: " + err.Error())
	}
	return v
}

// CBOR major types (RFC 8949 §3.1).
const (
	majUint  = 0 << 5
	majNeg   = 1 << 5
	majBytes = 2 << 5
	majText  = 3 << 5
	majArray = 4 << 5
	majMap   = 5 << 5
)

// appendHead appends a head with the shortest form of n.
func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func appendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, majNeg, uint64(-1-n))
	}
	return appendHead(b, majUint, uint64(n))
}

func appendBytes(b, v []byte) []byte { return append(appendHead(b, majBytes, uint64(len(v))), v...) }

func appendText(b []byte, v string) []byte {
	return append(appendHead(b, majText, uint64(len(v))), v...)
}

// reader reads CBOR items off a byte slice. After the first error every read
// returns zero and the error stays, so that callers check once.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = malformed(format, args...)
	}
	r.b = nil
}

// head reads one item's head and insists on the shortest form.
func (r *reader) head() (major byte, n uint64) {
	if len(r.b) == 0 {
		r.fail("ends too early")
		return 0, 0
	}
	c := r.b[0]
	major, n = c&0xe0, uint64(c&0x1f)
	var size int
	switch {
	case n < 24:
		r.b = r.b[1:]
		return major, n
	case n <= 27:
		size = 1 << (n - 24)
	default:
		r.fail("indefinite or reserved length")
		return 0, 0
	}
	if len(r.b) < 1+size {
		r.fail("ends too early")
		return 0, 0
	}
	n = 0
	for _, v := range r.b[1 : 1+size] {
		n = n<<8 | uint64(v)
	}
	if size == 1 && n < 24 || size > 1 && n>>(4*size) == 0 {
		r.fail("number not in its shortest form")
		return 0, 0
	}
	r.b = r.b[1+size:]
	return major, n
}

func (r *reader) uint() uint64 {
	major, n := r.head()
	if r.err == nil && major != majUint {
		r.fail("want an unsigned number")
	}
	return n
}

func (r *reader) int() int64 {
	major, n := r.head()
	switch {
	case r.err != nil:
	case n > 1<<63-1 || major != majUint && major != majNeg:
		r.fail("want a 64-bit number")
	case major == majNeg:
		return -1 - int64(n)
	default:
		return int64(n)
	}
	return 0
}

// bytes returns a slice of the input, not a copy.
func (r *reader) bytes(limit int) []byte {
	major, n := r.head()
	if r.err == nil && (major != majBytes || n > uint64(limit) || n > uint64(len(r.b))) {
		r.fail("want at most %d bytes", limit)
	}
	if r.err != nil {
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) text(limit int) string {
	major, n := r.head()
	if r.err == nil && (major != majText || n > uint64(limit) || n > uint64(len(r.b)) || !utf8.Valid(r.b[:min(n, uint64(len(r.b)))])) {
		r.fail("want at most %d bytes of UTF-8 text", limit)
	}
	if r.err != nil {
		return ""
	}
	v := string(r.b[:n])
	r.b = r.b[n:]
	return v
}

// list reads the head of an array (or map) of least to most items.
func (r *reader) list(major byte, least, most int) int {
	m, n := r.head()
	if r.err == nil && (m != major || n < uint64(least) || n > uint64(most)) {
		r.fail("want a list of %d to %d items", least, most)
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

// skip passes over one item of any type, nested at most depth levels.
func (r *reader) skip(depth int) {
	major, n := r.head()
	switch {
	case r.err != nil:
	case depth == 0:
		r.fail("nested too deeply")
	case major == majBytes || major == majText:
		if n > uint64(len(r.b)) {
			r.fail("ends too early")
			return
		}
		r.b = r.b[n:]
	case major == majArray || major == majMap:
		if n > uint64(len(r.b)) { // before it is doubled, which may overflow
			r.fail("ends too early")
			return
		}
		if major == majMap {
			n *= 2
		}
		for range n {
			r.skip(depth - 1)
		}
	case major != majUint && major != majNeg:
		r.fail("tags, floats and simple values are not used here")
	}
}

// end insists that everything was read.
func (r *reader) end() error {
	if r.err == nil && len(r.b) != 0 {
		r.fail("%d bytes follow the message", len(r.b))
	}
	return r.err
}

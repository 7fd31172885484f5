package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// CBOR major types, RFC 8949 section 3.1.
const (
	majorUint  = 0
	majorInt   = 1
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
)

// strict reads deterministic CBOR (RFC 8949 section 4.2.1) without reflection:
// every head in its shortest form, definite lengths, no tags, no floats. What
// it accepts is exactly what the encoder writes, so that one meaning has one
// sequence of bytes. After an error it returns zeros; the error stays.
type strict struct {
	b   []byte
	err error
}

var errCBOR = errors.New("not deterministic CBOR of the expected shape")

func (s *strict) fail() {
	if s.err == nil {
		s.err = errCBOR
	}
}

// head reads the head of an item of the given major type.
func (s *strict) head(major byte) uint64 {
	if s.err != nil || len(s.b) == 0 || s.b[0]>>5 != major {
		s.fail()
		return 0
	}
	info := s.b[0] & 31
	if info < 24 {
		s.b = s.b[1:]
		return uint64(info)
	}
	size := 1 << (info - 24) // 24: 1, 25: 2, 26: 4, 27: 8
	if info > 27 || len(s.b) < 1+size {
		s.fail()
		return 0
	}
	var n, least uint64
	switch size {
	case 1:
		n, least = uint64(s.b[1]), 24
	case 2:
		n, least = uint64(binary.BigEndian.Uint16(s.b[1:])), 1<<8
	case 4:
		n, least = uint64(binary.BigEndian.Uint32(s.b[1:])), 1<<16
	default:
		n, least = binary.BigEndian.Uint64(s.b[1:]), 1<<32
	}
	if n < least {
		s.fail()
		return 0
	}
	s.b = s.b[1+size:]
	return n
}

func (s *strict) uint() uint64 { return s.head(majorUint) }

func (s *strict) int() int64 {
	major := byte(majorUint)
	if len(s.b) > 0 && s.b[0]>>5 == majorInt {
		major = majorInt
	}
	n := s.head(major)
	if n > math.MaxInt64 {
		s.fail()
		return 0
	}
	if major == majorInt {
		return -1 - int64(n)
	}
	return int64(n)
}

func (s *strict) take(n uint64) []byte {
	if s.err != nil || n > uint64(len(s.b)) {
		s.fail()
		return nil
	}
	b := s.b[:n:n]
	s.b = s.b[n:]
	return b
}

// bytes returns a part of what is read, not a copy; an empty one is not nil.
func (s *strict) bytes() []byte { return s.take(s.head(majorBytes)) }

// bytesOrNull is bytes, and nil for null.
func (s *strict) bytesOrNull() []byte {
	if s.err == nil && len(s.b) > 0 && s.b[0] == 0xf6 {
		s.b = s.b[1:]
		return nil
	}
	return s.bytes()
}

func (s *strict) text() string {
	b := s.take(s.head(majorText))
	if !utf8.Valid(b) {
		s.fail()
		return ""
	}
	return string(b)
}

// array reads the head of an array of exactly n items.
func (s *strict) array(n uint64) {
	if s.head(majorArray) != n {
		s.fail()
	}
}

// end returns the error, also if something is left.
func (s *strict) end() error {
	if s.err == nil && len(s.b) != 0 {
		return fmt.Errorf("%w: %d bytes follow", errCBOR, len(s.b))
	}
	return s.err
}

// leaf reads a leaf: a map whose keys rise, in which empty values are left out.
func (s *strict) leaf() (l leaf) {
	last, dated := uint64(0), false
	for range s.head(majorMap) {
		key := s.uint()
		if key <= last {
			s.fail()
		}
		last = key
		var empty bool
		switch key {
		case 1:
			l.V = s.uint()
		case 2:
			l.ID = s.bytes()
		case 3:
			l.Kind = s.text()
		case 4:
			l.Actor = s.text()
		case 5:
			l.OnBehalf, empty = orEmpty(s.text())
		case 6:
			l.Device, empty = orEmpty(s.text())
		case 7:
			l.Pump, empty = orEmpty(s.int())
		case 8:
			l.Site, empty = orEmpty(s.int())
		case 9:
			l.Object, empty = orEmpty(s.text())
		case 10:
			l.OldHash = s.bytes()
			empty = len(l.OldHash) == 0
		case 11:
			l.NewHash = s.bytes()
			empty = len(l.NewHash) == 0
		case 12:
			l.Reason, empty = orEmpty(s.text())
		case 13:
			l.ServerTime, dated = s.int(), true
		case 14:
			l.DeviceTime, empty = orEmpty(s.int())
		case 15:
			l.BootID = s.bytes()
			empty = len(l.BootID) == 0
		case 16:
			l.DeviceSeq, empty = orEmpty(s.uint())
		case 17:
			l.Evidence = s.bytes()
			empty = len(l.Evidence) == 0
		case 18:
			l.Commit = s.bytes()
			empty = len(l.Commit) == 0
		case 19:
			l.DeviceFrom, empty = orEmpty(s.uint())
		default:
			s.fail()
		}
		if empty {
			s.fail()
		}
		if s.err != nil {
			return leaf{}
		}
	}
	if !dated {
		s.fail()
	}
	return l
}

// orEmpty returns v and whether it is its type's zero.
func orEmpty[T comparable](v T) (T, bool) {
	var zero T
	return v, v == zero
}

// bundleLeaf reads the body of a leaf's frame.
func (s *strict) bundleLeaf() (l bundleLeaf) {
	s.array(14)
	l.Index, l.IdxHash, l.Row, l.Leaf, l.RowHash = s.int(), s.bytesOrNull(), s.int(), s.bytesOrNull(), s.bytesOrNull()
	l.At, l.Kind, l.Actor, l.Pump, l.Site = s.int(), s.text(), s.text(), s.int(), s.int()
	l.State, l.Salt, l.Payload, l.Evidence = uint(s.uint()), s.bytesOrNull(), s.bytesOrNull(), s.bytesOrNull()
	return l
}

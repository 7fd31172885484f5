package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// bundleMagic begins every bundle. The package comment describes the format.
const bundleMagic = "cisterna-audit-bundle/1\n"

// maxFrame bounds one frame of a bundle in bytes.
const maxFrame = 16 << 20

// The kinds of frames, in the order in which they may follow each other:
// header, then leaves in the order of the tree with each checkpoint behind the
// last leaf that it covers, then strays, then the trailer.
const (
	frameHeader     = 'H'
	frameLeaf       = 'L'
	frameCheckpoint = 'C'
	frameStray      = 'S'
	frameTrailer    = 'T'
)

// bundleHeader says whose record it is. It proves nothing.
type bundleHeader struct {
	_       struct{} `cbor:",toarray"`
	Origin  string
	Keys    []string // of the exporter's trust policy, name+hash
	Pending int64    // leaves that had no place in the tree, or no checkpoint, yet: they are not in the bundle
}

// State of a leaf's payload in the database.
const (
	payloadNone   = 0 // no row
	payloadKept   = 1
	payloadErased = 2 // a row without salt and payload
)

// bundleLeaf is all that the database holds about one place in the tree.
type bundleLeaf struct {
	_        struct{} `cbor:",toarray"`
	Index    int64
	IdxHash  []byte // of audit_index
	Row      int64  // audit_leaf.id
	Leaf     []byte // nil: the row is missing
	RowHash  []byte // of audit_leaf
	At       int64  // µs
	Kind     string
	Actor    string
	Pump     int64
	Site     int64
	State    uint // of the payload
	Salt     []byte
	Payload  []byte
	Evidence []byte // body; nil: none was found
}

// bundleStray is a leaf that is neither in the tree nor on its way there.
type bundleStray struct {
	_    struct{} `cbor:",toarray"`
	Row  int64
	Leaf []byte
}

type bundleTrailer struct {
	_           struct{} `cbor:",toarray"`
	Leaves      int64
	Checkpoints int64
	Sum         []byte // SHA-256 of the bundle up to this frame
}

// bundleWriter writes frames and remembers what the trailer needs.
type bundleWriter struct {
	w   *bufio.Writer
	sum hash.Hash
	end bundleTrailer
	buf bytes.Buffer
	err error
}

func newBundleWriter(w io.Writer, h bundleHeader) *bundleWriter {
	b := &bundleWriter{w: bufio.NewWriterSize(w, 1<<16), sum: sha256.New()}
	b.raw([]byte(bundleMagic))
	b.frame(frameHeader, h)
	return b
}

func (b *bundleWriter) leaf(l *bundleLeaf)     { b.end.Leaves++; b.frame(frameLeaf, l) }
func (b *bundleWriter) stray(s *bundleStray)   { b.frame(frameStray, s) }
func (b *bundleWriter) checkpoint(text string) { b.end.Checkpoints++; b.frame(frameCheckpoint, text) }
func (b *bundleWriter) frame(kind byte, body any) {
	if b.err != nil {
		return
	}
	b.buf.Reset()
	b.buf.Write([]byte{kind, 0, 0, 0, 0})
	if b.err = leafEncBuf.MarshalToBuffer(body, &b.buf); b.err != nil {
		return
	}
	n := b.buf.Len() - 5
	if n > maxFrame {
		b.err = fmt.Errorf("a frame of %d bytes is too long for a bundle", n)
		return
	}
	binary.BigEndian.PutUint32(b.buf.Bytes()[1:], uint32(n))
	b.raw(b.buf.Bytes())
}

func (b *bundleWriter) raw(p []byte) {
	if b.err != nil {
		return
	}
	b.sum.Write(p)
	_, b.err = b.w.Write(p)
}

// close writes the trailer. A bundle without it is incomplete.
func (b *bundleWriter) close() error {
	b.end.Sum = b.sum.Sum(nil)
	b.frame(frameTrailer, b.end)
	if b.err != nil {
		return b.err
	}
	return b.w.Flush()
}

// errTruncated reports a bundle that ends in the middle.
var errTruncated = errors.New("the bundle ends before its trailer")

// errFrame reports a frame that Export would not have written.
var errFrame = errors.New("a frame is longer than any may be")

// bundleReader reads frames.
type bundleReader struct {
	r    *bufio.Reader
	sum  hash.Hash
	head [5]byte
	body []byte
}

func newBundleReader(r io.Reader) (*bundleReader, error) {
	b := &bundleReader{r: bufio.NewReaderSize(r, 1<<18), sum: sha256.New()}
	magic := make([]byte, len(bundleMagic))
	if _, err := io.ReadFull(b.r, magic); err != nil {
		return nil, truncated(err)
	}
	if string(magic) != bundleMagic {
		return nil, errors.New("this is not an audit bundle of version 1")
	}
	b.sum.Write(magic)
	return b, nil
}

// next returns the next frame; body is valid until the call after. The trailer
// is not part of the sum.
func (b *bundleReader) next() (kind byte, body []byte, err error) {
	if _, err := io.ReadFull(b.r, b.head[:]); err != nil {
		return 0, nil, truncated(err)
	}
	n := int(binary.BigEndian.Uint32(b.head[1:]))
	if n > maxFrame {
		return 0, nil, errFrame
	}
	// Grown as the bytes come, so that a false length costs no memory.
	b.body = b.body[:0]
	for len(b.body) < n {
		part := min(n-len(b.body), 1<<16)
		b.body = slices.Grow(b.body, part)[:len(b.body)+part]
		if _, err := io.ReadFull(b.r, b.body[len(b.body)-part:]); err != nil {
			return 0, nil, truncated(err)
		}
	}
	if b.head[0] != frameTrailer {
		b.sum.Write(b.head[:])
		b.sum.Write(b.body)
	}
	return b.head[0], b.body, nil
}

func (b *bundleReader) atEnd() bool {
	_, err := b.r.ReadByte()
	return errors.Is(err, io.EOF)
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTruncated
	}
	return err
}

var bundleDec, leafEncBuf = func() (cbor.DecMode, cbor.UserBufferEncMode) {
	dec, err := cbor.DecOptions{IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, MaxNestedLevels: 4}.DecMode()
	if err != nil {
		panic(err)
	}
	enc, err := cbor.CoreDetEncOptions().UserBufferEncMode()
	if err != nil {
		panic(err)
	}
	return dec, enc
}()

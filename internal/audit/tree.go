package audit

import (
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// tree is an RFC 6962 tree that is only appended to. It keeps the roots of its
// complete subtrees, at most 63 hashes, whatever its size. The zero tree is
// empty.
type tree struct {
	size  int64
	edge  [63]tlog.Hash // by level; level k counts if bit k of size is set
	grown []tlog.Hash   // scratch of append
}

// append adds a leaf by its hash. It returns the hashes to store for it, in the
// order of [tlog.StoredHashes]; they are valid until the next call.
func (t *tree) append(h tlog.Hash) []tlog.Hash {
	t.grown = append(t.grown[:0], h)
	level := 0
	for n := t.size; n&1 == 1; n >>= 1 {
		h = tlog.NodeHash(t.edge[level], h)
		t.grown = append(t.grown, h)
		level++
	}
	t.edge[level] = h
	t.size++
	return t.grown
}

// root returns the tree's hash, RFC 6962 section 2.1.
func (t *tree) root() tlog.Hash {
	if t.size == 0 {
		return emptyRoot
	}
	level := bits.TrailingZeros64(uint64(t.size))
	h := t.edge[level]
	for level++; t.size>>level != 0; level++ {
		if t.size>>level&1 == 1 {
			h = tlog.NodeHash(t.edge[level], h)
		}
	}
	return h
}

// loadTree reads the edge of a tree of the given size from its stored hashes.
func loadTree(size int64, r tlog.HashReader) (*tree, error) {
	t := &tree{size: size}
	idx := t.edgeIndexes()
	hashes, err := r.ReadHashes(idx)
	if err != nil {
		return nil, fmt.Errorf("read the edge of the tree of size %d: %w", size, err)
	}
	for i, x := range idx {
		level, _ := tlog.SplitStoredHashIndex(x)
		t.edge[level] = hashes[i]
	}
	return t, nil
}

// edgeIndexes returns where the edge's hashes are stored, rising.
func (t *tree) edgeIndexes() []int64 {
	var idx []int64
	for level := 62; level >= 0; level-- {
		if t.size>>level&1 == 1 {
			idx = append(idx, tlog.StoredHashIndex(level, t.size>>level-1))
		}
	}
	return idx
}

// overlay serves hashes of a tree that has just grown: its former edge and what
// was added. Everything that a consistency proof from the former size needs is
// among them. Other hashes come from below.
type overlay struct {
	edge  map[int64]tlog.Hash
	first int64 // stored index of added[0]
	added []tlog.Hash
	below tlog.HashReader
}

// newOverlay starts an overlay over t before it grows.
func newOverlay(t *tree, below tlog.HashReader) *overlay {
	o := &overlay{edge: map[int64]tlog.Hash{}, first: tlog.StoredHashCount(t.size), below: below}
	for _, x := range t.edgeIndexes() {
		level, _ := tlog.SplitStoredHashIndex(x)
		o.edge[x] = t.edge[level]
	}
	return o
}

// ReadHashes implements [tlog.HashReader].
func (o *overlay) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	var missing, at []int64
	for i, x := range indexes {
		if h, ok := o.edge[x]; ok {
			out[i] = h
		} else if x >= o.first && x-o.first < int64(len(o.added)) {
			out[i] = o.added[x-o.first]
		} else {
			missing, at = append(missing, x), append(at, int64(i))
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	hashes, err := o.below.ReadHashes(missing)
	if err != nil {
		return nil, err
	}
	for i, h := range hashes {
		out[at[i]] = h
	}
	return out, nil
}

// emptyRoot is the hash of the empty tree: SHA-256 of nothing.
var emptyRoot = func() tlog.Hash {
	h, err := tlog.TreeHash(0, nil)
	if err != nil {
		panic(err)
	}
	return h
}()

package audit

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Filter chooses entries. The zero Filter chooses none: it names no site.
type Filter struct {
	AllSites bool      // also entries that concern no site
	Sites    []int64   // else only entries of these sites
	Kind     string    // "pump.register", or "pump." for all that begin so
	Actor    string    // "person:7 anna", or "person:7" whatever the name was
	Pump     int64     // registry id; 0 = any
	Object   string    // "alarm:12"; "" = any
	IDs      []int64   // only these rows; nil = any
	From, To time.Time // From ≤ server time < To; zero = open
}

// Row is an entry as it was recorded. Its fields are those of the leaf, not of
// the columns beside it.
type Row struct {
	ID         int64 // the row: rises with time, has gaps
	Index      int64 // place in the tree; -1 while pending
	LeafID     [16]byte
	Hash       tlog.Hash
	Kind       string
	Actor      string
	OnBehalf   string
	Device     string
	Pump       int64
	Site       int64
	Object     string
	Reason     string
	OldHash    []byte
	NewHash    []byte
	At         time.Time // server's clock, µs
	DeviceTime time.Time // device's clock; zero if none
	BootID     []byte
	DeviceSeq  uint64
	DeviceFrom uint64
	Evidence   []byte          // SHA-256 of the signed document; nil if none
	Payload    json.RawMessage // nil if there is none, or if it was erased
	Erased     bool            // there was a payload
	Damaged    string          // not empty: the stored leaf cannot be read, and why; only ID, Index and Hash are set
}

// makeRow reads what is stored. Somebody who damages one leaf must not keep the
// others from being shown.
func makeRow(id, index int64, leafBytes []byte, payload []byte) Row {
	l, err := decodeLeaf(leafBytes)
	if err != nil {
		return Row{ID: id, Index: index, Hash: leafHash(leafBytes), Damaged: err.Error()}
	}
	r := Row{
		ID: id, Index: index, LeafID: [16]byte(l.ID), Hash: leafHash(leafBytes),
		Kind: l.Kind, Actor: l.Actor, OnBehalf: l.OnBehalf, Device: l.Device, Pump: l.Pump, Site: l.Site, Object: l.Object, Reason: l.Reason,
		OldHash: l.OldHash, NewHash: l.NewHash, At: fromMicros(l.ServerTime), DeviceTime: fromMicros(l.DeviceTime),
		BootID: l.BootID, DeviceSeq: l.DeviceSeq, DeviceFrom: l.DeviceFrom, Evidence: l.Evidence,
	}
	if payload != nil {
		r.Payload = payload
	} else {
		r.Erased = l.Commit != nil
	}
	return r
}

// Proof shows that a leaf is in the tree of a signed checkpoint.
type Proof struct {
	Index      int64
	Hashes     tlog.RecordProof // from the leaf's sibling up
	Checkpoint Checkpoint
}

const proofHeader = "c2sp.org/tlog-proof@v1"

// Text writes the proof as a C2SP tlog-proof, which needs nothing but the leaf
// and a trust policy to be verified.
func (p Proof) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nindex %d\n", proofHeader, p.Index)
	for _, h := range p.Hashes {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	return b.String() + "\n" + p.Checkpoint.Text
}

// VerifyProof checks a C2SP tlog-proof of a leaf, given its hash: the checkpoint
// is signed by a trusted log, and the leaf is in its tree. It returns the proof.
func VerifyProof(text string, hash tlog.Hash, trust Trust) (Proof, error) {
	head, checkpoint, ok := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || lines[0] != proofHeader {
		return Proof{}, errors.New("not a " + proofHeader)
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") { // not authenticated, not used
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return Proof{}, errors.New("the proof names no index")
	}
	var p Proof
	var err error
	digits := lines[0][len("index "):]
	if p.Index, err = strconv.ParseInt(digits, 10, 64); err != nil || p.Index < 0 || strconv.FormatInt(p.Index, 10) != digits {
		return Proof{}, fmt.Errorf("the proof's index %q is not a number", digits)
	}
	for _, line := range lines[1:] {
		b, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil {
			return Proof{}, fmt.Errorf("the proof's hash %q: %w", line, err)
		}
		h, err := toHash(b)
		if err != nil {
			return Proof{}, fmt.Errorf("the proof's hash %q: %w", line, err)
		}
		p.Hashes = append(p.Hashes, h)
	}
	if p.Checkpoint, err = trust.Open(checkpoint); err != nil {
		return Proof{}, err
	}
	if p.Index >= p.Checkpoint.Size {
		return Proof{}, fmt.Errorf("index %d is outside a tree of size %d", p.Index, p.Checkpoint.Size)
	}
	if err := tlog.CheckRecord(p.Hashes, p.Checkpoint.Size, p.Checkpoint.Root, p.Index, hash); err != nil {
		return Proof{}, fmt.Errorf("leaf %s is not at index %d: %w", hex.EncodeToString(hash[:]), p.Index, err)
	}
	return p, nil
}

package audit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Ref names a leaf that was appended: its row for [Sequencer.WaitFor], and its
// hash, which says the same to everyone.
type Ref struct {
	ID   int64
	Hash [32]byte
}

// Append writes an entry into the record, in the transaction of the change that
// it tells of: both commit or neither. It wakes this process's sequencer after
// the commit.
func Append(ctx context.Context, tx *postgres.Tx, e Entry) error {
	_, err := AppendRef(ctx, tx, e)
	return err
}

// AppendRef is Append for those who then wait for the leaf's checkpoint.
func AppendRef(ctx context.Context, tx *postgres.Tx, e Entry) (Ref, error) {
	m, err := e.make(time.Now())
	if err != nil {
		return Ref{}, err
	}
	return appendOne(ctx, tx, m)
}

// AppendBatch writes entries in their order with one statement.
func AppendBatch(ctx context.Context, tx *postgres.Tx, entries []Entry) ([]Ref, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	now := time.Now()
	batch := make([]made, len(entries))
	for i, e := range entries {
		var err error
		if batch[i], err = e.make(now); err != nil {
			return nil, err
		}
	}
	return appendAll(ctx, tx, batch)
}

func appendOne(ctx context.Context, tx *postgres.Tx, m made) (Ref, error) {
	r := Ref{Hash: leafHash(m.bytes)}
	var payload any
	if m.salt != nil {
		payload = string(m.payload)
	}
	err := tx.QueryRowContext(ctx, `SELECT audit_append($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		m.bytes, m.l.ServerTime, m.l.Kind, m.l.Actor, m.l.Pump, m.l.Site, m.salt, payload, m.body).Scan(&r.ID)
	if err != nil {
		return Ref{}, fmt.Errorf("append to the record: %w", err)
	}
	tx.OnCommit(nudges.wake)
	return r, nil
}

func appendAll(ctx context.Context, tx *postgres.Tx, batch []made) ([]Ref, error) {
	n := len(batch)
	var (
		refs                    = make([]Ref, n)
		leaves, salts, evidence = make(byteas, n), make(byteas, n), make(byteas, n)
		micros, pumps, sites    = make(pq.Int64Array, n), make(pq.Int64Array, n), make(pq.Int64Array, n)
		kinds, actors           = make(pq.StringArray, n), make(pq.StringArray, n)
		payloads                = make([]sql.NullString, n)
		ids                     pq.Int64Array
	)
	for i, m := range batch {
		refs[i].Hash = leafHash(m.bytes)
		leaves[i], salts[i], evidence[i] = m.bytes, m.salt, m.body
		micros[i], pumps[i], sites[i] = m.l.ServerTime, m.l.Pump, m.l.Site
		kinds[i], actors[i] = m.l.Kind, m.l.Actor
		payloads[i] = sql.NullString{String: string(m.payload), Valid: m.salt != nil}
	}
	err := tx.QueryRowContext(ctx, `SELECT audit_append_batch($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		leaves, micros, kinds, actors, pumps, sites, salts, pq.Array(payloads), evidence).Scan(&ids)
	if err != nil {
		return nil, fmt.Errorf("append to the record: %w", err)
	}
	if len(ids) != n {
		return nil, fmt.Errorf("append to the record: %d leaves were written instead of %d", len(ids), n)
	}
	for i := range refs {
		refs[i].ID = ids[i]
	}
	tx.OnCommit(nudges.wake)
	return refs, nil
}

// byteas is a bytea[] in which nil is NULL.
type byteas [][]byte

// Value implements [driver.Valuer].
func (a byteas) Value() (driver.Value, error) {
	size := 2
	for _, x := range a {
		size += 6 + hex.EncodedLen(len(x))
	}
	b := append(make([]byte, 0, size), '{')
	for i, x := range a {
		if i > 0 {
			b = append(b, ',')
		}
		if x == nil {
			b = append(b, "NULL"...)
			continue
		}
		b = append(b, `"\\x`...)
		b = hex.AppendEncode(b, x)
		b = append(b, '"')
	}
	return string(append(b, '}')), nil
}

// NoteExport records that somebody takes a copy of the whole record.
func NoteExport(ctx context.Context, db *sqlx.DB, actor string) error {
	return postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
		return Append(ctx, tx, Entry{Kind: "audit.export", Actor: actor})
	})
}

// EraseKind is the kind of the leaf that records an erasure. Its object is
// "leaf:" and the hash of the leaf whose payload was destroyed, in hex.
const EraseKind = "audit.erase"

// Erase destroys the payload and the salt of a leaf, for good, and records that
// and why. The leaf itself, and with it the tree, stays. It reports whether
// there was anything left to erase; if not, nothing is recorded.
func Erase(ctx context.Context, tx *postgres.Tx, actor, reason string, leafID int64) (bool, error) {
	var hash []byte
	var site, pump sql.NullInt64
	err := tx.QueryRowContext(ctx, `SELECT l.leaf_hash, l.site_id, l.pump_id FROM audit_leaf l
		JOIN audit_payload p ON p.leaf_id = l.id WHERE l.id = $1 AND p.salt IS NOT NULL`, leafID).Scan(&hash, &site, &pump)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("erase the payload of leaf %d: %w", leafID, err)
	}
	by, err := AppendRef(ctx, tx, Entry{
		Kind: EraseKind, Actor: actor, Reason: reason,
		Object: "leaf:" + hex.EncodeToString(hash), Site: site.Int64, Pump: pump.Int64,
	})
	if err != nil {
		return false, err
	}
	var done bool
	if err := tx.QueryRowContext(ctx, `SELECT audit_erase($1, $2)`, leafID, by.ID).Scan(&done); err != nil {
		return false, fmt.Errorf("erase the payload of leaf %d: %w", leafID, err)
	}
	if !done {
		return false, errs.Conflictf("The detail of record entry %d was erased by somebody else at the same moment.", leafID)
	}
	return true, nil
}

// nudges wakes the sequencers of this process when a leaf has committed. Those
// of other processes poll.
var nudges nudge

type nudge struct {
	mu   sync.RWMutex
	subs map[chan struct{}]struct{}
}

func (n *nudge) wake() {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for c := range n.subs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// subscribe returns a channel that is signalled after commits, and the function
// that ends that.
func (n *nudge) subscribe() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.subs == nil {
		n.subs = map[chan struct{}]struct{}{}
	}
	n.subs[c] = struct{}{}
	return c, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.subs, c)
	}
}

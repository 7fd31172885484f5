package audit

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
	"golang.org/x/mod/sumdb/tlog"

	"cisterna/internal/errs"
)

// Stretch is a part of the tree as it is stored, for somebody who computes it
// again and compares: it proves nothing by itself.
type Stretch struct {
	From        int64
	Size        int64       // of the newest checkpoint
	Edge        []tlog.Hash // of the tree of size From: the roots of its complete subtrees, largest first
	Places      []Place     // From, From+1 …
	Checkpoints []string    // signed notes of sizes From+1 … From+len(Places), in order
}

// Place is one place in the tree.
type Place struct {
	Index   int64
	Hash    tlog.Hash // of the leaf, as the tree has it
	Missing bool      // the place is there and its leaf is gone
	Row     int64     // of the leaf
	Leaf    []byte    // nil: it is missing, or of a site that the filter does not name
	Salt    []byte    // of the payload, nil if there is none, it was erased, or it is not for this reader
	Payload []byte    // the bytes that the leaf commits to
	Erased  bool      // there was a payload
	// Withheld says that a payload, if there is one, is not for this reader. Where it
	// is not set and the leaf commits to one, its absence is a finding.
	Withheld bool
}

// MaxStretch is the most places that ReadStretch returns at once.
const MaxStretch = 1000

// ReadStretch returns at most limit places of the newest checkpoint's tree from a
// place on. f says whose leaves may be seen (its other fields do not count), and
// detail of which sites the payloads; of others there are hashes only, which say
// nothing, because every leaf holds 16 random bytes.
func ReadStretch(ctx context.Context, db *sqlx.DB, f Filter, detail func(site int64) bool, from int64, limit int) (Stretch, error) {
	tx, err := db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return Stretch{}, fmt.Errorf("read the tree: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	s := Stretch{From: from}
	err = tx.QueryRowContext(ctx, `SELECT coalesce(max(size), 0) FROM audit_checkpoint`).Scan(&s.Size)
	if err != nil {
		return Stretch{}, fmt.Errorf("read the newest checkpoint: %w", err)
	}
	if from < 0 || from > s.Size {
		return Stretch{}, errs.InvalidField("from", "The record has %d entries under a checkpoint.", s.Size)
	}
	edge := &tree{size: from}
	if s.Edge, err = (storedHashes{ctx, tx}).ReadHashes(edge.edgeIndexes()); err != nil {
		return Stretch{}, fmt.Errorf("read the edge of the tree of size %d: %w", from, err)
	}
	upto := min(s.Size, from+int64(min(max(limit, 1), MaxStretch)))
	where, args := Filter{AllSites: f.AllSites, Sites: f.Sites}.where()
	args = append(args, from, upto)
	err = eachRow(ctx, tx, func(rows *sql.Rows) error {
		var p Place
		var hash []byte
		var there, visible bool
		var site sql.NullInt64
		if err := rows.Scan(&p.Index, &hash, &p.Row, &p.Leaf, &there, &visible, &site, &p.Salt, &p.Payload, &p.Erased); err != nil {
			return err
		}
		var err error
		p.Hash, err = toHash(hash)
		p.Missing = !there
		if !visible {
			p.Leaf = nil
		}
		if !visible || !detail(site.Int64) {
			p.Withheld = true
			p.Salt, p.Payload = nil, nil
		}
		s.Places = append(s.Places, p)
		return err
	}, fmt.Sprintf(`SELECT i.idx, i.leaf_hash, i.leaf_id, l.leaf, l.id IS NOT NULL, l.id IS NOT NULL AND coalesce(%s, false), l.site_id, p.salt, p.payload, p.leaf_id IS NOT NULL AND p.salt IS NULL
	  FROM audit_index i
	  LEFT JOIN audit_leaf l ON l.id = i.leaf_id
	  LEFT JOIN audit_payload p ON p.leaf_id = i.leaf_id
	 WHERE i.idx >= $%d AND i.idx < $%d ORDER BY i.idx`, strings.Join(where, " AND "), len(args)-1, len(args)), args...)
	if err != nil {
		return Stretch{}, fmt.Errorf("read the places from %d on: %w", from, err)
	}
	err = eachRow(ctx, tx, func(rows *sql.Rows) error {
		var note string
		err := rows.Scan(&note)
		s.Checkpoints = append(s.Checkpoints, note)
		return err
	}, `SELECT note FROM audit_checkpoint WHERE size > $1 AND size <= $2 ORDER BY size`, from, upto)
	if err != nil {
		return Stretch{}, fmt.Errorf("read the checkpoints from %d on: %w", from, err)
	}
	return s, nil
}

// ProveTree returns the RFC 6962 consistency proof from the tree of one size to
// that of the newest checkpoint, and that checkpoint.
func ProveTree(ctx context.Context, db *sqlx.DB, old int64) (tlog.TreeProof, Checkpoint, error) {
	c, ok, err := Newest(ctx, db)
	switch {
	case err != nil:
		return nil, c, err
	case !ok || old < 1 || old > c.Size:
		return nil, c, errs.InvalidField("from", "The record has %d entries under a checkpoint.", c.Size)
	case old == c.Size:
		return nil, c, nil
	}
	proof, err := tlog.ProveTree(c.Size, old, storedHashes{ctx, db})
	if err != nil {
		return nil, c, fmt.Errorf("prove that the tree of size %d continues the one of size %d: %w", c.Size, old, err)
	}
	return proof, c, nil
}

// Stored is what the database keeps of one entry, as bytes.
type Stored struct {
	Leaf, Salt, Payload, Evidence []byte
	// Gone says that there is no payload though the leaf commits to one, and that it
	// was not erased.
	Gone bool
}

// ReadStored returns the bytes of one entry, which the caller has found with
// [Get]: what is shown of it can be computed from them.
func ReadStored(ctx context.Context, db *sqlx.DB, id int64) (s Stored, err error) {
	var kept bool
	err = db.QueryRowContext(ctx, `SELECT l.leaf, p.salt, p.payload, p.leaf_id IS NOT NULL FROM audit_leaf l LEFT JOIN audit_payload p ON p.leaf_id = l.id WHERE l.id = $1`, id).
		Scan(&s.Leaf, &s.Salt, &s.Payload, &kept)
	if err != nil {
		return s, fmt.Errorf("read record entry %d: %w", id, err)
	}
	if l, err := decodeLeaf(s.Leaf); err == nil { // a damaged one is shown as that
		s.Gone = l.Commit != nil && !kept
	}
	if hash := evidenceOf(s.Leaf); hash != nil {
		if s.Evidence, err = Evidence(ctx, db, hash); errs.KindOf(err) == errs.NotFound {
			err = nil // gone: who looks at the hash sees it
		}
	}
	return s, err
}

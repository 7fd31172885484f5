package audit

import (
	"context"
	"database/sql"
	"fmt"
	"io"

	"github.com/jmoiron/sqlx"
)

// exportPage is how many leaves are read at once.
const exportPage = 1000

// Exported says what a bundle contains.
type Exported struct {
	Leaves, Checkpoints, Pending int64
	Newest                       Checkpoint
}

// Export writes the record up to its newest checkpoint as one bundle, for
// [Verify]. It reads one consistent state while others write, and holds a page
// of leaves in memory at a time. The same record gives the same bytes. What is
// wrong in the database is exported as it is: judging is the verifier's.
// trust is named in the bundle's header.
func Export(ctx context.Context, db *sqlx.DB, w io.Writer, trust Trust) (Exported, error) {
	tx, err := db.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return Exported{}, fmt.Errorf("export the record: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	x := exporter{ctx: ctx, tx: tx}
	done, err := x.run(w, trust)
	if err != nil {
		return done, fmt.Errorf("export the record: %w", err)
	}
	return done, nil
}

type exporter struct {
	ctx context.Context
	tx  *sqlx.Tx
	b   *bundleWriter
}

// point is a checkpoint as stored, readable or not.
type point struct {
	size int64
	text string
}

func (x *exporter) run(w io.Writer, trust Trust) (Exported, error) {
	// upto: the leaves that a checkpoint covers, and that are there.
	var last, upto int64
	err := x.tx.QueryRowContext(x.ctx, `SELECT coalesce(max(size), 0), least(coalesce(max(size), 0), (SELECT coalesce(max(idx) + 1, 0) FROM audit_index))
		FROM audit_checkpoint`).Scan(&last, &upto)
	if err != nil {
		return Exported{}, err
	}
	tail, err := x.checkpoints(last-1, last)
	if err != nil {
		return Exported{}, err
	}
	var done Exported
	if len(tail) > 0 {
		done.Newest, _ = splitCheckpoint(tail[0].text) // for show; an unreadable one is the verifier's business
	}
	err = x.tx.QueryRowContext(x.ctx, `SELECT (SELECT count(*) FROM audit_pending) + (SELECT count(*) FROM audit_index WHERE idx >= $1)`,
		upto).Scan(&done.Pending)
	if err != nil {
		return Exported{}, err
	}
	x.b = newBundleWriter(w, bundleHeader{Origin: done.Newest.Origin, Keys: trust.Names(), Pending: done.Pending})
	for from := int64(0); from < upto && x.b.err == nil; from += exportPage {
		if err := x.page(from, min(from+exportPage, upto)); err != nil {
			return done, err
		}
	}
	if tail, err = x.checkpoints(upto, last); err != nil {
		return done, err
	}
	for _, p := range tail { // of leaves that are gone
		x.b.checkpoint(p.text)
	}
	if err := x.strays(); err != nil {
		return done, err
	}
	err = x.b.close()
	done.Leaves, done.Checkpoints = x.b.end.Leaves, x.b.end.Checkpoints
	return done, err
}

// page writes the leaves at from … to-1 and the checkpoints among them.
func (x *exporter) page(from, to int64) error {
	points, err := x.checkpoints(from, to)
	if err != nil {
		return err
	}
	leaves, err := x.leaves(from, to)
	if err != nil {
		return err
	}
	for i := range leaves {
		for len(points) > 0 && points[0].size <= leaves[i].Index {
			x.b.checkpoint(points[0].text)
			points = points[1:]
		}
		x.b.leaf(&leaves[i])
	}
	for _, p := range points {
		x.b.checkpoint(p.text)
	}
	return x.b.err
}

// checkpoints reads those of sizes from+1 … to: they follow the leaves of the
// same page.
func (x *exporter) checkpoints(from, to int64) (points []point, err error) {
	return points, eachRow(x.ctx, x.tx, func(rows *sql.Rows) error {
		var p point
		err := rows.Scan(&p.size, &p.text)
		points = append(points, p)
		return err
	}, `SELECT size, note FROM audit_checkpoint WHERE size > $1 AND size <= $2 ORDER BY size`, from, to)
}

func (x *exporter) leaves(from, to int64) (leaves []bundleLeaf, err error) {
	var wanted byteas
	err = eachRow(x.ctx, x.tx, func(rows *sql.Rows) error {
		var l bundleLeaf
		var at, pump, site sql.NullInt64
		var kind, actor sql.NullString
		if err := rows.Scan(&l.Index, &l.IdxHash, &l.Row, &l.Leaf, &l.RowHash, &at, &kind, &actor, &pump, &site, &l.State, &l.Salt, &l.Payload); err != nil {
			return err
		}
		l.At, l.Kind, l.Actor, l.Pump, l.Site = at.Int64, kind.String, actor.String, pump.Int64, site.Int64
		if h := evidenceOf(l.Leaf); h != nil {
			wanted = append(wanted, h)
		}
		leaves = append(leaves, l)
		return nil
	}, `SELECT i.idx, i.leaf_hash, i.leaf_id, l.leaf, l.leaf_hash, (extract(epoch FROM l.at) * 1000000)::bigint, l.kind, l.actor, l.pump_id, l.site_id,
	           CASE WHEN p.leaf_id IS NULL THEN 0 WHEN p.salt IS NULL AND p.payload IS NULL THEN 2 ELSE 1 END, p.salt, p.payload
	      FROM audit_index i
	      LEFT JOIN audit_leaf l ON l.id = i.leaf_id
	      LEFT JOIN audit_payload p ON p.leaf_id = i.leaf_id
	     WHERE i.idx >= $1 AND i.idx < $2
	     ORDER BY i.idx`, from, to)
	if err != nil || len(wanted) == 0 {
		return leaves, err
	}
	bodies := map[string][]byte{}
	err = eachRow(x.ctx, x.tx, func(rows *sql.Rows) error {
		var hash, body []byte
		err := rows.Scan(&hash, &body)
		bodies[string(hash)] = body
		return err
	}, `SELECT hash, body FROM audit_evidence WHERE hash = ANY ($1)`, wanted)
	for i := range leaves {
		leaves[i].Evidence = bodies[string(evidenceOf(leaves[i].Leaf))]
	}
	return leaves, err
}

// strays writes leaves that are neither in the tree nor pending. There is no
// honest way for them to come about.
func (x *exporter) strays() error {
	return eachRow(x.ctx, x.tx, func(rows *sql.Rows) error {
		var s bundleStray
		if err := rows.Scan(&s.Row, &s.Leaf); err != nil {
			return err
		}
		x.b.stray(&s)
		return x.b.err
	}, `SELECT l.id, l.leaf FROM audit_leaf l
	     WHERE NOT EXISTS (SELECT 1 FROM audit_index i WHERE i.leaf_id = l.id)
	       AND NOT EXISTS (SELECT 1 FROM audit_pending p WHERE p.leaf_id = l.id)
	     ORDER BY l.id`)
}

// evidenceOf returns the hash of the evidence that a leaf names, if it can be
// read and names one.
func evidenceOf(b []byte) []byte {
	if b == nil {
		return nil
	}
	l, err := decodeLeaf(b)
	if err != nil {
		return nil
	}
	return l.Evidence
}

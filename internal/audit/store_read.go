package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"golang.org/x/mod/sumdb/tlog"

	"cisterna/internal/errs"
)

// MaxList is the largest number of entries that List returns at once.
const MaxList = 500

const rowColumns = `SELECT l.id, coalesce(i.idx, -1), l.leaf, p.payload
	  FROM audit_leaf l
	  LEFT JOIN audit_index i ON i.leaf_id = l.id
	  LEFT JOIN audit_payload p ON p.leaf_id = l.id `

// List returns at most limit entries, newest first, with row ids below before
// (0 = from the newest), and the before of the next page (0 = that was all).
func List(ctx context.Context, db *sqlx.DB, f Filter, before int64, limit int) (rows []Row, next int64, err error) {
	limit = min(max(limit, 1), MaxList)
	where, args := f.where()
	if before > 0 {
		args = append(args, before)
		where = append(where, fmt.Sprintf("l.id < $%d", len(args)))
	}
	args = append(args, limit+1)
	query := rowColumns + "WHERE " + strings.Join(where, " AND ") + fmt.Sprintf(" ORDER BY l.id DESC LIMIT $%d", len(args))
	if err := eachRow(ctx, db, func(r *sql.Rows) error {
		row, err := scanRow(r)
		rows = append(rows, row)
		return err
	}, query, args...); err != nil {
		return nil, 0, fmt.Errorf("list the record: %w", err)
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].ID
	}
	return rows, next, nil
}

// Size returns how many leaves the tree has: the index that the next one gets.
func Size(ctx context.Context, db *sqlx.DB) (int64, error) {
	var n int64
	err := db.GetContext(ctx, &n, `SELECT coalesce(max(idx) + 1, 0) FROM audit_index`)
	return n, err
}

// Range calls f for the entries whose index is at least from and below to, in the
// order of the tree. Indexes have no gaps and are given once, after the commit:
// who remembers a Size and goes on from there later misses nothing.
func Range(ctx context.Context, db *sqlx.DB, filter Filter, from, to int64, f func(Row) error) error {
	where, args := filter.where()
	args = append(args, from, to)
	where = append(where, fmt.Sprintf("i.idx >= $%d AND i.idx < $%d", len(args)-1, len(args)))
	err := eachRow(ctx, db, func(r *sql.Rows) error {
		row, err := scanRow(r)
		if err != nil {
			return err
		}
		return f(row)
	}, rowColumns+"WHERE "+strings.Join(where, " AND ")+" ORDER BY i.idx", args...)
	if err != nil {
		return fmt.Errorf("read the record from %d to %d: %w", from, to, err)
	}
	return nil
}

// Placed returns at most limit entries from a place in the tree on, in the order
// of the tree. Places have no gaps and do not change, so that a reader who goes on
// from the last one misses nothing and gets nothing twice.
func Placed(ctx context.Context, db sqlx.QueryerContext, from int64, limit int) (rows []Row, err error) {
	if err := eachRow(ctx, db, func(r *sql.Rows) error {
		row, err := scanRow(r)
		rows = append(rows, row)
		return err
	}, `SELECT l.id, i.idx, l.leaf, p.payload
	  FROM audit_index i
	  JOIN audit_leaf l ON l.id = i.leaf_id
	  LEFT JOIN audit_payload p ON p.leaf_id = i.leaf_id
	 WHERE i.idx >= $1 ORDER BY i.idx LIMIT $2`, from, min(max(limit, 1), 10*MaxList)); err != nil {
		return nil, fmt.Errorf("read the record from %d on: %w", from, err)
	}
	return rows, nil
}

// where builds the conditions; every value is a parameter.
func (f Filter) where() (where []string, args []any) {
	add := func(cond string, values ...any) {
		for _, v := range values { // each ? of cond becomes the next parameter
			args = append(args, v)
			cond = strings.Replace(cond, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		where = append(where, cond)
	}
	if f.AllSites {
		where = append(where, "true")
	} else {
		add("l.site_id = ANY (?)", pq.Int64Array(f.Sites))
	}
	if f.Kind != "" {
		if strings.HasSuffix(f.Kind, ".") {
			add("l.kind >= ? AND l.kind < ?", f.Kind, after(f.Kind))
		} else {
			add("l.kind = ?", f.Kind)
		}
	}
	if f.Actor != "" {
		// Behind a blank stand the login and the token that a program showed.
		add("(l.actor = ? OR l.actor >= ? AND l.actor < ?)", f.Actor, f.Actor+" ", after(f.Actor+" "))
	}
	if f.Pump != 0 {
		add("l.pump_id = ?", f.Pump)
	}
	if f.IDs != nil {
		add("l.id = ANY (?)", pq.Int64Array(f.IDs))
	}
	if f.Object != "" {
		// There is no column of it: the member as it is encoded, with its length
		// before it, is looked for in the leaf.
		add("position(? in l.leaf) > 0", objectMember(f.Object))
	}
	if !f.From.IsZero() {
		add("l.at >= ?", f.From)
	}
	if !f.To.IsZero() {
		add("l.at < ?", f.To)
	}
	return where, args
}

// objectMember returns the bytes of a leaf's member 9 with this value.
func objectMember(object string) []byte {
	b := []byte{9}
	switch n := len(object); {
	case n < 24:
		b = append(b, majorText<<5|byte(n))
	case n < 1<<8:
		b = append(b, majorText<<5|24, byte(n))
	default:
		b = append(b, majorText<<5|25, byte(n>>8), byte(n))
	}
	return append(b, object...)
}

// after returns the first string, by bytes, behind all that begin with prefix,
// which ends in an ASCII character.
func after(prefix string) string {
	return prefix[:len(prefix)-1] + string(prefix[len(prefix)-1]+1)
}

// Get returns one entry by its row id and, once it is under a checkpoint, the
// proof that it is in the newest one's tree; before that, the proof is nil. An
// entry of a site that f does not name is not found.
func Get(ctx context.Context, db *sqlx.DB, f Filter, id int64) (Row, *Proof, error) {
	where, args := f.where()
	args = append(args, id)
	query := rowColumns + "WHERE " + strings.Join(where, " AND ") + fmt.Sprintf(" AND l.id = $%d", len(args))
	row, err := scanRow(db.QueryRowContext(ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return Row{}, nil, errs.NotFoundf("There is no record entry %d.", id)
	}
	if err != nil {
		return Row{}, nil, fmt.Errorf("read record entry %d: %w", id, err)
	}
	if row.Index < 0 {
		return row, nil, nil
	}
	c, ok, err := Newest(ctx, db)
	if err != nil || !ok || row.Index >= c.Size {
		return row, nil, err
	}
	hashes, err := tlog.ProveRecord(c.Size, row.Index, storedHashes{ctx, db})
	if err != nil {
		return Row{}, nil, fmt.Errorf("prove record entry %d: %w", id, err)
	}
	if err := tlog.CheckRecord(hashes, c.Size, c.Root, row.Index, row.Hash); err != nil {
		return Row{}, nil, fmt.Errorf("prove record entry %d: the stored leaf, hashes and checkpoint do not fit each other: %w", id, err)
	}
	return row, &Proof{Index: row.Index, Hashes: hashes, Checkpoint: c}, nil
}

// Evidence returns a signed document that an entry names, as it came.
func Evidence(ctx context.Context, db *sqlx.DB, hash []byte) ([]byte, error) {
	var body []byte
	err := db.QueryRowContext(ctx, `SELECT body FROM audit_evidence WHERE hash = $1`, hash).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errs.NotFoundf("There is no document with this hash in the record.")
	}
	if err != nil {
		return nil, fmt.Errorf("read evidence: %w", err)
	}
	return body, nil
}

func scanRow(r interface{ Scan(...any) error }) (Row, error) {
	var id, index int64
	var leafBytes, payload []byte
	if err := r.Scan(&id, &index, &leafBytes, &payload); err != nil {
		return Row{}, err
	}
	return makeRow(id, index, leafBytes, payload), nil
}

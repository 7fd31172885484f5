package events

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/internal/lease"
	"cisterna/internal/postgres"
)

// state is the row of events_state.
type state struct {
	epoch string
	next  int64 // number of the next event
	first int64 // oldest that is kept
	entry int64 // place in the record to read on from
}

const stateColumns = `SELECT epoch, next, first, entry FROM events_state`

// lockState keeps every other transaction that places events waiting.
func lockState(ctx context.Context, tx *postgres.Tx) (s state, err error) {
	err = tx.QueryRowContext(ctx, stateColumns+` FOR UPDATE`).Scan(&s.epoch, &s.next, &s.first, &s.entry)
	if err != nil {
		err = fmt.Errorf("lock the stream of events: %w", err)
	}
	return s, err
}

func moveState(ctx context.Context, tx *postgres.Tx, s state) error {
	if _, err := tx.ExecContext(ctx, `UPDATE events_state SET next = $1, first = $2, entry = $3`, s.next, s.first, s.entry); err != nil {
		return fmt.Errorf("move the stream of events: %w", err)
	}
	return nil
}

func insert(ctx context.Context, tx *postgres.Tx, all []Event, now time.Time) error {
	n := len(all)
	if n == 0 {
		return nil
	}
	seqs, micros, sites, pumps, entries := make(pq.Int64Array, n), make(pq.Int64Array, n), make(pq.Int64Array, n), make(pq.Int64Array, n), make(pq.Int64Array, n)
	names, actors, objects := make(pq.StringArray, n), make(pq.StringArray, n), make(pq.StringArray, n)
	devices, reasons, details := make(pq.StringArray, n), make(pq.StringArray, n), make(pq.StringArray, n)
	for i, e := range all {
		detail, err := json.Marshal(e.Detail)
		if err != nil {
			return fmt.Errorf("detail of event %s: %w", e.Name, err)
		}
		seqs[i], micros[i], sites[i], pumps[i], entries[i] = e.Seq, e.At.UnixMicro(), e.Site, e.Pump, e.Entry
		names[i], actors[i], objects[i], devices[i], reasons[i], details[i] = e.Name, e.Actor, e.Object, e.Device, e.Reason, string(detail)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO events_events (seq, name, at, placed_at, site_id, pump_id, actor, object, device, reason, detail, entry)
SELECT seq, name, timestamptz 'epoch' + us * interval '1 microsecond', $12, nullif(site, 0), nullif(pump, 0), actor, object, device, reason, detail::jsonb, nullif(entry, -1)
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[])
    u(seq, name, us, site, pump, actor, object, device, reason, detail, entry)`,
		seqs, names, micros, sites, pumps, actors, objects, devices, reasons, details, entries, now)
	if err != nil {
		return fmt.Errorf("place %d events: %w", n, err)
	}
	return nil
}

// read returns a part of the stream as of one moment: what is placed meanwhile is
// behind Next.
func (s *Service) read(ctx context.Context, f Filter, q Query) (Page, error) {
	tx, err := s.DB.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return Page{}, fmt.Errorf("read events: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	var st state
	if err := tx.QueryRowContext(ctx, stateColumns).Scan(&st.epoch, &st.next, &st.first, &st.entry); err != nil {
		return Page{}, fmt.Errorf("read the state of the stream of events: %w", err)
	}
	if !q.After.IsZero() {
		switch {
		case q.After.epoch != st.epoch:
			return Page{}, expired("it is of another database")
		case q.After.seq >= st.next:
			return Page{}, expired("it is ahead of this database, which may have been restored from a backup")
		case q.After.seq+1 < st.first:
			return Page{}, expired("the events behind it are no longer kept")
		}
		mark, err := markOf(ctx, tx, q.After.seq)
		if err != nil {
			return Page{}, err
		}
		if mark != 0 && q.After.mark != 0 && mark != q.After.mark {
			return Page{}, expired("another event has its number now, for this database was restored from a backup")
		}
	}
	where, args := f.where()
	order, limit := "DESC", q.Tail
	if !q.After.IsZero() {
		args = append(args, q.After.seq)
		where = append(where, fmt.Sprintf("seq > $%d", len(args)))
		order, limit = "ASC", q.Limit+1
	}
	args = append(args, limit)
	newest, err := markOf(ctx, tx, st.next-1)
	if err != nil {
		return Page{}, err
	}
	page := Page{Next: Cursor{st.epoch, st.next - 1, newest}}
	if page.Events, err = readEvents(ctx, tx, fmt.Sprintf(`WHERE %s ORDER BY seq %s LIMIT $%d`, strings.Join(where, " AND "), order, len(args)), args...); err != nil {
		return Page{}, err
	}
	if q.After.IsZero() {
		for i, j := 0, len(page.Events)-1; i < j; i, j = i+1, j-1 {
			page.Events[i], page.Events[j] = page.Events[j], page.Events[i]
		}
	} else if len(page.Events) > q.Limit {
		page.Events, page.More = page.Events[:q.Limit], true
		page.Next = page.Next.Behind(page.Events[q.Limit-1])
	}
	return page, nil
}

// micros is when an event was placed, in microseconds since 1970.
const micros = `(extract(epoch FROM placed_at) * 1000000)::bigint`

// markOf returns the mark of an event, 0 if it is not there (any more).
func markOf(ctx context.Context, tx *sqlx.Tx, seq int64) (mark int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT `+micros+` FROM events_events WHERE seq = $1`, seq).Scan(&mark)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read when event %d was placed: %w", seq, err)
	}
	return mark, nil
}

// where builds the conditions; every value is a parameter.
func (f Filter) where() (where []string, args []any) {
	add := func(cond string, v any) {
		args = append(args, v)
		where = append(where, strings.ReplaceAll(cond, "?", fmt.Sprintf("$%d", len(args))))
	}
	switch {
	case f.Scope.All && f.NoSite:
		where = append(where, "true")
	case f.Scope.All:
		where = append(where, "site_id IS NOT NULL")
	case f.NoSite:
		add("(site_id = ANY (?) OR site_id IS NULL)", pq.Int64Array(f.Scope.Sites))
	default:
		add("site_id = ANY (?)", pq.Int64Array(f.Scope.Sites))
	}
	if f.Site != 0 {
		add("site_id = ?", f.Site)
	}
	if f.Pump != 0 {
		add("pump_id = ?", f.Pump)
	}
	if len(f.Names) > 0 {
		// A name that ends in a dot stands for all that begin so; names are those
		// of the catalogue.
		var names []string
		for _, n := range f.Names {
			for _, e := range catalogue {
				if e.Name == n || strings.HasSuffix(n, ".") && strings.HasPrefix(e.Name, n) {
					names = append(names, e.Name)
				}
			}
		}
		add("name = ANY (?)", pq.StringArray(names))
	}
	return where, args
}

func readEvents(ctx context.Context, q sqlx.QueryerContext, tail string, args ...any) ([]Event, error) {
	rows, err := q.QueryContext(ctx, `SELECT seq, name, at, coalesce(site_id, 0), coalesce(pump_id, 0), actor, object, device, reason, detail, coalesce(entry, -1), `+micros+` FROM events_events `+tail, args...)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []Event
	for rows.Next() {
		var e Event
		var detail []byte
		if err := rows.Scan(&e.Seq, &e.Name, &e.At, &e.Site, &e.Pump, &e.Actor, &e.Object, &e.Device, &e.Reason, &detail, &e.Entry, &e.placed); err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
		if err := json.Unmarshal(detail, &e.Detail); err != nil {
			return nil, fmt.Errorf("detail of event %d: %w", e.Seq, err)
		}
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return all, nil
}

func readNext(ctx context.Context, db *sqlx.DB) (next int64, err error) {
	return next, db.QueryRowContext(ctx, `SELECT next FROM events_state`).Scan(&next)
}

// pruneBatch bounds what one transaction removes.
const pruneBatch = 5000

// prune removes events that were placed before a time, oldest first.
func (s *Service) prune(ctx context.Context, l lease.Lease, before time.Time) error {
	for {
		var n int64
		err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
			if err := l.Check(ctx, tx); err != nil {
				return err
			}
			st, err := lockState(ctx, tx)
			if err != nil {
				return err
			}
			// Numbers and times of placing rise together, so that what is kept is
			// one stretch up to the newest.
			var keep int64
			err = tx.QueryRowContext(ctx, `SELECT seq FROM events_events WHERE seq < $1 AND placed_at >= $2 ORDER BY seq LIMIT 1`, st.first+pruneBatch, before).Scan(&keep)
			if errors.Is(err, sql.ErrNoRows) {
				keep, err = min(st.first+pruneBatch, st.next), nil
			}
			if err != nil {
				return err
			}
			if n = keep - st.first; n <= 0 {
				return nil
			}
			if _, err := tx.ExecContext(ctx, `DELETE FROM events_events WHERE seq < $1`, keep); err != nil {
				return err
			}
			st.first = keep
			return moveState(ctx, tx, st)
		})
		if err != nil {
			return fmt.Errorf("remove old events: %w", err)
		}
		if n < pruneBatch {
			return nil
		}
	}
}

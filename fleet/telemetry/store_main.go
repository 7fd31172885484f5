package telemetry

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/lib/pq"

	"cisterna/device/wire"
	"cisterna/internal/postgres"
)

// mainStore writes batches of the main lane over one connection of its own. It
// is used by one goroutine.
type mainStore struct {
	db   *sql.DB
	conn *sql.Conn
	lock *sql.Stmt
	move *sql.Stmt
	plan plan

	// Where the cursors stood after the last commit: who plans by them saves the
	// lock before the write, and the write finds out if they are stale.
	known map[int64]cursor

	// Scratch of the statements' arrays.
	ids   pq.Int64Array
	cols  [21]pq.Int64Array
	after pq.BoolArray
}

// errStale says that a cursor was not where it was thought to be.
var errStale = errors.New("a cursor moved meanwhile")

// The lock is the authority: rows in id order, so that writers of several
// servers cannot deadlock.
const (
	lockCursors = `SELECT pump_id, epoch, seq, coalesce((extract(epoch FROM device_at) * 1000)::bigint, 0), after_gap
FROM telemetry_cursors WHERE lane = $2 AND pump_id = ANY ($1::bigint[]) ORDER BY pump_id FOR UPDATE`
	addCursors = `INSERT INTO telemetry_cursors (pump_id, lane) SELECT u, $2::smallint FROM unnest($1::bigint[]) u ORDER BY u ON CONFLICT DO NOTHING`

	// The move says where the cursor must stand, so that whoever planned without
	// the lock finds out. A sample is the latest unless it comes out of a
	// backlog: then a heartbeat or a later sample is there already. A clock that
	// ran ahead and was set back does not hide what follows.
	moveCursors = `WITH moved AS (
    UPDATE telemetry_cursors c
       SET epoch = u.epoch, seq = u.seq, device_at = ` + fromMS + `, after_gap = u.after_gap, moved_at = now()
      FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[], $6::bigint[], $7::bigint[]) u(pump_id, epoch, seq, ms, after_gap, was_epoch, was_seq)
     WHERE c.pump_id = u.pump_id AND c.lane = 1 AND c.epoch = u.was_epoch AND c.seq = u.was_seq
    RETURNING 1
), fresh AS (
    INSERT INTO telemetry_latest AS l (pump_id, device_at, received_at, rate_nl_day, delivered_nl, reservoir_nl, sensed_nl, flags,
        battery_mv, temperature_mc, pressure_pa, ptm_given, ptm_denied, run)
    SELECT u.pump_id, timestamptz 'epoch' + u.ms * interval '1 millisecond', timestamptz 'epoch' + u.received * interval '1 millisecond',
        u.rate, u.delivered, u.reservoir, nullif(u.sensed, -1), u.flags, u.battery, u.temperature, u.pressure, u.given, u.denied, u.run
      FROM unnest($8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],
        $16::integer[], $17::integer[], $18::integer[], $19::integer[], $20::integer[], $21::smallint[])
        u(pump_id, ms, received, rate, delivered, reservoir, sensed, flags, battery, temperature, pressure, given, denied, run)
     ORDER BY u.pump_id
    ON CONFLICT (pump_id) DO UPDATE SET ` + latestSet + `
     WHERE ` + latestAhead + ` OR excluded.received_at >= l.received_at AND (excluded.device_at >= l.device_at OR l.device_at > excluded.received_at)
    RETURNING l.pump_id
)
SELECT (SELECT count(*) FROM moved), (SELECT array_agg(pump_id) FROM fresh)`
	fromMS = `CASE u.ms WHEN 0 THEN NULL ELSE timestamptz 'epoch' + u.ms * interval '1 millisecond' END`
	// No message is stored that waited longer than maxAge. What claims to have been
	// received later than that after it was stored by a clock of ours that ran ahead.
	latestAhead = `l.received_at > excluded.received_at + interval '1 minute'`
	latestSet   = `device_at = excluded.device_at, received_at = excluded.received_at, rate_nl_day = excluded.rate_nl_day, delivered_nl = excluded.delivered_nl,
    reservoir_nl = excluded.reservoir_nl, sensed_nl = excluded.sensed_nl, flags = excluded.flags, battery_mv = excluded.battery_mv,
    temperature_mc = excluded.temperature_mc, pressure_pa = excluded.pressure_pa, ptm_given = excluded.ptm_given, ptm_denied = excluded.ptm_denied, run = excluded.run`
)

// connect makes sure that there is a connection with its statements.
func (s *mainStore) connect(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	// A connection that cannot be had soon is tried for again; nothing here is a
	// COPY, so that it may be cancelled.
	ctx, cancel := context.WithTimeout(ctx, giveUp)
	defer cancel()
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	// The name makes the rollup's horizon find this connection's transaction.
	if _, err = conn.ExecContext(ctx, `SET application_name = '`+ingestName+`'; SET statement_timeout = '10s'; SET lock_timeout = '4s'`); err == nil {
		s.lock, err = conn.PrepareContext(ctx, lockCursors)
	}
	if err == nil {
		s.move, err = conn.PrepareContext(ctx, moveCursors)
	}
	if err != nil {
		drop(conn)
		return err
	}
	s.conn = conn
	return nil
}

// ingestName marks transactions whose rows may carry an older time of receipt.
const ingestName = "cisterna ingest"

// drop closes a connection for good instead of giving it back to the pool.
func drop(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
}

func (s *mainStore) close() {
	if s.conn != nil {
		drop(s.conn)
		s.conn = nil
	}
}

// store commits a batch or nothing of it; s.plan then says what became of whom.
// Contexts are never cancelled here: lib/pq must not have a COPY cancelled. The
// connection is dropped on any error, for it is in an unknown state.
func (s *mainStore) store(batch []*message) error {
	ctx := context.Background()
	err := s.connect(ctx)
	if err == nil {
		err = s.transact(ctx, batch, s.planFromMemory(batch))
		if errors.Is(err, errStale) {
			err = s.transact(ctx, batch, false)
		}
	}
	if err != nil {
		s.close()
		s.forget()
		return err
	}
	for _, pp := range s.plan.order {
		s.known[pp.id] = pp.cursor
	}
	return nil
}

// planFromMemory plans by the cursors as they were last seen. It reports false
// if that is not enough: only a plan that takes all of the batch can be checked
// by the move itself.
func (s *mainStore) planFromMemory(batch []*message) bool {
	p := &s.plan
	p.reset(batch)
	for _, pp := range p.order {
		cur, ok := s.known[pp.id]
		if !ok {
			return false
		}
		pp.found(cur)
	}
	p.decide(batch)
	return !slices.ContainsFunc(p.verdicts, func(v verdict) bool { return v != accept })
}

func (s *mainStore) forget() {
	if s.known == nil {
		s.known = map[int64]cursor{}
	}
	clear(s.known)
}

// transact commits a batch. With planned, the plan was made already.
func (s *mainStore) transact(ctx context.Context, batch []*message, planned bool) error {
	p := &s.plan
	if _, err := s.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if !planned {
		p.reset(batch)
		if err := s.lockAll(ctx); err != nil {
			return fmt.Errorf("lock cursors: %w", err)
		}
		p.decide(batch)
	}
	if err := s.moveAll(ctx); errors.Is(err, errStale) {
		s.forget()
		if _, err := s.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
			return fmt.Errorf("roll back: %w", err)
		}
		return err
	} else if err != nil {
		return fmt.Errorf("move cursors: %w", err)
	}
	if p.rows > 0 {
		if err := s.copySamples(ctx, batch); err != nil {
			return fmt.Errorf("copy samples: %w", err)
		}
	}
	if p.rare {
		if err := writeRare(ctx, s.conn, p, batch); err != nil {
			return err
		}
	}
	if _, err := s.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// lockAll reads the cursors of the plan's pumps under lock, and makes those of
// pumps that were never heard of.
func (s *mainStore) lockAll(ctx context.Context) error {
	s.ids = s.ids[:0]
	for _, pp := range s.plan.order {
		s.ids = append(s.ids, pp.id)
	}
	for try := range 2 {
		n, err := s.lockOnce(ctx)
		if err != nil || n == len(s.plan.order) {
			return err
		}
		if try == 0 {
			if _, err := s.conn.ExecContext(ctx, addCursors, s.ids, int64(wire.MainLane)); err != nil {
				return err
			}
		}
	}
	return errors.New("cursors vanish as they are made")
}

func (s *mainStore) lockOnce(ctx context.Context) (int, error) {
	rows, err := s.lock.QueryContext(ctx, s.ids, int64(wire.MainLane))
	if err != nil {
		return 0, err
	}
	return s.plan.scanCursors(rows)
}

// scanCursors notes the cursors that were read under lock and returns how many.
func (p *plan) scanCursors(rows *sql.Rows) (n int, err error) {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, epoch, seq, ms int64
		var afterGap bool
		if err := rows.Scan(&id, &epoch, &seq, &ms, &afterGap); err != nil {
			return 0, err
		}
		p.pumps[id].found(cursor{pos: wire.Position{Epoch: uint64(epoch), Seq: uint64(seq)}, wall: ms, afterGap: afterGap})
		n++
	}
	return n, rows.Err()
}

// copySamples sends the rows of all accepted messages in one COPY.
func (s *mainStore) copySamples(ctx context.Context, batch []*message) error {
	var copyErr error
	err := s.conn.Raw(func(dc any) error {
		copyErr = copyRows(ctx, dc.(driver.Conn), batch, s.plan.verdicts)
		if copyErr != nil {
			return driver.ErrBadConn // whatever state the COPY is in, nobody else gets this connection
		}
		return nil
	})
	if copyErr != nil {
		return copyErr
	}
	return err
}

// copier is the statement that lib/pq makes of COPY.
type copier interface {
	driver.Stmt
	CopyData(ctx context.Context, line string) (driver.Result, error)
}

func copyRows(ctx context.Context, dc driver.Conn, batch []*message, verdicts []verdict) error {
	stmt, err := dc.Prepare("COPY telemetry_samples (" + sampleColumns + ") FROM STDIN")
	if err != nil {
		return err
	}
	c, ok := stmt.(copier)
	if !ok {
		return fmt.Errorf("the driver's COPY is a %T", stmt)
	}
	for i, m := range batch {
		if verdicts[i] != accept || m.rows.n == 0 {
			continue
		}
		// CopyData copies the bytes and adds the last newline itself.
		if _, err := c.CopyData(ctx, unsafe.String(&m.rows.text[0], len(m.rows.text)-1)); err != nil {
			return errors.Join(err, c.Close())
		}
	}
	if _, err := c.Exec(nil); err != nil { // the driver's way to end a COPY and hear its errors
		return err
	}
	return c.Close()
}

// moveAll moves the cursors that move and brings the latest samples up to date.
func (s *mainStore) moveAll(ctx context.Context) error {
	p := &s.plan
	for i := range s.cols {
		s.cols[i] = s.cols[i][:0]
	}
	s.after = s.after[:0]
	for _, pp := range p.order {
		if !pp.moved {
			continue
		}
		s.add(0, pp.id, int64(pp.pos.Epoch), int64(pp.pos.Seq), pp.wall)
		s.add(5, int64(pp.was.pos.Epoch), int64(pp.was.pos.Seq))
		s.after = append(s.after, pp.afterGap)
		if r := pp.newest; r != nil {
			v := &r.Sample
			s.add(7, pp.id, r.Wall, pp.at.UnixMilli(), v.RateNLDay, v.DeliveredNL, v.ReservoirNL, v.SensedNL, int64(v.Flags),
				v.BatteryMV, v.TemperatureM, v.PressurePa, v.PTMGiven, v.PTMDenied, int64(v.Run))
		}
	}
	if len(s.after) == 0 {
		return nil
	}
	args := make([]any, len(s.cols))
	for i := range args {
		args[i] = s.cols[i]
	}
	args[4] = s.after
	var moved int
	var latest pq.Int64Array
	if err := s.move.QueryRowContext(ctx, args...).Scan(&moved, &latest); err != nil {
		return err
	}
	if moved != len(s.after) {
		return errStale
	}
	for _, id := range latest {
		p.pumps[id].latest = true
	}
	return nil
}

// add puts one row into the columns from on.
func (s *mainStore) add(from int, values ...int64) {
	for i, v := range values {
		s.cols[from+i] = append(s.cols[from+i], v)
	}
}

// transient reports whether a failed transaction may succeed when it is tried
// again soon: the database is away, or somebody was in the way.
func transient(err error) bool {
	if errors.Is(err, errRecord) {
		return false
	}
	code := postgres.Code(err)
	if len(code) < 2 {
		return true // not an answer of the database: the connection broke
	}
	switch code[:2] {
	case "08", // connection
		"40", // rollback: deadlock, serialisation
		"53", // out of disk, memory, connections
		"55", // lock not available
		"57", // shut down, cancelled, starting up
		"58", // I/O error, file not found
		"25": // read-only: a standby
		return true
	}
	return false
}

// aboutData reports whether a failed transaction fails for what its records say,
// today and on any database. Only such records are refused for good. All else, a
// right that was taken away or an index that broke (42, XX), is the database's own
// trouble: a record that meets it stays with its pump.
func aboutData(err error) bool {
	if errors.Is(err, errRecord) {
		return true
	}
	code := postgres.Code(err)
	return len(code) == 5 && (code[:2] == "22" || code[:2] == "23") // data exception, integrity constraint violation
}

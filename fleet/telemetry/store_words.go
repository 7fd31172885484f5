package telemetry

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"cisterna/device/dose"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// stateRow is what the database holds of a pump's state, as far as a new word is
// compared with it.
type stateRow struct {
	firmware, firmwareComm    string
	program, profile, library []byte
	state                     []byte // hash
	keyset, orderEpoch        int64
	smaller                   bool
	fell                      int64         // size to which the record fell last
	severity                  dose.Severity // of a stop of what it holds; 0: not known
	boot                      []byte
	mono                      int64
	commMV                    int64 // as it is stored; no word of this transaction changes it
}

// storeWords commits what pumps said about themselves.
func (s *Service) storeWords(ctx context.Context, words []word) (stored, error) {
	slices.SortStableFunc(words, func(a, b word) int { return cmp.Compare(a.ref.ID, b.ref.ID) }) // locks in id order
	res := stored{cursors: map[int64]wire.Cursors{}, changed: map[int64]bool{}, latest: map[int64]bool{}}
	err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		clear(res.changed)
		clear(res.latest)
		prev, err := lockStates(ctx, tx, words)
		if err != nil {
			return fmt.Errorf("read states: %w", err)
		}
		var leaves []audit.Entry
		var beats []word
		for i := range words {
			w := &words[i]
			if w.answer != nil {
				if err := s.storeAnswer(ctx, tx, w); err != nil {
					return err
				}
				continue
			}
			if boot, mono, _ := w.boot(); prev[w.ref.ID] != nil && string(prev[w.ref.ID].boot) == string(boot[:]) && mono < uint64(prev[w.ref.ID].mono) {
				continue // an older word that came late
			}
			what := w.important(prev[w.ref.ID])
			if len(what) > 0 {
				leaves = append(leaves, w.leaf(what, prev[w.ref.ID]))
				res.changed[w.ref.ID] = true
			}
			if err := s.checkpointAlarm(ctx, tx, w, prev[w.ref.ID]); err != nil {
				return err
			}
			if n := len(beats); n > 0 && beats[n-1].ref.ID == w.ref.ID {
				beats = beats[:n-1] // this word is newer and is the one to be kept
			}
			if w.hello != nil {
				res.changed[w.ref.ID] = true
				if err := storeHello(ctx, tx, w); err != nil {
					return fmt.Errorf("store hello: %w", err)
				}
			} else {
				beats = append(beats, *w)
			}
			if err := s.stated(ctx, tx, w, prev[w.ref.ID]); err != nil {
				return err
			}
			was := prev[w.ref.ID]
			next := w.row(was)
			if was == nil || next.severity != was.severity {
				tx.OnCommit(func() { s.tracker.again(w.ref) })
			}
			prev[w.ref.ID] = next
		}
		if err := s.chargeAlarms(ctx, tx, beats, prev); err != nil {
			return err
		}
		if err := storeHeartbeats(ctx, tx, beats, prev); err != nil {
			return fmt.Errorf("store heartbeats: %w", err)
		}
		if err := storeBeatSamples(ctx, tx, beats, res.latest); err != nil {
			return fmt.Errorf("store heartbeats' samples: %w", err)
		}
		if err := readCursors(ctx, tx, words, res.cursors); err != nil {
			return fmt.Errorf("read cursors: %w", err)
		}
		_, err = audit.AppendBatch(ctx, tx, leaves)
		return err
	})
	return res, err
}

// stated lets the one who compares what a pump runs with what was ordered know,
// in the transaction in which the pump said so. The library is no part of the state
// hash (ORDERS.md), and who adopts which is to be known all the same.
func (s *Service) stated(ctx context.Context, tx *postgres.Tx, w *word, prev *stateRow) error {
	st := w.state()
	if s.Stated == nil || w.hello == nil && st.Report == nil && prev != nil && string(prev.state) == string(st.StateHash) && string(prev.library) == string(st.Library) {
		return nil
	}
	return s.Stated(ctx, tx, Statement{Pump: w.ref, State: st, At: w.at, Envelope: w.body})
}

// row returns the state row as it is after the word.
func (w *word) row(prev *stateRow) *stateRow {
	var r stateRow
	if prev != nil {
		r = *prev
	}
	if w.hello != nil {
		r.firmware, r.firmwareComm = w.hello.Firmware, w.hello.FirmwareComm
	}
	st := w.state()
	r.program, r.profile, r.library, r.state = st.ProgramHash, st.Profile, st.Library, st.StateHash
	r.keyset, r.orderEpoch, r.smaller, r.fell = int64(st.Keyset), int64(st.OrderEpoch), st.Smaller, fellTo(st)
	if w.hello != nil || st.Report != nil {
		r.severity = severityOf(st)
	}
	boot, mono, _ := w.boot()
	r.boot, r.mono = boot[:], int64(mono)
	return &r
}

// FirmwareChange is another version than a part had reported before.
type FirmwareChange struct {
	Part string `json:"part"` // "pump" or "communicator"
	Was  string `json:"was"`
	Is   string `json:"is"`
}

// firmwareChanges returns what versions a hello has changed. A first word changes
// none: what ran before it is not known.
func (w *word) firmwareChanges(prev *stateRow) (all []FirmwareChange) {
	if w.hello == nil || prev == nil {
		return nil
	}
	for _, c := range []FirmwareChange{{"pump", prev.firmware, storable(w.hello.Firmware)}, {"communicator", prev.firmwareComm, storable(w.hello.FirmwareComm)}} {
		if c.Was != "" && c.Was != c.Is {
			all = append(all, c)
		}
	}
	return all
}

func (w *word) leaf(what []string, prev *stateRow) audit.Entry {
	kind := "pump.state"
	if w.hello != nil {
		kind = "pump.hello"
	}
	boot, _, wall := w.boot()
	st := w.state()
	return audit.Entry{
		Kind: kind, Actor: auth.Device(w.link).String(), Device: w.link, Object: fmt.Sprintf("pump:%d", w.ref.ID), NewHash: st.StateHash,
		DeviceTime: w.deviceAt(wall), BootID: boot[:], Evidence: w.body, Site: w.ref.Site, Pump: w.ref.ID,
		Payload: struct {
			Changed  []string         `json:"changed"`
			Firmware []FirmwareChange `json:"firmware,omitempty"`
		}{what, w.firmwareChanges(prev)},
	}
}

// checkpointAlarm raises SECURITY when a pump says that it was shown a smaller
// checkpoint of the record than it knows: somebody may have rolled the record
// back. It ends when somebody has looked at it, as after a restore that was meant, and
// another fall raises it again; or when the pump no longer says so.
func (s *Service) checkpointAlarm(ctx context.Context, tx *postgres.Tx, w *word, prev *stateRow) error {
	st := w.state()
	was := prev != nil && prev.smaller
	switch {
	case st.Smaller && (!was || fellTo(st) != prev.fell):
		_, _, err := s.Alarms.RaiseTx(ctx, tx, alarm.Raise{
			Pump: w.ref.ID, Site: w.ref.Site, Code: "SECURITY", Source: alarm.SourceServer, Instance: alarm.OfCheckpoint, At: w.at,
			Detail: map[string]string{
				"reason":          "The pump was shown a smaller checkpoint of the record than one it has seen.",
				"checkpoint_size": fmt.Sprint(st.Checkpoint.Size),
				"shown_size":      fmt.Sprint(fellTo(st)),
			},
			Actor: auth.System("ingest"), Link: w.link, Evidence: w.body,
		})
		return err
	case !st.Smaller && was:
		_, err := s.Alarms.ClearTx(ctx, tx, alarm.Clear{
			Pump: w.ref.ID, Site: w.ref.Site, Code: "SECURITY", Source: alarm.SourceServer, Instance: alarm.OfCheckpoint, At: w.at,
			Actor: auth.System("ingest"), Link: w.link, Evidence: w.body,
		})
		return err
	}
	return nil
}

// fellTo returns the size to which the record fell last as far as the pump says: 0 of
// a pump that does not, or if it never did.
func fellTo(st *wire.State) int64 {
	if !st.Smaller {
		return 0
	}
	return int64(min(st.Fell, 1<<53))
}

func pumpIDs(words []word) pq.Int64Array {
	ids := make(pq.Int64Array, 0, len(words))
	for i := range words {
		if n := len(ids); n == 0 || ids[n-1] != words[i].ref.ID {
			ids = append(ids, words[i].ref.ID)
		}
	}
	return ids
}

func lockStates(ctx context.Context, tx *postgres.Tx, words []word) (map[int64]*stateRow, error) {
	rows, err := tx.QueryContext(ctx, `SELECT pump_id, coalesce(firmware, ''), coalesce(firmware_comm, ''), program_hash, profile_hash, lib_hash,
    keyset, order_epoch, smaller, smaller_size, boot, mono_ms, state_hash, severity, coalesce(comm_mv, 0)
FROM telemetry_states WHERE pump_id = ANY ($1) ORDER BY pump_id FOR UPDATE`, pumpIDs(words))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	prev := map[int64]*stateRow{}
	for rows.Next() {
		var id int64
		var r stateRow
		if err := rows.Scan(&id, &r.firmware, &r.firmwareComm, &r.program, &r.profile, &r.library, &r.keyset, &r.orderEpoch, &r.smaller, &r.fell, &r.boot, &r.mono, &r.state, &r.severity, &r.commMV); err != nil {
			return nil, err
		}
		prev[id] = &r
	}
	return prev, rows.Err()
}

// bytesOf makes nil an empty value: columns of hashes are NOT NULL.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func storeHello(ctx context.Context, tx *postgres.Tx, w *word) error {
	h, st := w.hello, &w.hello.State
	caps := make(pq.StringArray, len(h.Caps))
	for i, c := range h.Caps {
		caps[i] = storable(c)
	}
	vendor, err := json.Marshal(cleanMap(h.Vendor))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO telemetry_states (pump_id, hello_at, boot, mono_ms, device_at, protocol_min, protocol_max, caps, serial, model, firmware, firmware_comm,
    main_epoch, main_seq, alarms_epoch, alarms_seq, vendor, program, contents,
    run, state_hash, program_hash, profile_hash, lib_hash, keyset, gen, order_epoch, counter, stop_counter, order_window, checkpoint_size, checkpoint_root, smaller, severity, smaller_size)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35)
ON CONFLICT (pump_id) DO UPDATE SET hello_at = excluded.hello_at, boot = excluded.boot, mono_ms = excluded.mono_ms, device_at = excluded.device_at,
    protocol_min = excluded.protocol_min, protocol_max = excluded.protocol_max, caps = excluded.caps, serial = excluded.serial, model = excluded.model,
    firmware = excluded.firmware, firmware_comm = excluded.firmware_comm, main_epoch = excluded.main_epoch, main_seq = excluded.main_seq,
    alarms_epoch = excluded.alarms_epoch, alarms_seq = excluded.alarms_seq, vendor = excluded.vendor, program = excluded.program, contents = excluded.contents,
    severity = excluded.severity, `+stateSet,
		w.ref.ID, w.at, h.Boot[:], int64(h.Mono), w.deviceAt(h.Wall), int64(min(h.Min, maxN)), int64(min(h.Max, maxN)), caps,
		storable(h.Serial), storable(h.Model), storable(h.Firmware), storable(h.FirmwareComm),
		int64(h.Main.Epoch), int64(h.Main.Seq), int64(h.Alarm.Epoch), int64(h.Alarm.Seq), string(vendor), st.Program, st.Contents,
		int64(st.Run), bytesOf(st.StateHash), bytesOf(st.ProgramHash), bytesOf(st.Profile), bytesOf(st.Library), int64(st.Keyset), int64(st.Gen), int64(st.OrderEpoch),
		int64(st.Counter), int64(st.StopCounter), st.Window, int64(st.Checkpoint.Size), bytesOf(st.Checkpoint.Root), st.Smaller, int64(severityOf(st)), fellTo(st))
	return err
}

const stateSet = `run = excluded.run, state_hash = excluded.state_hash, program_hash = excluded.program_hash, profile_hash = excluded.profile_hash,
    lib_hash = excluded.lib_hash, keyset = excluded.keyset, gen = excluded.gen, order_epoch = excluded.order_epoch, counter = excluded.counter,
    stop_counter = excluded.stop_counter, order_window = excluded.order_window, checkpoint_size = excluded.checkpoint_size,
    checkpoint_root = excluded.checkpoint_root, smaller = excluded.smaller, smaller_size = excluded.smaller_size`

func cleanMap(d map[string]string) map[string]string {
	clean := make(map[string]string, len(d))
	for k, v := range d {
		clean[storable(k)] = storable(v)
	}
	return clean
}

// storeHeartbeats writes the state of heartbeats, one per pump; states is what is
// known after them.
func storeHeartbeats(ctx context.Context, tx *postgres.Tx, beats []word, states map[int64]*stateRow) error {
	if len(beats) == 0 {
		return nil
	}
	n := len(beats)
	var ints [14]pq.Int64Array
	var hashes [7]pq.ByteaArray
	for i := range ints {
		ints[i] = make(pq.Int64Array, n)
	}
	for i := range hashes {
		hashes[i] = make(pq.ByteaArray, n)
	}
	smaller, fell := make(pq.BoolArray, n), make(pq.Int64Array, n)
	for i := range beats {
		w := &beats[i]
		hb, st := w.hb, &w.hb.State
		for k, v := range [...]int64{
			w.ref.ID, w.at.UnixMilli(), w.deviceAt(hb.Wall).UnixMilli(), int64(hb.Mono), int64(hb.Backlog), hb.CommMV, int64(st.Run),
			int64(st.Keyset), int64(st.Gen), int64(st.OrderEpoch), int64(st.Counter), int64(st.StopCounter), int64(st.Checkpoint.Size), int64(states[w.ref.ID].severity),
		} {
			ints[k][i] = v
		}
		for k, v := range [...][]byte{hb.Boot[:], bytesOf(st.StateHash), bytesOf(st.ProgramHash), bytesOf(st.Profile), bytesOf(st.Library), bytesOf(st.Window), bytesOf(st.Checkpoint.Root)} {
			hashes[k][i] = v
		}
		smaller[i], fell[i] = st.Smaller, fellTo(st)
	}
	args := make([]any, 0, len(ints)+len(hashes)+1)
	for _, a := range ints {
		args = append(args, a)
	}
	for _, a := range hashes {
		args = append(args, a)
	}
	args = append(args, smaller, fell)
	_, err := tx.ExecContext(ctx, `INSERT INTO telemetry_states (pump_id, heartbeat_at, device_at, mono_ms, backlog, comm_mv, run, keyset, gen, order_epoch, counter, stop_counter,
    checkpoint_size, boot, state_hash, program_hash, profile_hash, lib_hash, order_window, checkpoint_root, smaller, severity, smaller_size)
SELECT pump, timestamptz 'epoch' + at * interval '1 millisecond', timestamptz 'epoch' + device * interval '1 millisecond', mono, backlog, comm, run, keyset, gen, ep, counter, stops,
    size, boot, state, program, profile, library, nullif(win, ''::bytea), root, smaller, severity, fell
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::integer[], $7::smallint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[],
    $13::bigint[], $14::smallint[], $15::bytea[], $16::bytea[], $17::bytea[], $18::bytea[], $19::bytea[], $20::bytea[], $21::bytea[], $22::boolean[], $23::bigint[])
    u(pump, at, device, mono, backlog, comm, run, keyset, gen, ep, counter, stops, size, severity, boot, state, program, profile, library, win, root, smaller, fell)
ORDER BY pump
ON CONFLICT (pump_id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at, device_at = excluded.device_at, mono_ms = excluded.mono_ms, boot = excluded.boot,
    backlog = excluded.backlog, comm_mv = excluded.comm_mv, severity = excluded.severity, `+stateSet, args...)
	return err
}

// forgetCharge forgets the voltage of the communicator that a pump had.
func forgetCharge(ctx context.Context, tx *postgres.Tx, pump int64) error {
	if _, err := tx.ExecContext(ctx, `UPDATE telemetry_states SET comm_mv = NULL WHERE pump_id = $1`, pump); err != nil {
		return fmt.Errorf("forget the communicator's battery of pump %d: %w", pump, err)
	}
	return nil
}

// storeBeatSamples makes the samples of heartbeats the latest ones. A heartbeat
// speaks of now, so that only one received later may stand against it.
func storeBeatSamples(ctx context.Context, tx *postgres.Tx, beats []word, latest map[int64]bool) error {
	var cols [14]pq.Int64Array
	for i := range beats {
		w := &beats[i]
		v, ok := sampleOf(w.hb, w.at)
		if !ok {
			continue
		}
		for k, x := range [...]int64{
			w.ref.ID, w.deviceAt(w.hb.Wall).UnixMilli(), w.at.UnixMilli(), v.RateNLDay, v.DeliveredNL, v.ReservoirNL, v.SensedNL, int64(v.Flags),
			v.BatteryMV, v.TemperatureM, v.PressurePa, v.PTMGiven, v.PTMDenied, int64(v.Run),
		} {
			cols[k] = append(cols[k], x)
		}
	}
	if len(cols[0]) == 0 {
		return nil
	}
	args := make([]any, len(cols))
	for i := range cols {
		args[i] = cols[i]
	}
	rows, err := tx.QueryContext(ctx, `INSERT INTO telemetry_latest AS l (pump_id, device_at, received_at, rate_nl_day, delivered_nl, reservoir_nl, sensed_nl, flags,
    battery_mv, temperature_mc, pressure_pa, ptm_given, ptm_denied, run)
SELECT pump, timestamptz 'epoch' + ms * interval '1 millisecond', timestamptz 'epoch' + received * interval '1 millisecond', rate, delivered, reservoir, nullif(sensed, -1), flags,
    battery, temperature, pressure, given, denied, run
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::integer[], $10::integer[], $11::integer[], $12::integer[], $13::integer[], $14::smallint[])
    u(pump, ms, received, rate, delivered, reservoir, sensed, flags, battery, temperature, pressure, given, denied, run)
ORDER BY pump
ON CONFLICT (pump_id) DO UPDATE SET `+latestSet+`
 WHERE `+latestAhead+` OR excluded.received_at >= l.received_at
RETURNING l.pump_id`, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		latest[id] = true
	}
	return rows.Err()
}

// readCursors reads what is committed of the pumps that said hello.
func readCursors(ctx context.Context, tx *postgres.Tx, words []word, out map[int64]wire.Cursors) error {
	var ids pq.Int64Array
	for i := range words {
		if id := words[i].ref.ID; words[i].hello != nil {
			ids = append(ids, id)
			out[id] = wire.Cursors{Main: &wire.Position{Epoch: 1}, Alarm: &wire.Position{Epoch: 1}}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := tx.QueryContext(ctx, `SELECT pump_id, lane, epoch, seq FROM telemetry_cursors WHERE pump_id = ANY ($1)`, ids)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, epoch, seq int64
		var lane wire.Lane
		if err := rows.Scan(&id, &lane, &epoch, &seq); err != nil {
			return err
		}
		c, pos := out[id], wire.Position{Epoch: uint64(epoch), Seq: uint64(seq)}
		if lane == wire.AlarmLane {
			*c.Alarm = pos
		} else {
			*c.Main = pos
		}
	}
	return rows.Err()
}

// storeAnswer keeps a pump's answer to a document, with a leaf, and lets the one
// who sent the document know in the same transaction.
func (s *Service) storeAnswer(ctx context.Context, tx *postgres.Tx, w *word) error {
	a := w.answer
	res, err := tx.ExecContext(ctx, `INSERT INTO telemetry_answers (pump_id, doc, code, kind, note, run, state_hash, program_hash, device_at, received_at, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`,
		w.ref.ID, a.Doc[:], storable(a.Code), a.Kind.String(), storable(a.Note), int64(a.Run), bytesOf(a.StateHash), bytesOf(a.ProgramHash), w.deviceAt(a.Wall), w.at, w.body)
	if err != nil {
		return fmt.Errorf("store answer: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err // said before
	}
	err = audit.Append(ctx, tx, audit.Entry{
		Kind: "pump.answer", Actor: auth.Device(w.link).String(), Device: w.link, Object: fmt.Sprintf("doc:%x", a.Doc), Reason: a.Code,
		NewHash: a.StateHash, DeviceTime: w.deviceAt(a.Wall), Evidence: w.body, Site: w.ref.Site, Pump: w.ref.ID,
		Payload: struct {
			Kind string `json:"kind"`
			Code string `json:"code"`
			Note string `json:"note,omitempty"`
		}{a.Kind.String(), a.Code, a.Note},
	})
	if err != nil || s.Answered == nil {
		return err
	}
	return s.Answered(ctx, tx, Answer{Pump: w.ref, Answer: *a, At: w.at, Envelope: w.body})
}

var errNoRow = sql.ErrNoRows

// alarmCursor returns what is committed of a pump's alarm lane.
func (s *Service) alarmCursor(ctx context.Context, pump int64) (wire.Position, error) {
	pos := wire.Position{Epoch: 1}
	err := s.DB.QueryRowContext(ctx, `SELECT epoch, seq FROM telemetry_cursors WHERE pump_id = $1 AND lane = $2`, pump, int64(wire.AlarmLane)).Scan(&pos.Epoch, &pos.Seq)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return pos, err
}

package overview

import (
	"testing"
	"time"

	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// When the low mark is reached: by the program, not by what flows at the moment.
func TestLowAt(t *testing.T) {
	const day = 24 * time.Hour
	data := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	full := Row{HasSample: true, Run: wire.Infusing, LastData: data, ReservoirNL: 12_000_000, CapacityNL: 20_000_000, LowNL: 2_000_000, RateNLDay: 900_000, ProgramNLDay: 500_000}
	with := func(change func(*Row)) Row {
		r := full
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		row  Row
		in   time.Duration // −1: not known
		what string
	}{
		"by its program":                    {full, 20 * day, "ok"},
		"a bolus changes nothing":           {with(func(r *Row) { r.Run, r.RateNLDay = wire.Bolus, 90_000_000 }), 20 * day, "ok"},
		"stopped":                           {with(func(r *Row) { r.Run = wire.Stopped }), -1, "ok"},
		"no sample":                         {with(func(r *Row) { r.HasSample = false }), -1, ""},
		"program not known":                 {with(func(r *Row) { r.ProgramNLDay = -1 }), -1, "ok"},
		"at the minimum rate":               {with(func(r *Row) { r.Run, r.RateNLDay, r.ProgramNLDay = wire.Minimum, 10_000, 0 }), 1000 * day, "ok"},
		"resting between doses":             {with(func(r *Row) { r.Run, r.RateNLDay = wire.Minimum, 10_000 }), 20 * day, "ok"},
		"at the mark":                       {with(func(r *Row) { r.ReservoirNL = 2_000_000 }), 0, "low"},
		"below the mark":                    {with(func(r *Row) { r.ReservoirNL = 1_999_999 }), 0, "low"},
		"one nanolitre above, rounded down": {with(func(r *Row) { r.ReservoirNL = 2_000_001 }), 0, "ok"},
		"no mark":                           {with(func(r *Row) { r.LowNL = 0 }), -1, ""},
		"more than it can hold":             {with(func(r *Row) { r.ReservoirNL = 300_000_000 }), -1, "ok"},
		"beyond every date":                 {with(func(r *Row) { r.ProgramNLDay = 1 }), -1, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			want := time.Time{}
			if c.in >= 0 {
				want = data.Add(c.in)
			}
			if got := c.row.lowAt(); !got.Equal(want) {
				t.Errorf("low at %v, want %v", got, want)
			}
			if got := c.row.level(); got != c.what {
				t.Errorf("level %q, want %q", got, c.what)
			}
		})
	}
}

// What the program of a hello delivers, and the newest certificate that counts,
// reach the row.
func TestProgramAndCertificateOfARow(t *testing.T) {
	r := newRig(t)
	p := r.pump(r.sites[0])
	program := dose.Program{Mode: dose.FlexDay, Cycle: units.Day, Segments: []dose.Segment{
		{Offset: 0, Duration: units.Day / 4, Volume: 300_000}, {Offset: units.Day / 4, Duration: units.Day * 3 / 4, Volume: 150_000},
	}}
	p.hello(func(h *wire.Hello) { h.State.Program = program.Encode() })
	newest := time.Now().Add(20 * 24 * time.Hour).UTC().Truncate(time.Millisecond)
	for i, c := range []struct {
		end     time.Time
		revoked bool
	}{{newest.Add(-15 * 24 * time.Hour), false}, {newest, false}, {newest.Add(time.Hour), true}} {
		r.exec(`INSERT INTO registry_certificates (serial, pump_id, link, not_before, not_after, issued_at, request_hash, leaf_hash, chain, revoked_at)
VALUES ($1, $2, $3, $4::timestamptz - interval '90 days', $4, now(), $5, $5, '{}', CASE WHEN $6 THEN now() END)`, string(rune('a'+i)), p.id, p.link, c.end, append(make([]byte, 31), byte(i)), c.revoked)
	}
	rows, err := r.view.readRows(t.Context(), []int64{p.id})
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	if rows[0].ProgramNLDay != 450_000 {
		t.Errorf("its program delivers %d nL a day, want 450000", rows[0].ProgramNLDay)
	}
	if !rows[0].CertEnds.Equal(newest) {
		t.Errorf("its certificate ends %v, want %v", rows[0].CertEnds, newest)
	}
}

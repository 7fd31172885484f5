package main

import (
	"testing"
	"time"

	"cisterna/fleet/telemetry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

// TestAuditReports: the server puts the digest of an hour that is over on the record, and
// the command finds a report that was slipped in afterwards.
func TestAuditReports(t *testing.T) {
	db := pgtest.NewDB(t)
	in := place(t)
	in.at = db.URL
	env := []string{"CISTERNA_DATABASE_URL=" + db.URL(postgres.AppRole)}
	call{args: "audit reports", env: env, code: 2, err: "no digest of reports yet"}.run(t)
	hour := time.Now().UTC().Truncate(time.Hour).Add(-3 * time.Hour)
	if _, err := db.Exec(`INSERT INTO telemetry_watermarks (job, upto) VALUES ('digest', $1)`, hour); err != nil {
		t.Fatal(err)
	}
	app := in.start()
	eventually(t, "the digests", func() bool {
		var n int
		return db.Get(&n, `SELECT count(*) FROM audit_leaf WHERE kind = $1`, telemetry.KindDigest) == nil && n >= 2
	})
	app.Stop()
	first := hour.Format(time.RFC3339) + "  "
	call{args: "audit reports", env: env, out: first + "0 samples, 0 events: as recorded"}.run(t)

	owner := in.ownerDB()
	if _, err := owner.Exec(`INSERT INTO telemetry_events (pump_id, epoch, seq, code, device_at, received_at) VALUES (1, 1, 1, 'REFILLED', $1, $1)`, hour.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	call{args: "audit reports", env: env, code: 1, out: first + `0 samples, 1 events: DIFFERENT; recorded were {"samples":0,"events":0}`, err: "the reports of 1 are not"}.run(t)
	call{args: "audit reports --hours 1", env: env, out: "as recorded"}.run(t)
}

// TestAuditReportsNotKept: hours whose samples retention has dropped are said to be so,
// younger ones are not believed to be, and an hour between others without a digest is
// noticed.
func TestAuditReportsNotKept(t *testing.T) {
	db := pgtest.NewDB(t)
	env := []string{"CISTERNA_DATABASE_URL=" + db.URL(postgres.AppRole)}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	old := today.AddDate(0, 0, -100)
	digest := func(hour time.Time) string {
		t.Helper()
		err := postgres.InTx(t.Context(), db.DB, func(tx *postgres.Tx) error {
			return audit.Append(t.Context(), tx, audit.Entry{
				Kind: telemetry.KindDigest, Actor: auth.System("telemetry").String(), Object: telemetry.DigestObject(hour), NewHash: make([]byte, 32), Payload: telemetry.Digest{Samples: 5},
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return hour.Format(time.RFC3339)
	}
	digest(old)
	said := digest(old.Add(time.Hour)) + `  0 samples, 0 events: no longer kept; recorded were {"samples":5,"events":0}`
	call{args: "audit reports", env: env, out: said}.run(t)
	digest(old.Add(4 * time.Hour))
	gap := "no digest from " + old.Add(2*time.Hour).Format(time.RFC3339) + " to " + old.Add(4*time.Hour).Format(time.RFC3339)
	call{args: "audit reports", env: env, code: 1, out: gap, err: "the reports of 0 are not those that the record has a digest of; 2 hours between them have no digest"}.run(t)

	// Of two days ago nothing may be dropped, and there is no partition.
	young := digest(today.AddDate(0, 0, -2))
	call{args: "audit reports --hours 1", env: env, code: 1, out: young + "  0 samples, 0 events: DIFFERENT"}.run(t)
}

package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"

	"cisterna/internal/errs"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

func count(t testing.TB, db *sqlx.DB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := db.Get(&n, query, args...); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAppendOneAndBatchAlike: both ways in write the same.
func TestAppendOneAndBatchAlike(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	entries := []Entry{
		{Kind: "a.plain", Actor: "system:test"},
		{
			Kind: "a.full", Actor: "person:7 anna's \"quoted\" \\ {name}", OnBehalf: "person:9", Device: "COMM-1", Object: "order:1", Reason: "zażółć, 日本",
			OldHash: []byte{1}, NewHash: []byte{2}, DeviceTime: time.UnixMicro(-5).UTC(), DeviceSeq: 1 << 63, BootID: []byte{0xff},
			Evidence: []byte{0, 255, '\\', '"', '{'}, Payload: map[string]any{"q": "\"\\ \x00 é", "n": 1}, Site: 3, Pump: 4,
		},
		{Kind: "a.empty", Actor: "system:test", Evidence: []byte{}, Payload: struct{}{}},
		{Kind: "a.same", Actor: "system:test", Evidence: []byte{0, 255, '\\', '"', '{'}, Payload: []int{}},
	}
	batch := add(t, db, entries...)
	var single []Ref
	err := postgres.InTx(t.Context(), db, func(tx *postgres.Tx) error {
		for _, e := range entries {
			r, err := AppendRef(t.Context(), tx, e)
			if err != nil {
				return err
			}
			single = append(single, r)
		}
		return Append(t.Context(), tx, entries[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		a, _, err := Get(t.Context(), db, Filter{AllSites: true}, batch[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := Get(t.Context(), db, Filter{AllSites: true}, single[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		for name, r := range map[string]Row{"batch": a, "single": b} {
			e := entries[i]
			if r.Kind != e.Kind || r.Actor != e.Actor || r.Reason != e.Reason || r.Site != e.Site || r.Pump != e.Pump || r.DeviceSeq != e.DeviceSeq ||
				!r.DeviceTime.Equal(e.DeviceTime) || (r.Evidence == nil) != (e.Evidence == nil) || (r.Payload == nil) != (e.Payload == nil) || r.Damaged != "" {
				t.Errorf("%s: read %+v, wrote %+v", name, r, e)
			}
			if e.Evidence != nil {
				if body, err := Evidence(t.Context(), db, r.Evidence); err != nil || !bytes.Equal(body, e.Evidence) {
					t.Errorf("%s: evidence %x, %v", name, body, err)
				}
			}
		}
		if string(a.Payload) != string(b.Payload) || a.Hash != batch[i].Hash || b.Hash != single[i].Hash {
			t.Errorf("entry %d: %+v and %+v", i, a, b)
		}
	}
	if n := count(t, db, `SELECT count(*) FROM audit_payload`); n != 6 {
		t.Errorf("%d payloads, want 6: entries without one have a row", n)
	}
	if n := count(t, db, `SELECT count(*) FROM audit_evidence`); n != 2 {
		t.Errorf("%d documents, want 2: equal ones are stored once", n)
	}
}

// TestBatchKeepsOrder: ids, and so places in the tree, follow the batch.
func TestBatchKeepsOrder(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	entries := make([]Entry, 500)
	for i := range entries {
		entries[i] = Entry{Kind: "a.b", Actor: "system:test", Object: fmt.Sprint(i)}
	}
	refs := add(t, db, entries...)
	for i, r := range refs {
		if i > 0 && r.ID <= refs[i-1].ID {
			t.Fatalf("id %d follows %d", r.ID, refs[i-1].ID)
		}
	}
	rows, _, err := List(t.Context(), db, Filter{AllSites: true}, 0, 500)
	if err != nil || len(rows) != 500 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, r := range rows {
		if want := fmt.Sprint(499 - i); r.Object != want || r.Hash != refs[499-i].Hash {
			t.Fatalf("row %d is of entry %s, want %s", i, r.Object, want)
		}
	}
}

// TestFailedAppendTakesTheChangeDown: when a leaf cannot be written, as on a
// full disk, the change it tells of does not happen either.
func TestFailedAppendTakesTheChangeDown(t *testing.T) {
	t.Parallel()
	app, owner := pgtest.NewOwner(t)
	exec := func(query string) {
		t.Helper()
		if _, err := owner.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE business (n int)`)
	change := func() error {
		return postgres.InTx(t.Context(), app, func(tx *postgres.Tx) error {
			if _, err := tx.Exec(`INSERT INTO business VALUES (1)`); err != nil {
				return err
			}
			return Append(t.Context(), tx, Entry{Kind: "a.b", Actor: "system:test", Payload: 1, Evidence: []byte("x")})
		})
	}
	exec(`CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$`)
	for _, table := range []string{"audit_leaf", "audit_pending", "audit_payload", "audit_evidence"} {
		t.Run("disk full at "+table, func(t *testing.T) {
			exec(`CREATE TRIGGER full_disk BEFORE INSERT ON ` + table + ` EXECUTE FUNCTION disk_full()`)
			if err := change(); postgres.Code(err) != "53100" {
				t.Errorf("error %v, want disk_full", err)
			}
			exec(`DROP TRIGGER full_disk ON ` + table)
		})
	}
	t.Run("no right to append", func(t *testing.T) {
		exec(`REVOKE EXECUTE ON FUNCTION audit_append FROM cisterna_app`)
		if err := change(); postgres.Code(err) != postgres.InsufficientRights {
			t.Errorf("error %v, want insufficient rights", err)
		}
		exec(`GRANT EXECUTE ON FUNCTION audit_append TO cisterna_app`)
	})
	t.Run("an entry without an actor", func(t *testing.T) {
		err := postgres.InTx(t.Context(), app, func(tx *postgres.Tx) error {
			if _, err := tx.Exec(`INSERT INTO business VALUES (1)`); err != nil {
				return err
			}
			return Append(t.Context(), tx, Entry{Kind: "a.b"})
		})
		if err == nil {
			t.Error("accepted")
		}
	})
	for _, table := range []string{"business", "audit_leaf", "audit_pending", "audit_payload", "audit_evidence"} {
		if n := count(t, owner, `SELECT count(*) FROM `+table); n != 0 {
			t.Errorf("%d rows in %s after failed appends", n, table)
		}
	}
	if err := change(); err != nil {
		t.Fatalf("and when there is room again: %v", err)
	}
	if n := count(t, owner, `SELECT count(*) FROM business`); n != 1 {
		t.Errorf("%d rows of business, want 1", n)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var entries []Entry
	for i := range 60 {
		entries = append(entries, Entry{
			Kind:  []string{"pump.register", "pump.claim", "pumpkin.eat", "alarm.raise"}[i%4],
			Actor: []string{"person:7 anna", "person:7 anna-maria", "person:77 bo"}[i%3], Site: int64(i % 2), Pump: int64(i % 5),
		})
	}
	add(t, db, entries...)
	tests := []struct {
		name   string
		filter Filter
		match  func(Entry) bool
	}{
		{"nothing by default", Filter{}, func(Entry) bool { return false }},
		{"everything", Filter{AllSites: true}, func(Entry) bool { return true }},
		{"one site", Filter{Sites: []int64{1}}, func(e Entry) bool { return e.Site == 1 }},
		{"other sites", Filter{Sites: []int64{2, 3}}, func(e Entry) bool { return false }},
		{"a kind", Filter{AllSites: true, Kind: "pump.claim"}, func(e Entry) bool { return e.Kind == "pump.claim" }},
		{"an area", Filter{AllSites: true, Kind: "pump."}, func(e Entry) bool { return strings.HasPrefix(e.Kind, "pump.") }},
		{"a person by id", Filter{AllSites: true, Actor: "person:7"}, func(e Entry) bool { return strings.HasPrefix(e.Actor, "person:7 ") }},
		{"a person by id and name", Filter{AllSites: true, Actor: "person:7 anna"}, func(e Entry) bool { return e.Actor == "person:7 anna" }},
		{"a pump", Filter{AllSites: true, Pump: 3}, func(e Entry) bool { return e.Pump == 3 }},
		{"all at once", Filter{Sites: []int64{1}, Kind: "alarm.", Actor: "person:7", Pump: 3}, func(e Entry) bool {
			return e.Site == 1 && e.Kind == "alarm.raise" && strings.HasPrefix(e.Actor, "person:7 ") && e.Pump == 3
		}},
		{"before all", Filter{AllSites: true, To: time.Now().Add(-time.Hour)}, func(Entry) bool { return false }},
		{"after all", Filter{AllSites: true, From: time.Now().Add(time.Hour)}, func(Entry) bool { return false }},
		{"around all", Filter{AllSites: true, From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)}, func(Entry) bool { return true }},
		{"not SQL", Filter{AllSites: true, Kind: "' OR true --", Actor: "x' OR 'a'='a"}, func(Entry) bool { return false }},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var want []string
			for i := len(entries) - 1; i >= 0; i-- {
				if tc.match(entries[i]) {
					want = append(want, entries[i].Kind+" "+entries[i].Actor)
				}
			}
			var got []string
			before, pages := int64(0), 0
			for {
				rows, next, err := List(t.Context(), db, tc.filter, before, 7)
				if err != nil {
					t.Fatal(err)
				}
				pages++
				for _, r := range rows {
					got = append(got, r.Kind+" "+r.Actor)
				}
				if before = next; next == 0 {
					break
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if most := max(1, (len(want)+6)/7); pages != most {
				t.Errorf("%d pages, want %d", pages, most)
			}
		})
	}
}

func TestGetProvesInclusion(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	signer := newSigner(t)
	refs := add(t, db, sampleEntry(1), sampleEntry(2), sampleEntry(3))
	if row, proof, err := Get(t.Context(), db, Filter{AllSites: true}, refs[0].ID); err != nil || proof != nil || row.Index != -1 {
		t.Errorf("before it is sequenced: index %d, proof %v, %v", row.Index, proof, err)
	}
	s, _ := runSequencer(t, Options{DB: db, Signer: signer})
	waitFor(t, s, refs[2])
	more := add(t, db, sampleEntry(4), sampleEntry(5))
	waitFor(t, s, more[1])
	all := Filter{AllSites: true}
	for i, ref := range append(refs, more...) {
		row, proof, err := Get(t.Context(), db, all, ref.ID)
		if err != nil || proof == nil {
			t.Fatalf("leaf %d: %v", i, err)
		}
		if row.Index != int64(i) || row.Hash != ref.Hash {
			t.Errorf("leaf %d is at %d", i, row.Index)
		}
		text := proof.Text()
		if p, err := VerifyProof(text, ref.Hash, signer.Trust()); err != nil || p.Index != int64(i) {
			t.Errorf("leaf %d: proof\n%s: %v", i, text, err)
		}
		if _, err := VerifyProof(text, refs[(i+1)%3].Hash, signer.Trust()); err == nil && i != 2 {
			t.Errorf("the proof of leaf %d passes for another", i)
		}
		if _, err := VerifyProof(text, ref.Hash, theSeeded().trust); !errors.Is(err, ErrUntrusted) {
			t.Errorf("with another key: %v, want ErrUntrusted", err)
		}
		for _, damaged := range []string{
			strings.Replace(text, "index", "extra", 1), strings.Replace(text, "\nindex ", "\nindex 1", 1), strings.Replace(text, "\nindex ", "\nindex 0", 1),
			strings.Replace(text, "@v1", "@v2", 1), text[:len(text)/2], "",
		} {
			if _, err := VerifyProof(damaged, ref.Hash, signer.Trust()); err == nil {
				t.Errorf("accepted:\n%s", damaged)
			}
		}
	}
	if _, _, err := Get(t.Context(), db, Filter{Sites: []int64{99}}, refs[0].ID); errs.KindOf(err) != errs.NotFound {
		t.Errorf("an entry of another site: %v, want not found", err)
	}
	if _, _, err := Get(t.Context(), db, all, 1<<40); errs.KindOf(err) != errs.NotFound {
		t.Errorf("no such entry: %v, want not found", err)
	}
	if _, err := Evidence(t.Context(), db, []byte("none")); errs.KindOf(err) != errs.NotFound {
		t.Errorf("no such document: %v, want not found", err)
	}
}

func TestErase(t *testing.T) {
	t.Parallel()
	app, _ := pgtest.NewOwner(t)
	signer := newSigner(t)
	refs := add(t, app, sampleEntry(0), sampleEntry(1), sampleEntry(3))
	erase := func(id int64) (done bool, err error) {
		err = postgres.InTx(t.Context(), app, func(tx *postgres.Tx) (err error) {
			done, err = Erase(t.Context(), tx, "person:3 otto", "the patient asked for it", id)
			return err
		})
		return done, err
	}
	if done, err := erase(refs[0].ID); !done || err != nil {
		t.Fatalf("erase: %v, %v", done, err)
	}
	for name, id := range map[string]int64{"again": refs[0].ID, "what has no payload": refs[1].ID, "what is not there": 1 << 40} {
		if done, err := erase(id); done || err != nil {
			t.Errorf("erase %s: %v, %v; want nothing to do", name, done, err)
		}
	}
	if n := count(t, app, `SELECT count(*) FROM audit_leaf WHERE kind = $1`, EraseKind); n != 1 {
		t.Errorf("%d erasures are on the record, want 1", n)
	}
	// The record of one erasure is no licence for another.
	_, err := app.Exec(`SELECT audit_erase($1, (SELECT max(id) FROM audit_leaf WHERE kind = $2))`, refs[2].ID, EraseKind)
	if postgres.Code(err) != "CI002" {
		t.Errorf("erase in the name of another erasure: %v, want a refusal", err)
	}
	row, _, err := Get(t.Context(), app, Filter{AllSites: true}, refs[0].ID)
	if err != nil || !row.Erased || row.Payload != nil {
		t.Errorf("it reads as erased: %v, payload %s, %v", row.Erased, row.Payload, err)
	}
	if row, _, err = Get(t.Context(), app, Filter{AllSites: true}, refs[2].ID); err != nil || row.Erased || row.Payload == nil {
		t.Errorf("another one reads as erased: %v, payload %s, %v", row.Erased, row.Payload, err)
	}
	s, _ := runSequencer(t, Options{DB: app, Signer: signer})
	last := add(t, app, Entry{Kind: "a.b", Actor: "system:test"})
	waitFor(t, s, last[0])
	r := verify(t, export(t, app, signer), signer.Trust())
	expect(t, r, Good)
	if r.Erased != 1 || r.Payloads != 1 || len(r.Warnings) != 0 {
		t.Errorf("%d erased, %d kept, warnings %q", r.Erased, r.Payloads, r.Warnings)
	}
}

// TestEraseRace: of two who erase the same detail at once, one does and the
// record says so once.
func TestEraseRace(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ref := add(t, db, sampleEntry(0))[0]
	results := make(chan error, 2)
	for range 2 {
		go func() {
			results <- postgres.InTx(context.Background(), db, func(tx *postgres.Tx) error {
				_, err := Erase(context.Background(), tx, "person:3 otto", "", ref.ID)
				return err
			})
		}()
	}
	for range 2 {
		if err := <-results; err != nil && errs.KindOf(err) != errs.Conflict {
			t.Errorf("erase: %v, want none or a conflict", err)
		}
	}
	if n := count(t, db, `SELECT count(*) FROM audit_leaf WHERE kind = $1`, EraseKind); n != 1 {
		t.Errorf("%d erasures are on the record, want 1", n)
	}
}

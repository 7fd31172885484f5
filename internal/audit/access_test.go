package audit

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"
	"golang.org/x/mod/sumdb/tlog"

	"cisterna/internal/lease"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

var recordTables = []string{"audit_leaf", "audit_payload", "audit_evidence", "audit_pending", "audit_index", "audit_hash", "audit_checkpoint"}

// fingerprint is a hash over the whole record as stored.
func fingerprint(t *testing.T, db *sqlx.DB) string {
	t.Helper()
	var all []string
	for _, table := range recordTables {
		var s string
		if err := db.Get(&s, `SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM `+table+` t`); err != nil {
			t.Fatal(err)
		}
		all = append(all, table+" "+s)
	}
	return strings.Join(all, "\n")
}

// TestAppRoleIsDenied: the server's own role can do nothing to the record but
// append, whatever SQL it sends.
func TestAppRoleIsDenied(t *testing.T) {
	t.Parallel()
	app, owner, _ := sequenced(t, 10)
	add(t, app, sampleEntry(100)) // one that is pending
	before := fingerprint(t, owner)

	type attempt struct{ name, query string }
	var attempts []attempt
	for table, set := range map[string]string{
		"audit_leaf": "at = at", "audit_payload": "salt = NULL, payload = NULL", "audit_evidence": "body = ''", "audit_pending": "leaf_hash = ''",
		"audit_index": "idx = idx + 1000", "audit_hash": "hashes = ''", "audit_checkpoint": "note = ''",
	} {
		attempts = append(attempts,
			attempt{"UPDATE " + table, "UPDATE " + table + " SET " + set},
			attempt{"DELETE " + table, "DELETE FROM " + table},
			attempt{"TRUNCATE " + table, "TRUNCATE " + table},
			attempt{"INSERT " + table, "INSERT INTO " + table + " SELECT * FROM " + table},
			attempt{"MERGE " + table, "MERGE INTO " + table + " t USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE"},
			attempt{"COPY into " + table, "COPY " + table + " FROM '/etc/hostname'"},
			attempt{"COPY a program into " + table, "COPY " + table + " FROM PROGRAM 'true'"},
			attempt{"ALTER TABLE disable trigger " + table, "ALTER TABLE " + table + " DISABLE TRIGGER ALL"},
			attempt{"ALTER TABLE owner " + table, "ALTER TABLE " + table + " OWNER TO cisterna_app"},
			attempt{"ALTER TABLE add column " + table, "ALTER TABLE " + table + " ADD COLUMN x int"},
			attempt{"DROP TABLE " + table, "DROP TABLE " + table + " CASCADE"},
			attempt{"lock " + table, "DO $$ BEGIN LOCK TABLE " + table + " IN EXCLUSIVE MODE; END $$"},
			attempt{"trigger on " + table, "CREATE TRIGGER x BEFORE INSERT ON " + table + " EXECUTE FUNCTION suppress_redundant_updates_trigger()"},
			attempt{"rule on " + table, "CREATE RULE x AS ON INSERT TO " + table + " DO INSTEAD NOTHING"},
			attempt{"index on " + table, "CREATE INDEX x ON " + table + " ((1/0))"},
			attempt{"policy on " + table, "ALTER TABLE " + table + " ENABLE ROW LEVEL SECURITY"},
			attempt{"foreign key to " + table, "CREATE TABLE public.x (i bigint REFERENCES " + table + ")"},
		)
	}
	attempts = append(attempts,
		attempt{"SET session_replication_role", "SET session_replication_role = replica"},
		attempt{"set_config session_replication_role", "SELECT set_config('session_replication_role', 'replica', false)"},
		attempt{"SET ROLE audit_owner", "SET ROLE audit_owner"},
		attempt{"SET SESSION AUTHORIZATION", "SET SESSION AUTHORIZATION audit_owner"},
		attempt{"GRANT audit_owner", "GRANT audit_owner TO cisterna_app"},
		attempt{"ALTER ROLE superuser", "ALTER ROLE cisterna_app SUPERUSER"},
		attempt{"ALTER ROLE audit_owner", "ALTER ROLE audit_owner LOGIN"},
		attempt{"setval", "SELECT setval('audit_leaf_id_seq', 1)"},
		attempt{"nextval", "SELECT nextval('audit_leaf_id_seq')"},
		attempt{"replace audit_append", "CREATE OR REPLACE FUNCTION audit_append(p_leaf bytea, p_micros bigint, p_kind text, p_actor text, p_pump bigint, p_site bigint, p_salt bytea, p_payload text, p_evidence bytea) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'"},
		attempt{"ALTER FUNCTION audit_append", "ALTER FUNCTION audit_append SECURITY INVOKER"},
		attempt{"DROP FUNCTION audit_append", "DROP FUNCTION audit_append"},
		attempt{"replace lease_held", "CREATE OR REPLACE FUNCTION lease_held(p_name text, p_epoch bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'"},
		attempt{"function in public", "CREATE FUNCTION public.x() RETURNS int LANGUAGE sql AS 'SELECT 1'"},
		attempt{"DROP SCHEMA", "DROP SCHEMA public CASCADE"},
		attempt{"DO as owner", "DO $$ BEGIN EXECUTE 'SET ROLE audit_owner'; DELETE FROM audit_leaf; END $$"},
		attempt{"system tables", "DELETE FROM pg_catalog.pg_trigger"},
		attempt{"default privileges of audit_owner", "ALTER DEFAULT PRIVILEGES FOR ROLE audit_owner GRANT ALL ON TABLES TO cisterna_app"},
		attempt{"erase without a record of it", "SELECT audit_erase((SELECT min(leaf_id) FROM audit_payload), (SELECT min(id) FROM audit_leaf))"},
		attempt{"erase in the name of no leaf", "SELECT audit_erase((SELECT min(leaf_id) FROM audit_payload), -1)"},
	)
	for _, a := range attempts {
		t.Run(a.name, func(t *testing.T) {
			_, err := app.Exec(a.query)
			switch code := postgres.Code(err); code {
			case postgres.InsufficientRights, "CI002":
			default:
				t.Errorf("%s: error %v (%s), want a refusal", a.query, err, code)
			}
		})
	}
	t.Run("COPY from the client", func(t *testing.T) {
		err := postgres.InTx(t.Context(), app, func(tx *postgres.Tx) error {
			_, err := tx.Prepare(`COPY audit_pending (leaf_id, leaf_hash) FROM STDIN`)
			return err
		})
		if postgres.Code(err) != postgres.InsufficientRights {
			t.Errorf("error %v, want insufficient rights", err)
		}
	})
	for _, table := range recordTables {
		t.Run("GRANT on "+table, func(t *testing.T) {
			if _, err := app.Exec("GRANT ALL ON " + table + " TO cisterna_app"); err != nil && postgres.Code(err) != postgres.InsufficientRights {
				t.Fatal(err) // without rights to give, it is a warning
			}
			var may bool
			if err := owner.Get(&may, `SELECT has_table_privilege('cisterna_app', $1, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
				OR has_any_column_privilege('cisterna_app', $1, 'INSERT, UPDATE, REFERENCES')`, table); err != nil || may {
				t.Errorf("it may write: %v, %v", may, err)
			}
		})
	}
	if after := fingerprint(t, owner); after != before {
		t.Errorf("the record changed from\n%s\nto\n%s", before, after)
	}
}

// TestSearchPathCannotBeBent: tables of the caller's own with the same names do
// not catch what the functions write.
func TestSearchPathCannotBeBent(t *testing.T) {
	t.Parallel()
	app, owner := pgtest.NewOwner(t)
	err := postgres.InTx(t.Context(), app, func(tx *postgres.Tx) error {
		for _, q := range []string{
			`CREATE TEMP TABLE audit_leaf (LIKE public.audit_leaf INCLUDING DEFAULTS)`, `CREATE TEMP TABLE audit_pending (LIKE public.audit_pending)`,
			`CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT ''\x00''::bytea'`,
			`SET LOCAL search_path = pg_temp, public`,
		} {
			if _, err := tx.Exec(q); err != nil {
				return fmt.Errorf("%s: %w", q, err)
			}
		}
		return Append(t.Context(), tx, Entry{Kind: "a.b", Actor: "system:test"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, owner, `SELECT count(*) FROM public.audit_leaf l JOIN public.audit_pending p ON p.leaf_id = l.id WHERE l.leaf_hash = sha256('\x00'::bytea || l.leaf)`); n != 1 {
		t.Errorf("%d leaves reached the record, want 1", n)
	}
}

// TestSequenceContinuesOnly: the functions of the sequencer cannot be used to
// rewrite, reorder, skip or invent.
func TestSequenceContinuesOnly(t *testing.T) {
	t.Parallel()
	app, owner, _ := sequenced(t, 10)
	refs := add(t, app, sampleEntry(100), sampleEntry(102))
	l, err := lease.Acquire(t.Context(), app, lease.Options{Name: LeaseName, Owner: "attacker"})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := loadTree(10, storedHashes{t.Context(), app})
	if err != nil {
		t.Fatal(err)
	}
	var two []tlog.Hash
	two = append(two, tr.append(refs[0].Hash)...)
	one := len(two)
	two = append(two, tr.append(refs[1].Hash)...)
	wrong := append([]tlog.Hash{}, two...)
	wrong[0][0] ^= 1
	ids := []int64{refs[0].ID, refs[1].ID}
	var placed int64
	if err := app.Get(&placed, `SELECT leaf_id FROM audit_index WHERE idx = 3`); err != nil {
		t.Fatal(err)
	}
	stale := l
	stale.Epoch--
	before := fingerprint(t, owner)
	for _, tc := range []struct {
		name   string
		lease  lease.Lease
		from   int64
		ids    []int64
		hashes []tlog.Hash
	}{
		{"without the lease", stale, 10, ids, two},
		{"over places that are taken", l, 9, ids, two},
		{"from the beginning", l, 0, ids, two},
		{"behind a gap", l, 11, ids, two},
		{"at a negative place", l, -1, ids, two},
		{"a leaf that has its place", l, 10, []int64{refs[0].ID, placed}, two},
		{"a leaf that does not exist", l, 10, []int64{refs[0].ID, 1 << 40}, two},
		{"a leaf twice", l, 10, []int64{refs[0].ID, refs[0].ID}, two},
		{"no leaf", l, 10, nil, nil},
		{"another leaf's hash", l, 10, ids, wrong},
		{"too few hashes", l, 10, ids, two[:one]},
		{"too many hashes", l, 10, ids[:1], two},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := writeSequenced(t.Context(), app, tc.lease, tc.from, tc.ids, tc.hashes); err == nil {
				t.Error("accepted")
			}
		})
	}
	root := tr.root()
	for _, tc := range []struct {
		name string
		size int64
		root []byte
	}{
		{"a checkpoint of a tree that is not there", 11, root[:]},
		{"a checkpoint before the newest", 9, root[:]},
		{"another checkpoint of the same size", 10, root[:]},
		{"a checkpoint of nothing", 0, root[:]},
		{"a checkpoint with half a root", 10, root[:16]},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := app.Exec(`SELECT audit_checkpoint_add($1, $2, 'note')`, tc.size, tc.root); err == nil {
				t.Error("accepted")
			}
		})
	}
	if after := fingerprint(t, owner); after != before {
		t.Errorf("the record changed from\n%s\nto\n%s", before, after)
	}
	if err := writeSequenced(t.Context(), app, l, 10, ids, two); err != nil {
		t.Errorf("and the honest continuation is refused: %v", err)
	}
}

// TestOwnerTampering: the owner of the database hits the speed bump, takes it
// away, and is found out by the verifier.
func TestOwnerTampering(t *testing.T) {
	t.Parallel()
	const n = 40
	tests := []struct {
		name, query string
		want        Verdict
	}{
		{"edit a leaf", `UPDATE audit_leaf SET leaf = set_byte(leaf, 50, get_byte(leaf, 50) # 1) WHERE id = (SELECT leaf_id FROM audit_index WHERE idx = 17)`, Tampered},
		{"edit a leaf and its hashes", `WITH l AS (UPDATE audit_leaf SET leaf = set_byte(leaf, 50, get_byte(leaf, 50) # 1), leaf_hash = sha256('\x00'::bytea || set_byte(leaf, 50, get_byte(leaf, 50) # 1))
			WHERE id = (SELECT leaf_id FROM audit_index WHERE idx = 17) RETURNING id, leaf_hash) UPDATE audit_index i SET leaf_hash = l.leaf_hash FROM l WHERE i.leaf_id = l.id`, Tampered},
		{"edit the time to search by", `UPDATE audit_leaf SET at = at - interval '1 day' WHERE id = (SELECT leaf_id FROM audit_index WHERE idx = 17)`, Tampered},
		{"edit the actor to search by", `UPDATE audit_leaf SET actor = 'person:1 mallory' WHERE id = (SELECT leaf_id FROM audit_index WHERE idx = 17)`, Tampered},
		{"edit a payload", `UPDATE audit_payload SET payload = '{"serial":"SN-2"}' WHERE leaf_id = (SELECT leaf_id FROM audit_index WHERE idx = 18)`, Tampered},
		{"delete a payload", `DELETE FROM audit_payload WHERE leaf_id = (SELECT leaf_id FROM audit_index WHERE idx = 18)`, Incomplete},
		{"edit a signed document", `UPDATE audit_evidence SET body = body || 'x'`, Tampered},
		{"delete signed documents", `DELETE FROM audit_evidence`, Incomplete},
		{"delete a leaf", `DELETE FROM audit_leaf WHERE id = (SELECT leaf_id FROM audit_index WHERE idx = 17)`, Tampered},
		{"delete a leaf and its place", `WITH i AS (DELETE FROM audit_index WHERE idx = 17 RETURNING leaf_id) DELETE FROM audit_leaf WHERE id IN (SELECT leaf_id FROM i)`, Tampered},
		{"delete a place", `DELETE FROM audit_index WHERE idx = 17`, Tampered},
		{"delete the tail", `DELETE FROM audit_index WHERE idx >= 30`, Tampered},
		{"delete all places", `DELETE FROM audit_index`, Tampered},
		{"swap two places", `UPDATE audit_index i SET leaf_id = -j.leaf_id FROM audit_index j WHERE i.idx IN (17, 18) AND j.idx = 35 - i.idx;
			UPDATE audit_index i SET leaf_id = -leaf_id, leaf_hash = (SELECT leaf_hash FROM audit_leaf WHERE id = -i.leaf_id) WHERE leaf_id < 0`, Tampered},
		{"put in a leaf beside the tree", `INSERT INTO audit_leaf (leaf, leaf_hash, at, kind, actor) SELECT leaf, leaf_hash, at, kind, actor FROM audit_leaf LIMIT 1`, Tampered},
		{"edit a checkpoint", `UPDATE audit_checkpoint SET note = replace(note, E'\n40\n', E'\n41\n')`, Tampered},
		{"replace a checkpoint by rubbish", `UPDATE audit_checkpoint SET note = 'trust me'`, Tampered},
		{"claim a checkpoint of a longer tree", `UPDATE audit_checkpoint SET size = 1000000000`, Good}, // the note still tells the truth
		{"delete all checkpoints", `DELETE FROM audit_checkpoint`, Incomplete},
		{"edit the tree's hashes", `UPDATE audit_hash SET hashes = sha256('x') || substring(hashes FROM 33)`, Good}, // they are not part of the record
	}
	app, owner, signer := sequenced(t, n)
	expect(t, verify(t, export(t, app, signer), signer.Trust()), Good)
	before := fingerprint(t, owner)
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.HasPrefix(tc.query, "INSERT") { // the owner may add, with or without us
				if _, err := owner.Exec(tc.query); postgres.Code(err) != postgres.InsufficientRights {
					t.Errorf("the speed bump is missing: %v", err)
				}
			}
			// The tampering is exported from its own transaction and then undone.
			tx, err := owner.Beginx()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback() }()
			for _, q := range []string{"SET LOCAL session_replication_role = replica", tc.query} {
				if _, err := tx.Exec(q); err != nil {
					t.Fatalf("%s: %v", q, err)
				}
			}
			var b bytes.Buffer
			x := exporter{ctx: t.Context(), tx: tx}
			if _, err := x.run(&b, signer.Trust()); err != nil {
				t.Fatal(err)
			}
			expect(t, verify(t, b.Bytes(), signer.Trust()), tc.want)
		})
	}
	if fingerprint(t, owner) != before {
		t.Error("something is left behind")
	}
}

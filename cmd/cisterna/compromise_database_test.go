package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	mrand "math/rand/v2"
	"strings"

	"cisterna/device/order"
	"cisterna/internal/audit"
)

// keptElsewhere is the record's newest checkpoint, as an auditor keeps it.
func (x *thief) keptElsewhere() string {
	x.t.Helper()
	cp, ok, err := audit.Newest(x.t.Context(), x.app.DB)
	if err != nil || !ok {
		x.t.Fatalf("no checkpoint: %v", err)
	}
	return cp.Text
}

// rewrite changes, as a superuser and past all triggers, what a server believes:
// whose keys count, what the drug library says, what was ordered, approved and
// released, what waits to be sent, what pumps run and whom they are in; and then the
// record of it.
func (x *thief) rewrite() {
	x.t.Helper()
	db := x.ownerDB()
	do := func(query string, args ...any) {
		x.t.Helper()
		res, err := db.Exec(query, args...)
		if err != nil {
			x.t.Fatalf("the thief cannot even do this: %s: %v", query, err)
		}
		if n, err := res.RowsAffected(); err == nil && n == 0 && !strings.HasPrefix(query, "SET") && !strings.HasPrefix(query, "DROP") {
			x.t.Fatalf("this changed nothing: %s", query)
		}
	}
	victim, other := x.plans[0], x.plans[1]
	do(`SET session_replication_role = replica`)

	// Whose keys count: its own among people's, keysets that list it, and signatures
	// under a draft.
	set := x.views[victim.ID].Keyset
	set.Version, set.Keys = set.Version+1, append(append([]order.PersonKey(nil), set.Keys...), order.PersonKey{
		Person: "miriam", Key: x.public.String(), Roles: []order.Role{1, 2, 3, 4, 5, 6}, NotAfter: set.Expires, Software: true, Usage: order.UsageOrders, RPID: "localhost",
	})
	set.SortKeys()
	forged, err := order.Sign(rand.Reader, order.TypeKeyset, set.Encode(), x.serverKeys()...)
	if err != nil {
		x.t.Fatal(err)
	}
	do(`INSERT INTO keyset_keys (user_id, person, key, key_id, software, rp_id, label, added_at, added_by, not_after) VALUES (1, 'miriam', $1, $2, true, 'localhost', '', now(), 'thief', now() + interval '1 year')`, x.public.String(), x.keyed[:])
	do(`UPDATE keyset_keys SET revoked_at = NULL, not_after = now() + interval '9 years', person = 'miriam', user_id = 1`)
	do(`INSERT INTO keyset_versions (version, body, document, issued_at, expires_at, reason, drafted_by, drafted_at, published_at) VALUES ($1, $2, $3, now(), now() + interval '80 days', 'x', 'thief', now(), now())`, int64(set.Version), set.Encode(), forged)
	do(`INSERT INTO keyset_signatures (version, key_id, sig, user_id, actor, at) VALUES ($1, $2, $3, 0, 'thief', now())`, int64(set.Version), x.keyed[:], []byte("signed"))

	// The drug library: everything is allowed.
	lib := x.views[victim.ID].Library.Library
	lib.Version++
	drugs, err := order.Sign(rand.Reader, order.TypeLibrary, lib.Encode(), x.serverKeys()...)
	if err != nil {
		x.t.Fatal(err)
	}
	hash := order.Hash(drugs)
	do(`UPDATE library_versions SET state = 'superseded' WHERE state = 'active'`)
	do(`INSERT INTO library_versions (version, state, body, note, author, author_name, created_at, approver, approver_name, approved_at, document, hash, active_at) VALUES ($1, 'active', $2, 'x', 1, 'x', now(), 2, 'y', now(), $3, $4, now())`,
		int64(lib.Version), lib.Encode(), drugs, hash[:])

	// What was ordered: every order is approved again, with somebody else's
	// approvals, and says another dose.
	do(`UPDATE dosing_orders SET state = 'approved', closed_at = NULL, expires_at = now() + interval '1 day', facts_rev = 0, class = 1, people = 1`)
	do(`UPDATE dosing_orders SET document = set_byte(document, octet_length(document) - 3, (get_byte(document, octet_length(document) - 3) + 1) % 256) WHERE pump_id = $1`, victim.ID)
	do(`UPDATE dosing_approvals SET meaning = 1, person = 'miriam', signed_at = now()`)
	do(`UPDATE dosing_letters SET state = 'open', answered_at = NULL, sent_at = NULL, not_after = now() + interval '1 day', pump_id = $1 WHERE kind = 'stop'`, victim.ID)
	do(`UPDATE dosing_letters SET state = 'open', answered_at = NULL, counter = counter + 7 WHERE kind = 'release'`)

	// What waits to be sent: all that was sent before, to either pump, by either
	// topic, and forged orders; no leaf of the record holds them back.
	do(`UPDATE dispatch_outbox SET state = 'waiting', not_after = now() + interval '1 day', next_at = now(), leaves = '{}', kind = 'order'`)
	rng := mrand.New(mrand.NewPCG(1, 2))
	put := func(pump int64, kind string, payload []byte) {
		doc := sha256.Sum256(payload)
		do(`INSERT INTO dispatch_outbox (pump_id, kind, doc, payload, leaves, created_at, not_after, state, next_at) VALUES ($1, $2, $3, $4, '{}', now(), now() + interval '1 day', 'waiting', now()) ON CONFLICT (doc) DO UPDATE SET state = 'waiting', pump_id = excluded.pump_id`,
			pump, kind, doc[:], payload)
	}
	for i := range 40 {
		p := x.plans[i%2]
		put(p.ID, []string{"order", "stop"}[i/2%5/4], x.forged(p, i, x.soft, rng))
	}
	for _, all := range x.genuine {
		for i, b := range all {
			put(x.plans[i%2].ID, "order", b)
		}
	}

	// What pumps run, what they are, and whom they are in.
	do(`DELETE FROM dosing_pumps WHERE pump_id = $1`, other.ID)
	do(`UPDATE dosing_pumps SET counter = 0, stops = 0, desired = state_hash, drift = false, report = NULL`)
	do(`UPDATE registry_patients SET facts_rev = 0`)
	do(`DROP INDEX registry_bindings_pump_open`)
	do(`UPDATE registry_bindings SET pump_id = $1::bigint + $2::bigint - pump_id`, victim.ID, other.ID)
	do(`UPDATE registry_pumps SET profile = 'well-c30'`)

	// And the record of it.
	do(`UPDATE audit_leaf SET kind = 'order.applied', actor = 'person:1 miriam' WHERE kind = 'order.stop'`)
	do(`UPDATE audit_payload SET payload = '{"counter":900}' WHERE leaf_id = (SELECT min(id) FROM audit_leaf WHERE kind = 'order.released')`)
	do(`DELETE FROM audit_leaf WHERE id = (SELECT min(id) FROM audit_leaf WHERE kind = 'pump.answer')`)
}

// tampered checks that a verifier with nothing but an export, the record's key and a
// checkpoint that was kept elsewhere finds what was rewritten.
func (x *thief) tampered(seen string) {
	x.t.Helper()
	var export bytes.Buffer
	if _, err := audit.Export(x.t.Context(), x.app.DB, &export, x.keys.record.Trust()); err != nil {
		x.t.Fatal(err)
	}
	trust, err := audit.TrustKeys(x.keys.record.VerifierKey())
	if err != nil {
		x.t.Fatal(err)
	}
	report, err := audit.Verify(&export, trust, audit.VerifyOptions{Seen: []string{seen}})
	if err != nil {
		x.t.Fatal(err)
	}
	var text strings.Builder
	if err := report.WriteText(&text); err != nil {
		x.t.Fatal(err)
	}
	if code := report.ExitCode(); code != 1 {
		x.t.Errorf("the verifier ends with %d and not with 1, tampered:\n%s", code, text.String())
	}
	for _, want := range []string{"column kind", "its detail is not", "its place in the tree is left"} {
		if !strings.Contains(text.String(), want) {
			x.t.Errorf("the verifier does not say %q:\n%s", want, text.String())
		}
	}
}

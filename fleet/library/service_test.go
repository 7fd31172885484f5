package library

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/units"
	"cisterna/device/wire"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/pgtest"
	"cisterna/internal/postgres"
)

var now = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

// TestTwoPeopleAndASignature: a version goes from its author to a second person to
// the signature that makes it active, and each refusal on the way changes nothing.
func TestTwoPeopleAndASignature(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := wire.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	root := order.Root{Demo: true, Library: order.Quorum{Threshold: 1, Keys: []string{text.String()}}}
	first, err := order.Sign(rand.Reader, order.TypeLibrary, Sample(now).Encode(), key)
	if err != nil {
		t.Fatal(err)
	}
	db := pgtest.New(t)
	options := Options{DB: db, Root: root, Document: first, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	s, err := New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	who := func(id int64, r auth.Role) auth.Actor {
		return auth.Actor{ID: id, Name: string(r), Roles: map[int64][]auth.Role{1: {r}}}
	}
	author, second, admin, nurse := who(1, auth.Pharmacist), who(2, auth.Verifier), who(3, auth.Admin), who(4, auth.Nurse)

	next := Sample(now)
	next.Drugs[0].Limits[0].HardDay -= units.Milligram
	for _, c := range []struct {
		name string
		who  auth.Actor
		note string
		lib  order.Library
		kind errs.Kind
	}{
		{"a nurse writes", nurse, "x", next, errs.Denied},
		{"a program writes", author.ByToken(1, []int64{1}), "x", next, errs.Denied},
		{"without a reason", author, "", next, errs.Invalid},
		{"what no pump takes", author, "x", order.Library{Drugs: []order.Drug{{Code: 1}}}, errs.Invalid},
	} {
		if _, err := s.Save(ctx, c.who, 0, 0, Content{Library: c.lib, Note: c.note}); errs.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", c.name, err, c.kind)
		}
	}
	v, err := s.Save(ctx, author, 0, 0, Content{Library: next, Annex: SampleAnnex(), Note: "morphine: a milligram less for cancer"})
	if err != nil || v.Version != 2 || v.State != StateDraft {
		t.Fatalf("draft %+v, %v", v, err)
	}
	if _, err := s.Save(ctx, author, v.Version, 99, Content{Library: next, Note: "x"}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("from another revision: %v", err)
	}
	if _, err := s.Approve(ctx, second, v.Version); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a draft is approved: %v", err)
	}
	if _, err := s.Submit(ctx, author, v.Version); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(ctx, author, v.Version, v.Rev, Content{Library: next, Note: "x"}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("changed in review: %v", err)
	}
	if _, err := s.Approve(ctx, author, v.Version); errs.KindOf(err) != errs.Denied {
		t.Errorf("its author approves: %v", err)
	}
	if _, err := s.Approve(ctx, admin, v.Version); errs.KindOf(err) != errs.Denied {
		t.Errorf("an administrator approves: %v", err)
	}
	if v, err = s.Approve(ctx, second, v.Version); err != nil || v.State != StateApproved {
		t.Fatalf("approved %+v, %v", v, err)
	}
	sign := func(k crypto.Signer, body []byte) order.Signature {
		sig, err := wire.SignBytes(rand.Reader, k, order.SigningBytes(order.TypeLibrary, body))
		if err != nil {
			t.Fatal(err)
		}
		p, err := wire.NewPublicKey(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		id := order.IDOf(p)
		return order.Signature{Key: id[:], Sig: sig}
	}
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Sign(ctx, author, v.Version, sign(stranger, v.Body)); errs.KindOf(err) != errs.Invalid {
		t.Errorf("signed by a stranger: %v", err)
	}
	if err := s.Sign(ctx, author, v.Version, sign(key, append([]byte{0}, v.Body...))); errs.KindOf(err) != errs.Invalid {
		t.Errorf("signed over something else: %v", err)
	}
	if err := s.Sign(ctx, author, v.Version, sign(key, v.Body)); err != nil {
		t.Fatal(err)
	}
	cur := s.Current()
	if cur.Version != 2 || order.Hash(cur.Document) != cur.Hash {
		t.Errorf("active is %d", cur.Version)
	}
	if before, ok := s.Before(cur); !ok || before.Version != 1 {
		t.Error("the version before is not known")
	}
	old, err := s.Version(ctx, 1)
	if err != nil || old.State != StateSuperseded {
		t.Errorf("the first is %s, %v", old.State, err)
	}
	if len(cur.Annex.Sources) == 0 || len(old.Annex.Sources) == 0 {
		t.Errorf("%d sources with the draft, %d with the sample", len(cur.Annex.Sources), len(old.Annex.Sources))
	}
	diff := Diff(&old.Library, &cur.Library)
	if len(diff) != 1 || diff[0].Entry != "Morphine" || diff[0].Old != `"15000000"` || diff[0].New != `"14000000"` {
		t.Errorf("diff %+v", diff)
	}

	// A pump that has the first could have had the second since that is active.
	for _, c := range []struct {
		hash   []byte
		since  time.Time
		behind bool
	}{{cur.Hash[:], time.Time{}, false}, {old.Hash[:], cur.ActiveAt, true}, {make([]byte, 32), cur.ActiveAt, true}, {nil, cur.ActiveAt, true}} {
		if since, behind := s.Behind(c.hash); behind != c.behind || !since.Equal(c.since) {
			t.Errorf("%x is behind: %t, since %v", c.hash, behind, since)
		}
	}

	// What pumps say they have makes the adoption curve.
	for pump, hash := range map[int64]order.Digest{1: cur.Hash, 2: cur.Hash, 3: old.Hash} {
		err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error { return s.StatedTx(ctx, tx, pump, 1, hash[:], now) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error { return s.StatedTx(ctx, tx, 3, 1, cur.Hash[:], now.AddDate(0, 0, 2)) }); err != nil {
		t.Fatal(err)
	}
	curve, err := s.Adoption(ctx, auth.Scope{Sites: []int64{1}}, 2)
	if err != nil || len(curve) != 2 || curve[0].Pumps != 2 || curve[1].Pumps != 3 {
		t.Errorf("adoption %+v, %v", curve, err)
	}
	if all, err := s.Holdings(ctx, auth.Scope{Sites: []int64{2}}); err != nil || len(all) != 0 {
		t.Errorf("another site sees %+v, %v", all, err)
	}

	if all, err := s.Pumps(ctx, auth.Scope{Sites: []int64{1}}); err != nil || len(all) != 3 || all[2].Pump != 3 || all[2].Version != 2 || !all[2].Since.Equal(now.AddDate(0, 0, 2)) {
		t.Errorf("versions by pump %+v, %v", all, err)
	}
	if all, needed, err := s.Signatures(ctx, 2); err != nil || needed != 1 || len(all) != 1 {
		t.Errorf("signatures %+v of %d, %v", all, needed, err)
	}

	// Whoever missed two has been behind since the first of them.
	first2, later := cur.ActiveAt, now.AddDate(0, 1, 0)
	s.Now = func() time.Time { return later }
	next.Drugs[0].Limits[0].HardDay -= units.Milligram
	if v, err = s.Save(ctx, author, 0, 0, Content{Library: next, Annex: SampleAnnex(), Note: "another"}); err == nil {
		_, err = s.Submit(ctx, author, v.Version)
	}
	if err == nil {
		v, err = s.Approve(ctx, second, v.Version)
	}
	if err == nil {
		err = s.Sign(ctx, author, v.Version, sign(key, v.Body))
	}
	if err != nil || s.Current().Version != 3 {
		t.Fatalf("the third: %v", err)
	}
	for hash, want := range map[order.Digest]time.Time{old.Hash: first2, cur.Hash: later, {9}: later} {
		if since, behind := s.Behind(hash[:]); !behind || !since.Equal(want) {
			t.Errorf("behind: %t, since %v, want %v", behind, since, want)
		}
	}

	// A server that starts again goes on from there.
	if again, err := New(ctx, options); err != nil || again.Current().Version != 3 {
		t.Errorf("after a restart: %v", err)
	}
}

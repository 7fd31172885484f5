package keyset

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/pgtest"
)

// signedBy signs a draft with keys of the ceremony.
func signedBy(t *testing.T, v Version, key crypto.Signer) order.Signature {
	t.Helper()
	pub, err := wire.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sig, err := wire.SignBytes(rand.Reader, key, order.SigningBytes(order.TypeKeyset, v.Body))
	if err != nil {
		t.Fatal(err)
	}
	id := order.IDOf(pub)
	return order.Signature{Key: id[:], Sig: sig}
}

func newService(t *testing.T, roles map[int64]map[int64][]auth.Role) (*Service, []crypto.Signer) {
	t.Helper()
	m, err := Create(filepath.Join(t.TempDir(), "keys"), ceremony())
	if err != nil {
		t.Fatal(err)
	}
	signers, err := m.Signers("admin-a", "admin-b", "pharmacist")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), Options{
		DB: pgtest.New(t), Material: m, Origin: func() string { return "http://localhost:1" }, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
		Roles: func(_ context.Context, user int64) (map[int64][]auth.Role, error) { return roles[user], nil },
		Open:  func(context.Context, int64) (bool, error) { return true, nil },
		Holds: func(_ context.Context, _ int64, credential []byte) (bool, error) {
			return string(credential) != "lost", nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, signers
}

func newPasskey(t *testing.T) *ecdsa.PublicKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &k.PublicKey
}

// TestTwoAdministratorsPublish: a key counts once two people have brought two
// different signatures; each refusal on the way changes nothing.
func TestTwoAdministratorsPublish(t *testing.T) {
	roles := map[int64]map[int64][]auth.Role{
		1: {1: {auth.Prescriber}, 2: {auth.Verifier}, 3: {auth.Verifier}}, 2: {1: {auth.Admin}}, 3: {1: {auth.Admin}}, 4: {1: {auth.Admin}, 2: {auth.Prescriber}}, 5: {1: {auth.Engineer}},
	}
	s, keys := newService(t, roles)
	ctx := t.Context()
	actor := func(id int64, login string) auth.Actor { return auth.Actor{ID: id, Login: login, Roles: roles[id]} }
	anna, ada, edda := actor(1, "anna"), actor(2, "ada"), actor(3, "edda")

	for _, c := range []struct {
		name string
		who  auth.Actor
		key  NewKey
		kind errs.Kind
	}{
		{"an administrator's key", ada, NewKey{Public: newPasskey(t), RPID: "localhost"}, errs.Denied},
		{"of one who manages people elsewhere", actor(4, "both"), NewKey{Public: newPasskey(t), RPID: "localhost"}, errs.Denied},
		{"an engineer's", actor(5, "eng"), NewKey{Public: newPasskey(t), RPID: "localhost"}, errs.Denied},
		{"a program's", anna.ByToken(1, []int64{1}), NewKey{Public: newPasskey(t), RPID: "localhost"}, errs.Denied},
		{"a synced passkey", anna, NewKey{Public: newPasskey(t), RPID: "localhost", Synced: true}, errs.Invalid},
		{"none", anna, NewKey{RPID: "localhost"}, errs.Invalid},
		{"without a server", anna, NewKey{Public: newPasskey(t)}, errs.Invalid},
	} {
		if _, err := s.AddKey(ctx, c.who, c.key); errs.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", c.name, err, c.kind)
		}
	}
	public := newPasskey(t)
	k, err := s.AddKey(ctx, anna, NewKey{Public: public, RPID: "localhost", Software: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddKey(ctx, anna, NewKey{Public: public, RPID: "localhost", Software: true}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("the same key again: %v", err)
	}
	if _, err := s.Lists(ctx, k.KeyID, 1); errs.KindOf(err) != errs.Conflict {
		t.Errorf("it counts before anybody signed: %v", err)
	}
	if _, err := s.Draft(ctx, anna, "x"); errs.KindOf(err) != errs.Denied {
		t.Errorf("a prescriber drafts: %v", err)
	}
	v, err := s.Draft(ctx, ada, "anna has joined")
	if err != nil || v.Document != nil || v.Needed != 2 || v.Version != s.Current().Version+1 {
		t.Fatalf("draft %+v, %v", v, err)
	}
	if all := v.Keyset.Person(k.KeyID); len(all) != 2 || len(all[0].Sites)+len(all[1].Sites) != 3 {
		t.Errorf("the records %+v list not every site", all)
	}
	a, b := signedBy(t, v, keys[0]), signedBy(t, v, keys[1])
	for _, c := range []struct {
		name string
		who  auth.Actor
		sig  order.Signature
		kind errs.Kind
	}{
		{"the pharmacist's key", ada, signedBy(t, v, keys[2]), errs.Invalid},
		{"another body", ada, signedBy(t, Version{Body: []byte("x")}, keys[0]), errs.Invalid},
		{"brought by a prescriber", anna, a, errs.Denied},
		{"the first", ada, a, ""},
		{"the same again", edda, a, errs.Conflict},
		{"both by one", ada, b, errs.Denied},
	} {
		if err := s.Sign(ctx, c.who, v.Version, c.sig); errs.KindOf(err) != c.kind || c.kind == "" && err != nil {
			t.Errorf("%s: %v, want %s", c.name, err, c.kind)
		}
	}
	if s.Current().Version == v.Version {
		t.Fatal("published by one")
	}
	if err := s.Sign(ctx, edda, v.Version, b); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Material.Root.OpenKeyset(s.Current().Document); err != nil || s.Current().Version != v.Version {
		t.Errorf("published %d: %v", s.Current().Version, err)
	}
	if _, err := s.Lists(ctx, k.KeyID, 1); err != nil {
		t.Errorf("it does not count: %v", err)
	}
	all, err := s.Versions(ctx)
	if err != nil || len(all) < 2 {
		t.Fatalf("%d keysets, %v", len(all), err)
	}
	for _, v := range all {
		if v.Keyset.Version != v.Version || len(v.Keyset.Keys) == 0 && v.Version == s.Current().Version {
			t.Errorf("version %d is listed without what it says", v.Version)
		}
	}
	if err := s.RevokeKey(ctx, edda, k.ID, "lost"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lists(ctx, k.KeyID, 1); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a revoked key counts: %v", err)
	}
	next, err := s.Draft(ctx, ada, "a key was lost")
	if err != nil || !next.Keyset.IsRevoked(k.KeyID) || len(next.Keyset.Keys) != 0 {
		t.Errorf("the next keyset %+v, %v", next.Keyset, err)
	}
}

// TestLostPasskey: a passkey that was revoked for signing in signs no dose, at once
// here and by the next keyset at the pumps.
func TestLostPasskey(t *testing.T) {
	roles := map[int64]map[int64][]auth.Role{1: {1: {auth.Prescriber}}, 2: {1: {auth.Admin}}, 3: {1: {auth.Admin}}}
	s, keys := newService(t, roles)
	ctx := t.Context()
	anna, ada, edda := auth.Actor{ID: 1, Login: "anna", Roles: roles[1]}, auth.Actor{ID: 2, Login: "ada", Roles: roles[2]}, auth.Actor{ID: 3, Login: "edda", Roles: roles[3]}
	kept, err := s.AddKey(ctx, anna, NewKey{Public: newPasskey(t), RPID: "localhost", Credential: []byte("kept")})
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.AddKey(ctx, anna, NewKey{Public: newPasskey(t), RPID: "localhost", Credential: []byte("in hand")})
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Draft(ctx, ada, "anna has joined")
	if err != nil {
		t.Fatal(err)
	}
	for i, who := range []auth.Actor{ada, edda} {
		if err := s.Sign(ctx, who, v.Version, signedBy(t, v, keys[i])); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []order.Digest{kept.KeyID, k.KeyID} {
		if _, err := s.Lists(ctx, id, 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.DB.ExecContext(ctx, `UPDATE keyset_keys SET credential = 'lost' WHERE id = $1`, k.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lists(ctx, k.KeyID, 1); errs.KindOf(err) != errs.Conflict {
		t.Errorf("it counts here: %v", err)
	}
	all, err := s.Keys(ctx, 1)
	if err != nil || len(all) != 2 || !all[0].Holds || all[1].Holds {
		t.Errorf("keys %+v, %v", all, err)
	}
	next, err := s.Draft(ctx, ada, "a security key was lost")
	if err != nil || !next.Keyset.IsRevoked(k.KeyID) || len(next.Keyset.Keys) != 1 || next.Keyset.IsRevoked(kept.KeyID) {
		t.Errorf("the next keyset %+v, %v", next.Keyset, err)
	}
}

// TestStages: alarms rise at 45, 21 and 7 days.
func TestStages(t *testing.T) {
	for days, want := range map[int]Stage{90: Fresh, 46: Fresh, 45: Notice, 22: Notice, 21: Urgent, 8: Urgent, 7: Grave, 0: Grave, -1: Grave} {
		if got := StageOf(now.AddDate(0, 0, days), now); got != want {
			t.Errorf("%d days: %d, want %d", days, got, want)
		}
	}
}

// TestRolesAtSeveralSites: one key signs at each site what its owner's roles there let
// them, and no more; a keyset that says so is one.
func TestRolesAtSeveralSites(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := wire.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	k := Key{Person: "anna", Text: public.String(), Software: true, RPID: "localhost", AddedAt: now, NotAfter: now.Add(keyLife)}
	roles := map[int64][]auth.Role{
		1: {auth.Verifier}, 2: {auth.Prescriber}, 3: {auth.Verifier}, 4: {auth.Auditor}, 5: {auth.Nurse, auth.Verifier}, 6: {auth.Pharmacist, auth.Prescriber},
	}
	set := newKeyset(1, "http://localhost:1", now)
	set.Keys = k.records(roles)
	set.SortKeys()
	m, err := Create(filepath.Join(t.TempDir(), "keys"), ceremony())
	if err != nil {
		t.Fatal(err)
	}
	admins, err := m.Signers("admin-a", "admin-b")
	if err != nil {
		t.Fatal(err)
	}
	signed, err := order.Sign(rand.Reader, order.TypeKeyset, set.Encode(), admins...)
	if err != nil {
		t.Fatal(err)
	}
	read, err := m.Root.OpenKeyset(signed)
	if err != nil {
		t.Fatal(err)
	}
	id := order.Digest(order.IDOf(public))
	for site, want := range map[int64][]order.Role{
		1: {order.RoleVerifier, order.RoleRelease, order.RoleStop},
		2: {order.RolePrescriber, order.RolePolicy, order.RoleRelease, order.RoleStop},
		3: {order.RoleVerifier, order.RoleRelease, order.RoleStop},
		4: nil,
		5: {order.RoleVerifier, order.RoleRelease, order.RoleStop},
		6: {order.RolePrescriber, order.RolePharmacist, order.RolePolicy, order.RoleRelease, order.RoleStop},
		7: nil,
	} {
		p := read.PersonAt(id, registry.OrderSite(site))
		if p == nil || p.Covers(registry.OrderSite(site)) != (want != nil) || want != nil && !slices.Equal(p.Roles, want) {
			t.Errorf("at site %d: %+v, want %v", site, p, want)
		}
	}
	if n := len(read.Person(id)); n != 3 {
		t.Errorf("%d records for three sets of roles", n)
	}
	roles[9] = []auth.Role{auth.Admin}
	if n := len(k.records(roles)); n != 0 {
		t.Errorf("whoever manages people signs with %d records", n)
	}
}

// TestWhoseKeys: administrators and auditors have to do with the keys of people of
// their sites; administrators with those of people who have no role any more, too.
// For anybody else they are not there. A keyset lists everybody's all the same.
func TestWhoseKeys(t *testing.T) {
	roles := map[int64]map[int64][]auth.Role{
		1: {1: {auth.Prescriber}}, 2: {2: {auth.Nurse}}, 3: {1: {auth.Nurse}, 2: {auth.Verifier}}, 4: {2: {auth.Prescriber}},
		11: {1: {auth.Admin}}, 12: {2: {auth.Admin}}, 13: {1: {auth.Auditor}}, 14: {1: {auth.Admin}, 2: {auth.Auditor}}, 15: {1: {auth.Engineer}},
	}
	s, _ := newService(t, roles)
	ctx := t.Context()
	actor := func(id int64) auth.Actor {
		return auth.Actor{ID: id, Login: fmt.Sprint("person-", id), Roles: roles[id]}
	}
	ids := map[int64]int64{}
	for user := int64(1); user <= 4; user++ {
		k, err := s.AddKey(ctx, actor(user), NewKey{Public: newPasskey(t), RPID: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		ids[user] = k.ID
	}
	roles[4] = nil // has left
	for user, want := range map[int64]struct{ sees, revokes []int64 }{
		1:  {sees: []int64{1}, revokes: []int64{1}},
		4:  {sees: []int64{4}, revokes: []int64{4}},
		11: {sees: []int64{1, 3, 4}, revokes: []int64{1, 3, 4}},
		12: {sees: []int64{2, 3, 4}, revokes: []int64{2, 3, 4}},
		13: {sees: []int64{1, 3}},
		14: {sees: []int64{1, 2, 3, 4}, revokes: []int64{1, 3, 4}},
		15: {},
	} {
		all, err := s.Seen(ctx, actor(user))
		if err != nil {
			t.Fatal(err)
		}
		var sees, revokes []int64
		for _, k := range all {
			sees = append(sees, k.User)
		}
		for owner := int64(1); owner <= 4; owner++ {
			switch err := s.RevokeKey(ctx, actor(user), ids[owner], "lost"); {
			case err == nil:
				revokes = append(revokes, owner)
				if _, err := s.DB.ExecContext(ctx, `UPDATE keyset_keys SET revoked_at = NULL WHERE id = $1`, ids[owner]); err != nil {
					t.Fatal(err)
				}
			case errs.KindOf(err) != errs.NotFound:
				t.Errorf("%d revokes the key of %d: %v", user, owner, err)
			}
		}
		if !slices.Equal(sees, want.sees) || !slices.Equal(revokes, want.revokes) {
			t.Errorf("%d sees the keys of %v and revokes those of %v, want %v and %v", user, sees, revokes, want.sees, want.revokes)
		}
	}
	v, err := s.Draft(ctx, actor(11), "as a test")
	if err != nil || len(v.Keyset.Keys) != 4 { // the one at two sites signs different things there
		t.Errorf("the keyset lists %d keys, %v", len(v.Keyset.Keys), err)
	}
}

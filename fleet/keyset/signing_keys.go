package keyset

import (
	"context"

	"cisterna/device/order"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// Keys returns the signing keys of one person, or of everybody for 0.
func (s *Service) Keys(ctx context.Context, user int64) ([]Key, error) {
	all, err := readKeys(ctx, s.DB, user)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Holds, err = s.holds(ctx, &all[i]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Seen returns the signing keys that an actor sees: their own, and those of people
// whom they manage or who have a role at a site that they administer or audit.
func (s *Service) Seen(ctx context.Context, actor auth.Actor) ([]Key, error) {
	who := actor.ID
	if actor.HasAnywhere(auth.Admin, auth.Auditor) {
		who = 0
	}
	all, err := s.Keys(ctx, who)
	if err != nil {
		return nil, err
	}
	sees := map[int64]bool{}
	var out []Key
	for _, k := range all {
		if _, known := sees[k.User]; !known {
			if sees[k.User], err = s.oversees(ctx, actor, k.User, auth.Admin, auth.Auditor); err != nil {
				return nil, err
			}
		}
		if sees[k.User] {
			out = append(out, k)
		}
	}
	return out, nil
}

// oversees reports whether an actor has to do with a person's keys: with their own,
// as one of some roles at a site where the person has a role now, or as whoever
// manages the person. Those who have no role any more are managed by every
// administrator.
func (s *Service) oversees(ctx context.Context, actor auth.Actor, user int64, as ...auth.Role) (bool, error) {
	if actor.ID == user {
		return true, nil
	}
	held, err := s.Roles(ctx, user)
	if err != nil {
		return false, err
	}
	for site, roles := range held {
		if len(roles) > 0 && actor.Has(site, as...) {
			return true, nil
		}
	}
	return actor.Manages(auth.Actor{ID: user, Roles: held}), nil
}

// AddKey adds a signing key of the acting person. It counts once two
// administrators have signed a keyset that lists it. Errors: Denied for people
// who sign nothing, Invalid for keys that cannot sign doses, Conflict for one
// that is there.
func (s *Service) AddKey(ctx context.Context, actor auth.Actor, n NewKey) (Key, error) {
	if actor.ID == 0 || actor.IsToken() {
		return Key{}, refusal.Denied(refusal.Role, "A person adds their own signing key.")
	}
	public, err := n.check(s.Material.Root.Demo)
	if err != nil {
		return Key{}, err
	}
	roles, err := s.Roles(ctx, actor.ID)
	if err != nil {
		return Key{}, err
	}
	now := s.Now()
	id := order.IDOf(public)
	k := Key{
		User: actor.ID, Person: actor.Login, Text: public.String(), KeyID: order.Digest(id), Software: n.Software, RPID: n.RPID, Label: n.Label,
		AAGUID: n.AAGUID, Credential: n.Credential, AddedAt: now, AddedBy: actor.String(), NotAfter: now.Add(keyLife), Holds: true,
	}
	if len(k.records(roles)) == 0 {
		return Key{}, refusal.Denied(refusal.Role, "Your roles sign nothing that a pump obeys. Administrators, engineers and auditors need no signing key.")
	}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := insertKey(ctx, tx, &k); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "key.add", Actor: actor.String(), Object: "key:" + id.String(), NewHash: id[:],
			Payload: map[string]any{"person": k.Person, "key": k.Text, "software": k.Software, "rp": k.RPID},
		})
	})
	if err != nil {
		return Key{}, err
	}
	return k, nil
}

// RevokeKey says that a key counts no more. Its owner may, administrators of a site
// where the owner has a role, and any administrator once the owner has none; for
// others there is no such key. It takes effect on a pump with the next keyset, which
// is drafted at once; the server itself believes the key no more from now on.
func (s *Service) RevokeKey(ctx context.Context, actor auth.Actor, id int64, why string) error {
	if why == "" || len(why) > 300 {
		return refusal.Invalid("reason", "Say why, in at most 300 characters.")
	}
	owner, err := readOwner(ctx, s.DB, id)
	if err != nil {
		return err
	}
	if may, err := s.oversees(ctx, actor, owner, auth.Admin); err != nil {
		return err
	} else if !may {
		return errNoKey()
	}
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		k, err := lockKey(ctx, tx, id)
		if err != nil {
			return err
		}
		if !k.RevokedAt.IsZero() {
			return refusal.Conflict(refusal.Done, "The key was revoked before.")
		}
		if err := revokeKey(ctx, tx, id, s.Now(), actor.String(), why); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Kind: "key.revoke", Actor: actor.String(), Object: "key:" + order.KeyID(k.KeyID).String(), OldHash: k.KeyID[:], Reason: why, Payload: map[string]string{"person": k.Person}})
	})
}

// Lists reports whether a key counts for the server now: in the newest keyset, and
// not revoked since. What it returns is what the keyset says of it for a site, if it
// says anything of that one.
func (s *Service) Lists(ctx context.Context, key order.Digest, site int64) (*order.PersonKey, error) {
	p := s.Current().Keyset.PersonAt(key, registry.OrderSite(site))
	if p == nil || s.Current().Keyset.IsRevoked(key) {
		return nil, refusal.Conflict(order.ErrKey, "This signing key is not in the keyset that pumps have. Two administrators have to sign one that lists it.")
	}
	k, err := keyByID(ctx, s.DB, key)
	if err != nil {
		return nil, err
	}
	holds, err := s.holds(ctx, &k)
	if err != nil {
		return nil, err
	}
	if !holds {
		return nil, refusal.Conflict(order.ErrRevoked, "This signing key was revoked.")
	}
	return p, nil
}

// holds reports whether a key was revoked neither here nor as the passkey that it
// is.
func (s *Service) holds(ctx context.Context, k *Key) (bool, error) {
	if !k.RevokedAt.IsZero() || len(k.Credential) == 0 {
		return k.RevokedAt.IsZero(), nil
	}
	return s.Holds(ctx, k.User, k.Credential)
}

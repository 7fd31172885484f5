package keyset

import (
	"context"
	"crypto"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/refusal"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Signed is an administrator's signature under a draft.
type Signed struct {
	Key   order.KeyID
	Actor string
	At    time.Time
	user  int64
}

// Draft makes the next keyset of everybody's keys as they are now, in place of an
// earlier draft. It needs the signatures of two administrators, made with the
// keys that the root names; in a demo the server has those.
func (s *Service) Draft(ctx context.Context, actor auth.Actor, why string) (Version, error) {
	if !actor.HasAnywhere(auth.Admin) || actor.IsToken() {
		return Version{}, refusal.Denied(refusal.Role, "Administrators draft keysets.")
	}
	if why == "" || len(why) > 300 {
		return Version{}, refusal.Invalid("reason", "Say why, in at most 300 characters.")
	}
	k, err := s.compose(ctx)
	if err != nil {
		return Version{}, err
	}
	v := Version{Reason: why, DraftedBy: actor.String(), DraftedAt: s.Now(), Needed: int(s.Material.Root.Keyset.Threshold)}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if err := deleteDraft(ctx, tx); err != nil {
			return err
		}
		top, err := lockVersions(ctx, tx)
		if err != nil {
			return err
		}
		k.Version = top + 1
		v.Version, v.Keyset, v.Body = k.Version, k, k.Encode()
		if err := insertVersion(ctx, tx, v); err != nil {
			return err
		}
		hash := order.Hash(v.Body)
		return audit.Append(ctx, tx, audit.Entry{Kind: "keyset.draft", Actor: actor.String(), Object: fmt.Sprintf("keyset:%d", v.Version), NewHash: hash[:], Reason: why, Evidence: v.Body})
	})
	if err != nil {
		return Version{}, err
	}
	for _, signer := range s.Demo {
		if err := s.demoSign(ctx, v, signer); err != nil {
			return Version{}, err
		}
	}
	if len(s.Demo) > 0 {
		return *s.Current(), nil
	}
	return v, nil
}

func (s *Service) demoSign(ctx context.Context, v Version, signer crypto.Signer) error {
	pub, err := wire.NewPublicKey(signer.Public())
	if err != nil {
		return err
	}
	sig, err := wire.SignBytes(rand.Reader, signer, order.SigningBytes(order.TypeKeyset, v.Body))
	if err != nil {
		return err
	}
	id := order.IDOf(pub)
	return s.Sign(ctx, auth.System("demo"), v.Version, order.Signature{Key: id[:], Sig: sig})
}

// compose lists everybody who may sign.
func (s *Service) compose(ctx context.Context) (order.Keyset, error) {
	now := s.Now()
	keys, err := readKeys(ctx, s.DB, 0)
	if err != nil {
		return order.Keyset{}, err
	}
	k := newKeyset(1, s.Origin(), now)
	if cur := s.Current(); cur != nil && len(cur.Keyset.Policies) > 0 {
		k.Policies = cur.Keyset.Policies
	}
	for i := range keys {
		key := &keys[i]
		if now.After(key.NotAfter.Add(order.KeyOverlap)) {
			continue
		}
		holds, err := s.holds(ctx, key)
		if err != nil {
			return order.Keyset{}, err
		}
		if !holds {
			k.Revoked = append(k.Revoked, key.KeyID)
			continue
		}
		open, err := s.Open(ctx, key.User)
		if err != nil {
			return order.Keyset{}, err
		}
		roles, err := s.Roles(ctx, key.User)
		if err != nil {
			return order.Keyset{}, err
		}
		if open {
			k.Keys = append(k.Keys, key.records(roles)...)
		}
	}
	k.SortKeys()
	return k, nil
}

// Sign takes an administrator's signature under the draft. The signature that
// makes it enough publishes the keyset. Two people bring them: one who brings
// both is refused.
func (s *Service) Sign(ctx context.Context, actor auth.Actor, version uint64, sig order.Signature) error {
	if !actor.HasAnywhere(auth.Admin) || actor.IsToken() {
		return refusal.Denied(refusal.Role, "Administrators sign keysets.")
	}
	var done *Version
	err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		v, err := lockDraft(ctx, tx, version)
		if err != nil {
			return err
		}
		if !s.Material.Root.Keyset.Signs(order.TypeKeyset, v.Body, sig) {
			return refusal.InvalidAs(refusal.Root, "signature", "This is no signature of an administrator named by the root over keyset %d as it is drafted. Fetch the draft again and sign that.", version)
		}
		have, err := readSigned(ctx, tx, version)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(have, func(h Signed) bool { return string(h.Key[:]) == string(sig.Key) }) {
			return refusal.Conflict(refusal.Done, "This administrator has signed keyset %d already. Another one is needed.", version)
		}
		if actor.ID != 0 && slices.ContainsFunc(have, func(h Signed) bool { return h.user == actor.ID }) {
			return refusal.Denied(refusal.Second, "You brought the other signature. A second administrator brings theirs.")
		}
		now := s.Now()
		if err := insertSigned(ctx, tx, version, sig, actor, now); err != nil {
			return err
		}
		if err := audit.Append(ctx, tx, audit.Entry{Kind: "keyset.sign", Actor: actor.String(), Object: fmt.Sprintf("keyset:%d", version), NewHash: sig.Key, Evidence: sig.Sig}); err != nil {
			return err
		}
		if len(have)+1 < int(s.Material.Root.Keyset.Threshold) {
			return nil
		}
		sigs, err := readSignatures(ctx, tx, version)
		if err != nil {
			return err
		}
		v.Document, v.PublishedAt = order.Assemble(v.Body, sigs...), now
		if v.Keyset, err = s.Material.Root.OpenKeyset(v.Document); err != nil {
			return refusal.Wrap(errs.Conflict, refusal.Root, err, "Keyset %d does not hold under the root. Draft it again.", version)
		}
		if err := publish(ctx, tx, v); err != nil {
			return err
		}
		done = &v
		return audit.Append(ctx, tx, published(actor, v))
	})
	if err != nil || done == nil {
		return err
	}
	s.mu.Lock()
	s.byVer[done.Version] = done
	if done.Version > s.newest.Version {
		s.newest = done
	}
	s.mu.Unlock()
	s.events.Publish(Published{Version: done.Version})
	return nil
}

func published(actor auth.Actor, v Version) audit.Entry {
	hash := order.Hash(v.Document)
	return audit.Entry{Kind: "keyset.publish", Actor: actor.String(), Object: fmt.Sprintf("keyset:%d", v.Version), NewHash: hash[:], Reason: v.Reason, Evidence: v.Document}
}

// DemoDraft signs and publishes a keyset of the keys as they are now, in a demo, so
// that a key that a page has made counts at once, and one that was lost no more.
// Elsewhere it does nothing: people sign.
func (s *Service) DemoDraft(ctx context.Context, why string) error {
	if len(s.Demo) == 0 {
		return nil
	}
	_, err := s.Draft(ctx, auth.System("demo"), why)
	return err
}

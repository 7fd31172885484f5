package keyset

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/refusal"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/event"
	"cisterna/internal/postgres"
)

// Options is what a Service is made of. All but Demo are required.
type Options struct {
	DB       *sqlx.DB
	Material *Material
	Origin   func() string // of the console, which the next keyset pins
	// Roles returns what an account may do now, by site.
	Roles func(ctx context.Context, user int64) (map[int64][]auth.Role, error)
	// Open reports whether an account may be used.
	Open func(ctx context.Context, user int64) (bool, error)
	// Holds reports whether a passkey of an account may still be used. Whoever
	// revokes a lost one for signing in has revoked it for doses.
	Holds func(ctx context.Context, user int64, credential []byte) (bool, error)
	Now   func() time.Time
	Log   *slog.Logger
	// Demo signs drafts by itself, with keys that stand in for administrators. It
	// is refused under a root that is not a demo's.
	Demo []crypto.Signer
}

// Version is a keyset, signed or not.
type Version struct {
	Version     uint64
	Keyset      order.Keyset
	Body        []byte
	Document    []byte // nil: a draft
	Reason      string
	DraftedBy   string
	DraftedAt   time.Time
	PublishedAt time.Time
	Signed      []Signed // of a draft
	Needed      int      // signatures
}

// Signed is an administrator's signature under a draft.
type Signed struct {
	Key   order.KeyID
	Actor string
	At    time.Time
	user  int64
}

// Published tells of a keyset that counts from now on.
type Published struct{ Version uint64 }

// Service keeps people's signing keys and the keysets that list them. It is safe
// for concurrent use.
type Service struct {
	Options
	events event.Bus[Published]

	mu     sync.RWMutex
	byVer  map[uint64]*Version
	newest *Version
}

// New returns a service that knows the newest keyset. The one that the ceremony
// signed is taken over if there is no newer one.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.DB == nil || o.Material == nil || o.Roles == nil || o.Open == nil || o.Holds == nil || o.Now == nil || o.Log == nil || o.Origin == nil {
		return nil, errors.New("keyset: DB, Material, Origin, Roles, Open, Holds, Now and Log are required")
	}
	if len(o.Demo) > 0 && !o.Material.Root.Demo {
		return nil, errors.New("keyset: only a demo's root lets a server hold the keys of administrators")
	}
	s := &Service{Options: o, byVer: map[uint64]*Version{}}
	if err := s.takeOver(ctx); err != nil {
		return nil, err
	}
	return s, s.reload(ctx)
}

// Events tells of keysets that were published through this process.
func (s *Service) Events() *event.Bus[Published] { return &s.events }

// Current returns the newest published keyset. It is not to be changed.
func (s *Service) Current() *Version {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.newest
}

// Held returns a published keyset of a version that a pump says it holds.
func (s *Service) Held(version uint64) (*order.Keyset, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, ok := s.byVer[version]
	if !ok {
		return nil, false
	}
	return &v.Keyset, true
}

// takeOver makes the ceremony's keyset a published version, if nothing newer is.
func (s *Service) takeOver(ctx context.Context) error {
	k, err := s.Material.Root.OpenKeyset(s.Material.Keyset)
	if err != nil {
		return fmt.Errorf("the keyset of the ceremony: %w", err)
	}
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		top, err := lockVersions(ctx, tx)
		if err != nil || top >= k.Version {
			return err
		}
		if err := deleteDraft(ctx, tx); err != nil {
			return err
		}
		now := s.Now()
		v := Version{Version: k.Version, Keyset: k, Body: k.Encode(), Document: s.Material.Keyset, Reason: "signed at the ceremony", DraftedBy: auth.System("keys").String(), DraftedAt: now, PublishedAt: now}
		if err := insertVersion(ctx, tx, v); err != nil {
			return err
		}
		return audit.Append(ctx, tx, published(auth.System("keys"), v))
	})
}

func (s *Service) reload(ctx context.Context) error {
	all, err := readVersions(ctx, s.DB)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range all {
		v := &all[i]
		if v.Document == nil {
			continue
		}
		if v.Keyset, err = s.Material.Root.OpenKeyset(v.Document); err != nil {
			s.Log.Error("a stored keyset does not hold under the root and is left out", "version", v.Version, "error", err)
			continue
		}
		s.byVer[v.Version] = v
		if s.newest == nil || v.Version > s.newest.Version {
			s.newest = v
		}
	}
	if s.newest == nil {
		return errors.New("keyset: no keyset holds under the root: hold a ceremony")
	}
	return nil
}

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

// Versions returns all keysets, newest first, the draft included.
func (s *Service) Versions(ctx context.Context) ([]Version, error) {
	all, err := readVersions(ctx, s.DB)
	if err != nil {
		return nil, err
	}
	for i := range all {
		v := &all[i]
		if v.Keyset, err = order.DecodeKeyset(v.Body); err != nil {
			return nil, fmt.Errorf("keyset %d: %w", v.Version, err)
		}
		if v.Document != nil {
			continue
		}
		v.Needed = int(s.Material.Root.Keyset.Threshold)
		if v.Signed, err = readSigned(ctx, s.DB, v.Version); err != nil {
			return nil, err
		}
	}
	return all, nil
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
	if _, ok := k.record(roles); !ok {
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

// RevokeKey says that a key counts no more. Its owner and administrators may. It
// takes effect on a pump with the next keyset, which is drafted at once; the
// server itself believes the key no more from now on.
func (s *Service) RevokeKey(ctx context.Context, actor auth.Actor, id int64, why string) error {
	if why == "" || len(why) > 300 {
		return refusal.Invalid("reason", "Say why, in at most 300 characters.")
	}
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		k, err := lockKey(ctx, tx, id)
		if err != nil {
			return err
		}
		if actor.ID != k.User && !actor.HasAnywhere(auth.Admin) {
			return refusal.NotFound("There is no such key.")
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
		if p, ok := key.record(roles); ok && open {
			k.Keys = append(k.Keys, p)
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

// Stage is how near a keyset's end is.
type Stage int

// The stages: when an alarm rises (DESIGN.md 5).
const (
	Fresh  Stage = 0
	Notice Stage = 1 // 45 days
	Urgent Stage = 2 // 21 days
	Grave  Stage = 3 // 7 days, or over
)

// StageOf returns the stage of a keyset that ends at expires.
func StageOf(expires, now time.Time) Stage {
	const day = 24 * time.Hour
	switch left := expires.Sub(now); {
	case left <= 7*day:
		return Grave
	case left <= 21*day:
		return Urgent
	case left <= 45*day:
		return Notice
	}
	return Fresh
}

// Lists reports whether a key counts for the server now: in the newest keyset, and
// not revoked since.
func (s *Service) Lists(ctx context.Context, key order.Digest) (*order.PersonKey, error) {
	p, ok := s.Current().Keyset.Person(key)
	if !ok || s.Current().Keyset.IsRevoked(key) {
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

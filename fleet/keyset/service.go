package keyset

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/order"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
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

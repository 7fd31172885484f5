package library

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
	Root     order.Root
	Document []byte // that the ceremony signed
	Now      func() time.Time
	Log      *slog.Logger
	// Demo signs what was approved by itself; refused but under a demo's root.
	Demo []crypto.Signer
}

// Activated tells of a version that pumps are given from now on.
type Activated struct{ Version uint64 }

// Service keeps the versions of the drug library. It is safe for concurrent use.
type Service struct {
	Options
	events event.Bus[Activated]

	mu     sync.RWMutex
	byHash map[order.Digest]*Version
	active *Version
}

// New returns a service that knows the active library. The ceremony's is taken
// over if there is no newer one.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.DB == nil || o.Now == nil || o.Log == nil || len(o.Document) == 0 {
		return nil, errors.New("library: DB, Root, Document, Now and Log are required")
	}
	if len(o.Demo) > 0 && !o.Root.Demo {
		return nil, errors.New("library: only a demo's root lets a server hold a pharmacist's key")
	}
	s := &Service{Options: o, byHash: map[order.Digest]*Version{}}
	if err := s.takeOver(ctx); err != nil {
		return nil, err
	}
	return s, s.reload(ctx)
}

// Events tells of versions that became active through this process.
func (s *Service) Events() *event.Bus[Activated] { return &s.events }

// Current returns the active version. It is not to be changed.
func (s *Service) Current() *Version {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.active
}

// ByHash returns the signed version that a pump says it has.
func (s *Service) ByHash(hash []byte) (*Version, bool) {
	if len(hash) != len(order.Digest{}) {
		return nil, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, ok := s.byHash[order.Digest(hash)]
	return v, ok
}

// Before returns the newest signed version older than v, false if there is none.
func (s *Service) Before(v *Version) (*Version, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out *Version
	for _, w := range s.byHash {
		if w.Version < v.Version && (out == nil || w.Version > out.Version) {
			out = w
		}
	}
	return out, out != nil
}

func (s *Service) takeOver(ctx context.Context) error {
	l, err := s.Root.OpenLibrary(s.Document)
	if err != nil {
		return fmt.Errorf("the drug library of the ceremony: %w", err)
	}
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		top, err := lockVersions(ctx, tx)
		if err != nil || top >= l.Version {
			return err
		}
		now := s.Now()
		v := Version{
			Version: l.Version, State: StateActive, Rev: 1, Library: l, Body: l.Encode(), Note: "signed at the ceremony", AuthorName: "ceremony", CreatedAt: now,
			ActiveAt: now, Document: s.Document, Hash: order.Hash(s.Document),
		}
		if l.Sample {
			v.Annex = SampleAnnex()
		}
		if err := supersede(ctx, tx); err != nil {
			return err
		}
		if err := insert(ctx, tx, v); err != nil {
			return err
		}
		return audit.Append(ctx, tx, activated(auth.System("keys"), v))
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
		if v.Library, err = s.Root.OpenLibrary(v.Document); err != nil {
			s.Log.Error("a stored drug library does not hold under the root and is left out", "version", v.Version, "error", err)
			continue
		}
		s.byHash[v.Hash] = v
		if v.State == StateActive {
			s.active = v
		}
	}
	if s.active == nil {
		return errors.New("library: no active drug library holds under the root: hold a ceremony")
	}
	return nil
}

// Versions returns all versions, newest first.
func (s *Service) Versions(ctx context.Context) ([]Version, error) {
	all, err := readVersions(ctx, s.DB)
	for i := range all {
		if all[i].Library, err = order.DecodeLibrary(all[i].Body); err != nil {
			return nil, fmt.Errorf("drug library %d: %w", all[i].Version, err)
		}
	}
	return all, err
}

// Version returns one version, or errs.NotFound.
func (s *Service) Version(ctx context.Context, version uint64) (Version, error) {
	v, err := readVersion(ctx, s.DB, version, false)
	if err != nil {
		return Version{}, err
	}
	v.Library, err = order.DecodeLibrary(v.Body)
	return v, err
}

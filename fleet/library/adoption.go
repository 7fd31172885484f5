package library

import (
	"bytes"
	"context"
	"time"

	"cisterna/device/order"
	"cisterna/internal/auth"
	"cisterna/internal/postgres"
)

// StatedTx notes which library a pump says it has, in the transaction in which it
// said so.
func (s *Service) StatedTx(ctx context.Context, tx *postgres.Tx, pump, site int64, hash []byte, at time.Time) error {
	if len(hash) == 0 {
		return nil
	}
	return noteHolding(ctx, tx, pump, site, hash, at)
}

// PumpHolding is which version one pump says it has.
type PumpHolding struct {
	Pump, Site int64
	Version    uint64 // 0: one that is not known here
	Hash       []byte
	Since      time.Time
}

// Pumps returns which version each pump in scope says it has. One that never said
// so is not there.
func (s *Service) Pumps(ctx context.Context, scope auth.Scope) ([]PumpHolding, error) {
	all, err := readPumps(ctx, s.DB, scope)
	for i := range all {
		if v, ok := s.ByHash(all[i].Hash); ok {
			all[i].Version = v.Version
		}
	}
	return all, err
}

// Holding is how many pumps of one's sites have a version now.
type Holding struct {
	Version uint64 // 0: one that is not known here
	Hash    []byte
	Pumps   int64
}

// Adopted is how many pumps had taken a version by a day.
type Adopted struct {
	Day   time.Time
	Pumps int64
}

// Holdings returns which versions the pumps in scope have.
func (s *Service) Holdings(ctx context.Context, scope auth.Scope) ([]Holding, error) {
	all, err := readHoldings(ctx, s.DB, scope)
	for i := range all {
		if v, ok := s.ByHash(all[i].Hash); ok {
			all[i].Version = v.Version
		}
	}
	return all, err
}

// Adoption returns, day by day, how many pumps in scope had taken a version.
func (s *Service) Adoption(ctx context.Context, scope auth.Scope, version uint64) ([]Adopted, error) {
	v, err := s.Version(ctx, version)
	if err != nil {
		return nil, err
	}
	if v.Document == nil {
		return []Adopted{}, nil
	}
	return readAdoption(ctx, s.DB, scope, v.Hash[:])
}

// Same reports whether two hashes name one library.
func Same(a []byte, b order.Digest) bool { return bytes.Equal(a, b[:]) }

// Behind reports since when a pump that has the library of a hash could have a newer
// one: since the oldest of those that came after it is active. It is false for the one
// in force. Of a library that is not known here all that can be said is that another is
// in force.
func (s *Service) Behind(hash []byte) (since time.Time, behind bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if Same(hash, s.active.Hash) {
		return time.Time{}, false
	}
	since = s.active.ActiveAt
	if len(hash) != len(order.Digest{}) {
		return since, true
	}
	has, known := s.byHash[order.Digest(hash)]
	for _, v := range s.byHash {
		if known && v.Version > has.Version && v.ActiveAt.Before(since) {
			since = v.ActiveAt
		}
	}
	return since, true
}

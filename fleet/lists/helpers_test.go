package lists

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/pgtest"
)

// rig is the package on a database: two sites with pumps, and people.
type rig struct {
	*testing.T
	db     *sqlx.DB
	reg    *registry.Service
	lists  *Service
	a, b   int64
	pumps  []int64 // of site a
	people map[int64]auth.Actor
	tokens map[int64][]int64 // active ones, and their sites
	shift  atomic.Int64      // of the clock
}

var sys = auth.System("test")

func newRig(t *testing.T, pumps int) *rig {
	t.Helper()
	r := &rig{T: t, db: pgtest.New(t), people: map[int64]auth.Actor{}, tokens: map[int64][]int64{}}
	var err error
	r.reg, err = registry.New(t.Context(), registry.Options{
		DB: r.db, Now: r.now, Sign: func(*x509.CertificateRequest, time.Time) (*x509.Certificate, [][]byte, error) {
			return nil, nil, errors.New("not here")
		},
		Documents: func(context.Context, string) (registry.Documents, error) {
			return registry.Documents{Root: []byte("root")}, nil
		},
	})
	r.must(err)
	for at, short := range map[*int64]string{&r.a: "A", &r.b: "B"} {
		s, err := r.reg.CreateSite(t.Context(), sys, registry.NewSite{Name: short, Short: short, TimeZone: "UTC"})
		r.must(err)
		*at = s.ID
	}
	for range pumps {
		r.pumps = append(r.pumps, r.pump(r.a))
	}
	r.lists = r.service()
	return r
}

// service returns a service as another process would have it.
func (r *rig) service() *Service {
	r.Helper()
	s, err := New(Options{DB: r.db, Registry: r.reg, Now: r.now, Log: slog.New(slog.DiscardHandler), Actor: func(_ context.Context, id, token int64) (auth.Actor, error) {
		a, ok := r.people[id]
		if !ok {
			return a, errs.Deniedf("The account is shut.")
		}
		if sites, ok := r.tokens[token]; ok {
			return a.ByToken(token, sites), nil
		}
		if token != 0 {
			return a, errs.Deniedf("The token is revoked.")
		}
		return a, nil
	}})
	r.must(err)
	return s
}

func (r *rig) now() time.Time { return time.Now().Add(time.Duration(r.shift.Load())) }

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) pump(site int64) int64 {
	r.Helper()
	p, err := r.reg.RegisterPump(r.Context(), sys, registry.NewPump{Site: site, Serial: fmt.Sprintf("SN-%d-%d", site, time.Now().UnixNano()), Model: "Meander P20", Profile: "meander-p20"})
	r.must(err)
	return p.ID
}

// person returns somebody with a role at a site, and no other.
func (r *rig) person(id int64, site int64, role auth.Role) auth.Actor {
	r.Helper()
	a := auth.Actor{ID: id, Login: fmt.Sprint("p", id), Name: fmt.Sprint("Person ", id), Roles: map[int64][]auth.Role{site: {role}}}
	r.people[id] = a
	_, err := r.db.Exec(`DELETE FROM registry_memberships WHERE user_id = $1`, id)
	r.must(err)
	r.must(r.reg.AddMembership(r.Context(), sys, id, site, role))
	return a
}

func (r *rig) count(query string, args ...any) (n int) {
	r.Helper()
	r.must(r.db.Get(&n, query, args...))
	return n
}

// leaves counts entries of the record of a kind.
func (r *rig) leaves(kind string) int {
	r.Helper()
	return r.count(`SELECT count(*) FROM audit_leaf WHERE kind = $1`, kind)
}

func (r *rig) kind(what string, err error, want errs.Kind) {
	r.Helper()
	if err == nil || errs.KindOf(err) != want {
		r.Errorf("%s: %v, want %s", what, err, want)
	}
}

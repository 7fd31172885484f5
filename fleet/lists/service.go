package lists

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/fleet/registry"
	"cisterna/internal/auth"
	"cisterna/internal/event"
)

// Options is what a Service is made of. All are required.
type Options struct {
	DB       *sqlx.DB
	Registry *registry.Service
	// Actor returns a person with the roles they have now, to go on with work that
	// they began, and with a token that is not 0 their program, with what they have
	// at the token's sites (auth.Actor.ByToken). Errors: NotFound; Denied if the
	// account is shut, or the token is not active any more.
	Actor func(ctx context.Context, account, token int64) (auth.Actor, error)
	Now   func() time.Time
	Log   *slog.Logger
}

func (o Options) validate() error {
	if o.DB == nil || o.Registry == nil || o.Actor == nil || o.Now == nil || o.Log == nil {
		return errors.New("lists: DB, Registry, Actor, Now and Log are required")
	}
	return nil
}

// Service holds tags, groups, views and runs. It is safe for concurrent use.
type Service struct {
	Options
	events event.Bus[Changed]
	wake   chan struct{} // there is a run to do
}

// New returns a service; Run does the work on many pumps.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o.Log = o.Log.With("component", "lists")
	return &Service{Options: o, wake: make(chan struct{}, 1)}, nil
}

// Events tells of committed changes made through this process.
func (s *Service) Events() *event.Bus[Changed] { return &s.events }

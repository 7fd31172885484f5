// Package overview is what the screens read: joins across the fleet's packages,
// and the board, which is the list of all pumps in memory.
//
// It only reads, and it is the only package that reads others' tables.
//
// # The board
//
// [Board] holds one [Row] per pump. It is loaded by one joined SELECT and then
// follows the packages' events, which tell of committed changes only; whatever
// an event does not carry is read again for that pump alone. Every change of a
// row raises the board's revision. A reader asks for what changed since the
// revision it has seen and gets each changed row once, however often it changed.
// A revision means something only together with the board's epoch, which is new
// at every start; a reader that comes with another epoch gets all rows.
//
// Once everything that was committed has been told, the board equals a fresh
// load; what other servers did is seen at the next of its regular loads.
package overview

import (
	"errors"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/profile"
	"cisterna/fleet/alarm"
	"cisterna/fleet/lists"
	"cisterna/fleet/maintenance"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
)

// Options is what a Service is made of. All but Refresh are required.
type Options struct {
	DB        *sqlx.DB
	Registry  *registry.Service
	Telemetry *telemetry.Service
	Alarms    *alarm.Service
	// Maintenance keeps the work on devices.
	Maintenance *maintenance.Service
	Lists       *lists.Service
	// Desired returns what the server wants a pump of a profile to have.
	Desired func(profile string) Desired
	// Profile returns a device profile by its id.
	Profile func(id string) (*profile.Profile, bool)
	// Library returns what the drug library of that hash is called; "" if it is
	// not known.
	Library func(hash []byte) string
	Now     func() time.Time
	Log     *slog.Logger
	// Refresh is how often the board is loaded afresh. 0 = one minute.
	Refresh time.Duration
}

func (o Options) validate() error {
	if o.DB == nil || o.Registry == nil || o.Telemetry == nil || o.Alarms == nil || o.Maintenance == nil || o.Lists == nil || o.Desired == nil || o.Profile == nil || o.Library == nil || o.Now == nil || o.Log == nil {
		return errors.New("overview: DB, Registry, Telemetry, Alarms, Maintenance, Lists, Desired, Profile, Library, Now and Log are required")
	}
	return nil
}

// Service answers the screens' questions. It is safe for concurrent use.
type Service struct {
	Options
	board *Board
}

// New returns a service with its board loaded; [Board.Run] keeps it current.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Refresh == 0 {
		o.Refresh = time.Minute
	}
	o.Log = o.Log.With("component", "overview")
	s := &Service{Options: o}
	var err error
	s.board, err = newBoard(s)
	return s, err
}

// Board returns the list of all pumps.
func (s *Service) Board() *Board { return s.board }

// Package telemetry takes in what pumps report and keeps it: records, latest
// state, presence, refusals, and rollups for charts.
//
// # Invariants
//
//   - The cursor per pump and lane is the only deduplication. One transaction
//     locks it, accepts exactly what follows, writes, moves it and commits; only
//     then does the pump hear of it (dn/ack) and the connection get its PUBACK.
//     So nothing acknowledged is lost and nothing is stored twice, whoever dies
//     at whatever moment.
//   - Alarms have a lane, a batcher and a connection of their own. They never
//     wait behind telemetry, and an alarm is raised or cleared in the
//     transaction that moves the cursor past it.
//   - Bad input is refused, counted and visible, and never stops anybody's
//     stream, its own included. Refusing is as durable as accepting.
//   - A message of a session that has ended never makes its successor look
//     ended: presence is keyed by session, and the sweep over the database is
//     the authority.
//   - Doses and volumes are whole numbers throughout.
//
// # The way of a message
//
// [Service.Deliver] checks who it is from and decodes it on the caller's
// goroutine, so that the links of different callers are verified in parallel.
// What passes waits for a batcher: telemetry for the main one, which commits up
// to 2,000 rows at a time through COPY; alarms for theirs, which commits at
// once; what was refused, and what pumps say about themselves, for theirs. A
// finisher answers after the commit while the batcher goes on.
package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/dose"
	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/fleet/alarm"
	"cisterna/fleet/registry"
	"cisterna/internal/event"
	"cisterna/internal/postgres"
)

// Options is what a Service is made of. All but the last block are required.
type Options struct {
	DB        *sqlx.DB            // the main batcher keeps one connection of it
	Directory *registry.Directory // who a pump and a link are
	Alarms    *alarm.Service
	Silence   func(profile string, s dose.Severity) SilenceRule // 0: it is not known what the pump gives
	Push      func(link string, m gateway.Outbound) bool        // gateway.Transport.Push
	Now       func() time.Time
	Log       *slog.Logger
	Boot      string // names this start of the server: gateway.Session.Boot

	// AlarmDB is the pool of the alarm lane. It should be one of its own, of two
	// connections, so that no other query can keep an alarm waiting. nil = DB.
	AlarmDB *sqlx.DB
	// Answered runs in the transaction that stores a pump's answer to a
	// document. An error means that the answer was not stored.
	Answered func(ctx context.Context, tx *postgres.Tx, a Answer) error
	// Stated runs in the transaction that stores a hello, or a heartbeat that tells
	// of another state than before.
	Stated func(ctx context.Context, tx *postgres.Tx, st Statement) error
	Keep   Retention

	// Unsigned believes messages without looking at their signatures. It is for
	// measuring what signatures cost and is refused unless Plain says that the
	// transport believes everybody as well (gateway.Options.Plain, which keeps to
	// loopback). No setting of the server reaches either.
	Plain, Unsigned bool
}

// Retention says how long data is kept. Zero fields take the defaults.
type Retention struct {
	Samples  time.Duration // raw, by the day received; default 90 days, at least 4
	Minutes  time.Duration // default 400 days
	Hours    time.Duration // default 10 years
	Refusals time.Duration // and the counts; default 90 days
	Presence time.Duration // changes and past sessions; default 400 days
}

const day = 24 * time.Hour

func (r Retention) withDefaults() Retention {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&r.Samples, 90*day)
	def(&r.Minutes, 400*day)
	def(&r.Hours, 3653*day)
	def(&r.Refusals, 90*day)
	def(&r.Presence, 400*day)
	r.Samples = max(r.Samples, 4*day)
	return r
}

func (o Options) validate() error {
	if o.DB == nil || o.Directory == nil || o.Alarms == nil || o.Silence == nil || o.Push == nil || o.Now == nil || o.Log == nil || o.Boot == "" {
		return errors.New("telemetry: DB, Directory, Alarms, Silence, Push, Now, Log and Boot are required")
	}
	if o.Unsigned && !o.Plain {
		return errors.New("telemetry: signatures are always checked on a transport that is not plain")
	}
	return nil
}

// Service is the inbox of the link, the presence of pumps and the reader of what
// came in. It is safe for concurrent use. It works only while Run does.
type Service struct {
	Options
	Stats Stats

	events  event.Bus[[]Changed]
	greeted event.Bus[Greeted]
	said    event.Bus[[]Said]

	main    *mainLane
	alarms  *alarmLane
	refused *refuser
	states  *stater
	acks    acker
	asks    *asker
	tracker *tracker

	// Deliver holds a share of gate while it hands over; Run takes all of it to
	// close the door, after which nothing more can come.
	gate   sync.RWMutex
	closed bool

	// Connections over which a message came that could not be stored. They end
	// soon; what follows on them leaves records out, and it is not the pump's doing.
	failed sync.Map

	running atomic.Bool
	newest  atomic.Int64 // Unix ms: newest time of receipt that was stored before the start
	ourMu   sync.Mutex
	our     uplink

	// Held from a change of presence to its publication, so that listeners hear
	// of changes in the order of their commits.
	presenceMu sync.Mutex

	troubleMu sync.Mutex
	troubles  []Trouble
}

var _ gateway.Inbox = (*Service)(nil)

// New returns a service. Nothing moves until Run.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.AlarmDB == nil {
		o.AlarmDB = o.DB
	}
	o.Keep = o.Keep.withDefaults()
	o.Log = o.Log.With("component", "telemetry")
	s := &Service{Options: o}
	s.main = newMainLane(s)
	s.alarms = newAlarmLane(s)
	s.refused = newRefuser(s)
	s.states = newStater(s)
	s.acks = acker{s}
	s.asks = newAsker(s)
	s.tracker = newTracker(o.Boot)
	return s, nil
}

// Events tells of committed changes made through this process, those of one
// transaction together.
func (s *Service) Events() *event.Bus[[]Changed] { return &s.events }

// Greetings tells of hellos, after their commit: the pump is there now, and this
// is what it has.
func (s *Service) Greetings() *event.Bus[Greeted] { return &s.greeted }

// Greeted says that a pump said hello.
type Greeted struct {
	Pump  registry.PumpRef
	Hello wire.Hello
	At    time.Time
}

// Sayings tells of heartbeats and answers after their commit, those of one transaction
// together.
func (s *Service) Sayings() *event.Bus[[]Said] { return &s.said }

// Said is what a pump said: of itself in a heartbeat, or in answer to a document.
// One of State and Answer is set. Neither is to be changed.
type Said struct {
	Pump   registry.PumpRef
	State  *wire.State
	Answer *wire.Answer
	At     time.Time // received
}

// Answer is a pump's signed answer to a document.
type Answer struct {
	Pump registry.PumpRef
	wire.Answer
	At       time.Time // received
	Envelope []byte    // the signed message as it came
}

// Statement is what a pump says of itself, signed, in a hello or a heartbeat.
type Statement struct {
	Pump     registry.PumpRef
	State    *wire.State
	At       time.Time // received
	Envelope []byte    // the signed message as it came
}

// ErrStopped is what messages are refused with while the service does not run.
// They were not stored.
var ErrStopped = errors.New("telemetry: the server is stopping")

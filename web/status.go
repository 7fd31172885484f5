package web

import (
	"context"
	"fmt"
	"time"

	"cisterna/web/api"
)

// System tells what the server runs on, for GET /status. What it does not say is
// left out there.
type System struct {
	Version string
	Started time.Time
	Leads   func() bool // this server holds the endpoint of the pumps
	Disks   func() []Disk
	Base    func(context.Context) (Database, error)
	Outbox  func() (waiting int, oldest time.Time) // documents without an answer
	Ends    func() []Ends
}

// Disk is a disk that the server, or its database, writes to.
type Disk struct {
	Name  string // stable: "keys"
	Holds string // what is on it, as the end of a sentence: "the keys"
	Full  string // what stops when it is full, as a sentence without its end
	Free  int64  // bytes that are left for this account
	Total int64
	Err   error // it cannot be asked
}

// Database is what the database says of itself.
type Database struct {
	Server         int   // server_version_num
	Schema, Newest int64 // migrations applied, and known to this program
	Size           int64 // bytes
	Here           bool  // it runs on this machine
	Connections    int   // open, of this server
	Most           int   // that it may open
	Durable        bool  // what was committed survives a power cut
	Now            time.Time
}

// Ends is something that is good until a day.
type Ends struct {
	Name, Title string
	At          time.Time
	Warn        time.Duration // before it, people should act
	Do          string        // what to do then
}

// part gathers what there is to say about one part of the server.
type part struct{ api.Part }

func newPart(name, title string) *part {
	return &part{api.Part{Name: name, Title: title, State: stateOK, Lines: []api.Line{}}}
}

const (
	stateOK       = "ok"
	stateDegraded = "degraded"
	stateDown     = "down"
)

// fault says that something is wrong, and what to do.
func (p *part) fault(state, format string, args ...any) {
	p.worse(state)
	if p.Detail != "" {
		p.Detail += " "
	}
	p.Detail += fmt.Sprintf(format, args...)
}

func (p *part) worse(state string) {
	if state == stateDown || p.State == stateOK {
		p.State = state
	}
}

// add puts a line into the part; the part is as bad as its worst line.
func (p *part) add(l api.Line) {
	if l.State == "" {
		l.State = stateOK
	}
	p.worse(l.State)
	p.Lines = append(p.Lines, l)
}

// number is a line with a number. Units are those of api.Line.
func (p *part) number(name, title string, n int64, unit string) {
	p.add(api.Line{Name: name, Title: title, Value: api.Some(n), Unit: unit})
}

// check is a line with a number that should not be.
func (p *part) check(name, title string, n int64, unit string, bad bool, detail string) {
	l := api.Line{Name: name, Title: title, Value: api.Some(n), Unit: unit}
	if bad {
		l.State, l.Detail = stateDegraded, detail
	}
	p.add(l)
}

// text is a line with words.
func (p *part) text(name, title, words string) {
	p.add(api.Line{Name: name, Title: title, Text: api.Some(words)})
}

// since is a line with a moment that has passed.
func (p *part) since(name, title string, at time.Time) {
	if !at.IsZero() {
		p.add(api.Line{Name: name, Title: title, At: api.MaybeTimeOf(at)})
	}
}

// parts tells how the server does, for GET /status.
func (s *Server) parts(ctx context.Context) []api.Part {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	perMin := s.rates.perMinute()
	var out []api.Part
	for _, p := range []*part{
		s.process(), s.disks(ctx), s.database(ctx), s.endpoint(ctx, perMin), s.ingest(perMin), s.outbox(), s.sealed(ctx), s.feed(), s.trust(),
	} {
		if p != nil {
			out = append(out, p.Part)
		}
	}
	return out
}

// answer asks a part whether it is ready, and notes how long that took.
func (s *Server) answer(ctx context.Context, p *part, name string) {
	ready := s.o.Ready[name]
	if ready == nil {
		return
	}
	start := time.Now()
	if err := ready(ctx); err != nil {
		s.log.Warn("not ready", "part", name, "error", err)
		p.fault(stateDown, "It does not answer as it should. The server's log says why.")
	}
	p.number("answer", "Time to answer", time.Since(start).Microseconds(), "us")
}

package web

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"cisterna/web/api"
)

// process tells of the program and its machine.
func (s *Server) process() *part {
	p := newPart("server", "Server")
	y := s.o.System
	if y.Version != "" {
		p.text("version", "Version", y.Version)
	}
	p.since("started", "Started", y.Started)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	p.number("memory", "Memory in use", int64(m.Sys-m.HeapReleased), "bytes")
	return p
}

// skew is how far the clocks of server and database may be apart.
const skew = 2 * time.Second

func (s *Server) database(ctx context.Context) *part {
	p := newPart("database", "Database")
	s.answer(ctx, p, "database")
	if s.o.System.Base == nil || p.State == stateDown {
		return p
	}
	b, err := s.o.System.Base(ctx)
	if err != nil {
		s.log.Warn("the database could not be asked about itself", "error", err)
		p.fault(stateDown, "It cannot be asked about itself. The server's log says why.")
		return p
	}
	p.text("postgresql", "PostgreSQL", fmt.Sprintf("%d.%d", b.Server/10_000, b.Server%10_000))
	schema := api.Line{Name: "schema", Title: "Schema", Text: api.Some(fmt.Sprintf("version %d", b.Schema))}
	switch {
	case b.Schema < b.Newest:
		schema.State, schema.Detail = stateDown, fmt.Sprintf("This program needs version %d: run cisterna migrate.", b.Newest)
	case b.Schema > b.Newest:
		schema.State, schema.Detail = stateDegraded, fmt.Sprintf("This program knows version %d: another server is newer. Bring this one up to it.", b.Newest)
	}
	p.add(schema)
	p.number("size", "Size", b.Size, "bytes")
	p.add(api.Line{Name: "connections", Title: "Connections of this server", Value: api.Some(int64(b.Connections)), Text: api.Some(fmt.Sprintf("of %d", b.Most))})
	durable := api.Line{Name: "durable", Title: "Keeps what it has acknowledged", Text: api.Some("yes")}
	if !b.Durable {
		durable.Text, durable.State, durable.Detail = api.Some("no"), stateDegraded, "fsync or synchronous_commit is off: a power cut can lose what pumps were told is stored. Turn both on."
	}
	p.add(durable)
	if off := s.o.Now().Sub(b.Now).Abs(); off > skew {
		p.add(api.Line{Name: "clock", Title: "Its clock differs by", Value: api.Some(off.Milliseconds()), Unit: "ms", State: stateDegraded, Detail: "Set both clocks by one source of time."})
	}
	return p
}

// endpoint tells of the connections of pumps.
func (s *Server) endpoint(ctx context.Context, perMin map[string]int64) *part {
	g := s.o.Gateway
	if g == nil {
		return nil
	}
	p := newPart("endpoint", "Endpoint of the pumps")
	s.answer(ctx, p, "endpoint")
	if s.o.System.Leads != nil && !s.o.System.Leads() {
		p.fault(stateDegraded, "Another server holds the endpoint, or this one is still opening it.")
	}
	p.number("connections", "Connected now", g.Sessions.Load(), "")
	p.number("pending", "Connecting now", g.Pending.Load(), "")
	p.number("connects", "New connections", perMin["connects"], "per_min")
	p.number("denied", "Turned away since the start", int64(g.Denied.Load()), "")
	p.number("crowded", "Closed because their network connects too often", int64(g.Crowded.Load()+g.Flooding.Load()+g.EnrolCrowded.Load()), "")
	p.number("flapping", "Made to wait because they connect too often", int64(g.Flapping.Load()), "")
	p.number("handshakes_failed", "TLS handshakes that failed", int64(g.HandshakeFailed.Load()), "")
	p.number("protocol_errors", "Cut for breaking a rule", int64(g.Protocol.Load()), "")
	p.number("enrolled", "Enrolled since the start", int64(g.Enrolled.Load()), "")
	p.number("enrolments_refused", "Enrolments refused", int64(g.EnrolRefused.Load()), "")
	p.number("certificates_renewed", "Certificates renewed", int64(g.Renewed.Load()), "")
	return p
}

// stuck is how long messages may wait for a commit before people should look.
const stuck = 30 * time.Second

// ingest tells of what pumps send on its way into the database.
func (s *Server) ingest(perMin map[string]int64) *part {
	t := s.o.API.Telemetry
	p := newPart("ingest", "Data from pumps")
	for _, tr := range t.Troubles() {
		p.fault(stateDegraded, "%s", tr.Text)
	}
	waiting, at := t.Stats.Waiting.Load(), t.Stats.CommittedAt.Load()
	last := time.UnixMilli(at)
	if at > 0 {
		p.since("last_commit", "Last stored", last)
	} else {
		p.text("last_commit", "Last stored", "nothing since the start")
	}
	p.check("waiting", "Messages that wait to be stored", waiting, "", waiting > 0 && at > 0 && s.o.Now().Sub(last) > stuck, "Nothing was stored for a while although messages wait: look at the database.")
	p.number("records", "Records", perMin["records"], "per_min")
	p.number("messages", "Messages", perMin["messages"], "per_min")
	p.number("refused", "Refused messages", perMin["refused"], "per_min")
	p.number("alarms", "Reports of alarms", perMin["alarms"], "per_min")
	p.number("records_total", "Records since the start", int64(t.Stats.Records.Load()), "")
	p.number("duplicates", "Came twice, and were kept once", int64(t.Stats.Duplicates.Load()), "")
	p.number("gaps", "Gaps that pumps declared", int64(t.Stats.Gaps.Load()), "")
	p.number("retries", "Transactions tried again", int64(t.Stats.Retries.Load()), "")
	p.number("failed", "Messages given back to pumps", int64(t.Stats.Failed.Load()), "")
	return p
}

// outbox tells of signed documents on their way to pumps.
func (s *Server) outbox() *part {
	if s.o.System.Outbox == nil {
		return nil
	}
	p := newPart("outbox", "Documents for pumps")
	n, oldest := s.o.System.Outbox()
	p.number("waiting", "Without an answer", int64(n), "")
	if n > 0 {
		p.since("oldest", "The oldest of them was written", oldest)
	}
	return p
}

// sealLag is how long a leaf may wait for its place before people should look.
const sealLag = 5 * time.Second

func (s *Server) sealed(ctx context.Context) *part {
	p := newPart("record", "Record")
	st, err := s.o.Record(ctx, s.o.Now())
	switch {
	case err != nil:
		s.log.Warn("the record's state could not be read", "error", err)
		p.fault(stateDown, "The state of the record cannot be read.")
		return p
	case st.Fault != nil:
		p.fault(stateDegraded, "Entries wait for their place in the record: %v", st.Fault)
	case st.Lag > sealLag:
		p.fault(stateDegraded, "Entries wait for their place in the record.")
	}
	p.number("entries", "Entries under the newest checkpoint", st.Checkpoint.Size, "")
	p.since("checkpoint", "Newest checkpoint", st.Checkpoint.At)
	p.number("pending", "Entries that wait for their place", st.Pending, "")
	if st.Pending > 0 {
		p.number("lag", "The oldest of them waits for", st.Lag.Milliseconds(), "ms")
	}
	return p
}

func (s *Server) feed() *part {
	st := s.hub.Stats()
	p := newPart("feed", "Live feed")
	p.number("viewers", "Open consoles", int64(st.Clients), "")
	p.number("flushes", "Times that changes were sent", int64(st.Flushes), "")
	p.number("resets", "Consoles that had to read afresh", int64(st.Resets), "")
	p.number("slow", "Consoles cut because they were too slow", int64(st.Slow), "")
	return p
}

// trust tells until when keys and certificates are good.
func (s *Server) trust() *part {
	if s.o.System.Ends == nil {
		return nil
	}
	p := newPart("trust", "Keys and certificates")
	now := s.o.Now()
	for _, e := range s.o.System.Ends() {
		l := api.Line{Name: e.Name, Title: e.Title, At: api.MaybeTimeOf(e.At), Unit: "until"}
		switch left := e.At.Sub(now); {
		case left <= 0:
			l.State, l.Detail = stateDown, "It has ended. "+e.Do
		case left <= e.Warn:
			l.State, l.Detail = stateDegraded, e.Do
		}
		p.add(l)
	}
	return p
}

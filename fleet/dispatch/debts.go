package dispatch

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"cisterna/device/gateway"
	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/library"
	"cisterna/fleet/registry"
	"cisterna/fleet/telemetry"
)

// installed are the documents that every pump of an installation is to have.
var installed = []wire.Kind{wire.DnKeyset, wire.DnLibrary, wire.DnProfile}

// debt is a document that a pump is known to lack.
type debt struct {
	pump int64
	kind wire.Kind
}

// owing is how far the sending of it is.
type owing struct {
	tries int
	last  time.Time // when it was sent
	next  time.Time // when it is sent again; zero: the pump has answered that it took it
	heard time.Time // when it answered; what it said of itself before is old
}

// refusedPause is how long a document is kept back that a pump does not want: sent
// again it says the same, and only an hour may have changed that.
const refusedPause = time.Hour

// debts are what pumps that are connected lack. A revoked key counts on a pump until
// the pump has the next keyset, so that what was sent once is not good enough: its
// disk or its queue may have been full. The zero value is ready to use.
type debts map[debt]*owing

func (d *debts) at(k debt) *owing {
	if *d == nil {
		*d = debts{}
	}
	if (*d)[k] == nil {
		(*d)[k] = &owing{}
	}
	return (*d)[k]
}

func (d debts) forget(k debt) { delete(d, k) }

// stated takes what a pump says of itself: that it has the document or not.
func (d *debts) stated(k debt, has bool, at, now time.Time) {
	o := (*d)[k]
	switch {
	case o != nil && at.Before(o.heard): // said before it took it
	case has:
		d.forget(k)
	case o == nil || o.next.IsZero():
		d.at(k).next = now
	}
}

// answered takes a pump's answer to the document.
func (d debts) answered(k debt, code order.Code, at, now time.Time) {
	o := d[k]
	if o == nil {
		return
	}
	switch code {
	case order.Applied:
		o.next, o.heard = time.Time{}, at
	case order.ErrStorage, order.ErrRate: // it looked at nothing: the next pause stands
	default:
		o.next = now.Add(refusedPause)
	}
}

// missed takes that a pump refused an order for want of the document: it is sent at
// once, and yet not twice within the first pause, however many orders say so.
func (d *debts) missed(k debt, now time.Time) {
	o, due := d.at(k), now
	if soon := o.last.Add(firstPause); soon.After(now) {
		due = soon
	}
	if o.next.IsZero() || due.Before(o.next) {
		o.next = due
	}
}

// has reports whether a pump that says this of itself has the newest document. Of a
// profile a pump names what it says, whoever signed it; a model that the installation
// has no profile of has nothing to get.
func (g *Greeter) has(kind wire.Kind, p registry.PumpRef, st *wire.State) bool {
	switch kind {
	case wire.DnKeyset:
		version, _ := g.Keyset()
		return st.Keyset >= version
	case wire.DnProfile:
		says, document := g.Profile(p.Profile)
		return document == nil || bytes.Equal(says, st.Profile)
	}
	return library.Same(st.Library, order.Hash(g.Library()))
}

func (g *Greeter) document(kind wire.Kind, p registry.PumpRef) []byte {
	switch kind {
	case wire.DnKeyset:
		_, document := g.Keyset()
		return document
	case wire.DnProfile:
		_, document := g.Profile(p.Profile)
		return document
	}
	return g.Library()
}

// hear takes what a pump says: of itself in a heartbeat, or in an answer.
func (g *Greeter) hear(s *telemetry.Said) {
	now := g.Now()
	if s.State != nil {
		for _, kind := range installed {
			g.debts.stated(debt{s.Pump.ID, kind}, g.has(kind, s.Pump, s.State), s.At, now)
		}
	}
	a := s.Answer
	if a == nil {
		return
	}
	code, ordering := order.Code(a.Code), a.Kind == wire.DnOrder || a.Kind == wire.DnStop
	switch {
	case ordering && code == order.ErrKeyset:
		g.debts.missed(debt{s.Pump.ID, wire.DnKeyset}, now)
	case ordering && code == order.ErrLibrary:
		g.debts.missed(debt{s.Pump.ID, wire.DnLibrary}, now)
	case slices.Contains(installed, a.Kind) && a.Doc == order.Hash(g.document(a.Kind, s.Pump)):
		g.debts.answered(debt{s.Pump.ID, a.Kind}, code, s.At, now)
	}
	g.pay()
}

// publish sends a new document to every pump that is connected. The others get it at
// their next hello.
func (g *Greeter) publish(kind wire.Kind) {
	for p := range g.Directory.All() {
		if p.Link != "" && p.Status == registry.Active {
			g.debts.forget(debt{p.ID, kind})
			g.send(debt{p.ID, kind}, p, p.Link)
		}
	}
}

// pay sends what is due, to where the pump is today, the keyset first.
func (g *Greeter) pay() {
	now := g.Now()
	var due []debt
	for k, o := range g.debts {
		if !o.next.IsZero() && !o.next.After(now) {
			due = append(due, k)
		}
	}
	rank := func(k debt) int { return slices.Index(installed, k.kind) }
	slices.SortFunc(due, func(a, b debt) int { return cmp.Or(cmp.Compare(a.pump, b.pump), cmp.Compare(rank(a), rank(b))) })
	for _, k := range due {
		if p, ok := g.Directory.ByID(k.pump); ok && p.Link != "" && p.Status == registry.Active {
			g.send(k, p, p.Link)
		} else {
			g.debts.forget(k)
		}
	}
}

// send sends a document once and notes when to do so again. A pump that is not there
// says what it lacks when it is.
func (g *Greeter) send(k debt, p registry.PumpRef, link string) {
	if !g.Push(link, gateway.Outbound{Kind: k.kind, Payload: g.document(k.kind, p)}) {
		g.debts.forget(k)
		return
	}
	now, o := g.Now(), g.debts.at(k)
	o.tries++
	o.last, o.next = now, now.Add(pause(o.tries))
}

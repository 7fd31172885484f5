package registry

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/errs"
)

// PumpRef is what the hot paths need to know about a pump.
type PumpRef struct {
	ID      int64
	Wire    wire.PumpID    // zero until the pump has a key
	Site    int64          // registry id
	Key     wire.PublicKey // zero until the first enrolment
	Link    string         // of the open pairing; empty if there is none
	Profile string
	Status  Status
	Serial  string
	Model   string
	Label   string
	Rev     int64 // rises with every change
}

// entry is a pump in the directory. Entries are never changed, only replaced.
type entry struct {
	PumpRef
	pairing int64               // id of the open pairing
	certs   map[string]struct{} // serials that are not revoked
}

// Directory answers from memory who a link and a pump are. It is safe for
// concurrent use; readers take no lock and see each pump as some transaction
// left it. Pumps are never removed.
type Directory struct {
	mu     sync.Mutex // of writers
	byID   sync.Map   // int64 → *entry
	byWire sync.Map   // wire.PumpID → *entry
	byLink sync.Map   // string → *entry
}

func newDirectory() *Directory { return &Directory{} }

// Pump returns the pump of that wire id.
func (d *Directory) Pump(id wire.PumpID) (PumpRef, bool) { return ref(d.byWire.Load(id)) }

// ByID returns the pump of that registry id.
func (d *Directory) ByID(id int64) (PumpRef, bool) { return ref(d.byID.Load(id)) }

// ByLink returns the pump that the link is paired with today.
func (d *Directory) ByLink(link string) (PumpRef, bool) {
	v, ok := d.byLink.Load(link)
	if !ok || v.(*entry).Link != link {
		return PumpRef{}, false
	}
	return v.(*entry).PumpRef, true
}

// All iterates over all pumps in no order.
func (d *Directory) All() iter.Seq[PumpRef] {
	return func(yield func(PumpRef) bool) {
		d.byID.Range(func(_, v any) bool { return yield(v.(*entry).PumpRef) })
	}
}

// Admit implements gateway.Directory: it returns nil if the link may connect
// with the certificate of that serial (lower-case hexadecimal), and an
// errs.Denied that says why not.
func (d *Directory) Admit(link, certSerial string) error {
	v, ok := d.byLink.Load(link)
	if !ok || v.(*entry).Link != link {
		return errs.Deniedf("Communicator %s is not paired with a pump.", link)
	}
	e := v.(*entry)
	if e.Status != Active {
		return errs.Deniedf("Pump %s of communicator %s is %s.", e.Serial, link, e.Status)
	}
	if _, ok := e.certs[certSerial]; !ok {
		return errs.Deniedf("Certificate %s of communicator %s is revoked or not known here.", certSerial, link)
	}
	return nil
}

// lostTrust reports whether the link that the pump had may not be connected any
// more now that the pump is e. Without an earlier entry there was none.
func (old *entry) lostTrust(e *entry) bool {
	if old == nil || old.Link == "" {
		return false
	}
	if e.Link != old.Link || e.Status != Active {
		return true
	}
	for c := range old.certs {
		if _, ok := e.certs[c]; ok {
			return false
		}
	}
	return true
}

func ref(v any, ok bool) (PumpRef, bool) {
	if !ok {
		return PumpRef{}, false
	}
	return v.(*entry).PumpRef, true
}

// put takes a pump as a committed transaction left it. Transactions report here
// after they committed, so that two of them may arrive in the wrong order: an
// older revision never replaces a newer one. It returns what was known before,
// nil if nothing was, and whether e is news.
func (d *Directory) put(e *entry) (old *entry, news bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v, ok := d.byID.Load(e.ID); ok {
		old = v.(*entry)
		if old.Rev >= e.Rev {
			return old, false
		}
		if old.Link != "" && old.Link != e.Link {
			if v, _ := d.byLink.Load(old.Link); v == old {
				d.byLink.Delete(old.Link)
			}
		}
	}
	d.byID.Store(e.ID, e)
	if !e.Key.IsZero() {
		d.byWire.Store(e.Wire, e)
	}
	// A communicator may have moved on to another pump whose news came first:
	// the later pairing has it.
	if v, ok := d.byLink.Load(e.Link); e.Link != "" && (!ok || v.(*entry).pairing <= e.pairing) {
		d.byLink.Store(e.Link, e)
	}
	return old, true
}

// inDoubt asks Run to read the directory afresh: a commit failed, and nobody
// knows whether the database did it all the same.
func (s *Service) inDoubt() {
	select {
	case s.doubt <- struct{}{}:
	default:
	}
}

// Run keeps the directory right until ctx ends. When the outcome of a commit is
// unknown it reads all pumps afresh, as often as it takes: the commit may have
// been a revocation, and a link that is not trusted must not stay connected
// because the database's answer was lost.
func (s *Service) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.doubt:
		}
		for s.Reload(ctx) != nil {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(reloadPause):
			}
		}
	}
}

// reloadPause is how long Run waits for a database that does not answer. Others
// report that it does not.
const reloadPause = time.Second

// Reload reads all pumps afresh, so that changes made by other servers are seen,
// and cuts links that are not trusted any more. Changes made through this process
// are known without it, unless a commit's outcome was unknown (Run).
func (s *Service) Reload(ctx context.Context) error {
	entries, err := queryEntries(ctx, s.DB, selectEntries)
	if err != nil {
		return fmt.Errorf("load the directory: %w", err)
	}
	s.take(entries)
	return nil
}

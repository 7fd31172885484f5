package emulator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"cisterna/device/emulator/journal"
	"cisterna/device/wire"
	"cisterna/internal/errs"
)

func swap(*Device, Fault) (func(*Device), error) { return nil, nil } // see Inject

func (d *Device) swapByText(text string) error {
	link, slip, ok := strings.Cut(text, " ")
	if !ok {
		return errs.Invalidf("fault communicator-swap wants the serial of the new communicator, a space, and its claim slip")
	}
	s, err := wire.ParseSlip(slip)
	if err != nil {
		return errs.Wrap(errs.Invalid, err, "the claim slip cannot be read")
	}
	ctx, cancel := context.WithTimeout(context.Background(), enrolTimeout)
	defer cancel()
	return d.SwapCommunicator(ctx, link, s)
}

// SwapCommunicator enrols a new communicator for the pump with a claim slip. The
// pump, its key and its journal stay; the link changes.
func (d *Device) SwapCommunicator(ctx context.Context, link string, slip wire.Slip) error {
	if !wire.ValidLink(link) {
		return errs.Invalidf("communicator %q: want 1 to 64 letters, digits, - and _", link)
	}
	d.mu.Lock()
	who, err := d.identity()
	if err == nil && (!d.ready || d.guarded == 0) { // its memory of orders is not there to be written with the rest
		err = errs.Conflictf("pump %s is not ready", who.Serial)
	}
	d.mu.Unlock()
	if err != nil {
		return err
	}
	who.Link, who.Enrol = link, slip.Server
	docs, cred, err := d.f.claim(ctx, slip, &who)
	if err == nil {
		err = d.pair(who, docs, cred)
	}
	if err != nil {
		return fmt.Errorf("swap the communicator of pump %s: %w", who.Serial, err)
	}
	return nil
}

// pair lets a new communicator take the place of the old one, between two documents,
// and waits until that is kept.
func (d *Device) pair(who identity, brought documents, cred credential) error {
	return d.await(func() error { return d.takeLink(who, brought, cred) })
}

// takeLink keeps the new communicator and what it brought. Called by the goroutine that
// reads: an order is carried out before or after, never meanwhile.
func (d *Device) takeLink(who identity, brought documents, cred credential) error {
	d.mu.Lock()
	now, memory, late, run := d.docs, d.memory, d.late, d.st.Run
	d.mu.Unlock()
	docs, err := d.f.shelf.follow(now, brought)
	if err != nil {
		return err
	}
	if docs.keyset.newer(now.keyset) {
		memory.KeysetAt = run
	}
	items := []journal.Item{{Key: itemIdentity, Value: encode(who)}, {Key: itemCredential, Value: encode(cred)}, {Key: itemDocuments, Value: encode(docs.kept())}}
	if err = d.keepBook(&memory, late, items...); err != nil {
		return err
	}
	who.Key = nil
	d.mu.Lock()
	defer d.mu.Unlock()
	d.who, d.docs = who, docs
	d.memory.KeysetAt = memory.KeysetAt // of the rest, a boot may have carried out a stop
	d.pendingKey, d.asked, d.certDue = nil, time.Time{}, time.Time{}
	if d.ready && !d.off {
		// Whoever ended its alarms while it could not speak hears what stands.
		d.jp.Append(journal.Write{Alarm: d.standing(d.f.opt.Now().UnixMilli(), "paired")}, d.onDurable)
	}
	d.hangUp()
	d.nextDial, d.fails, d.turnedAway, d.askAt = time.Time{}, 0, 0, 0
	d.wakeLocked()
	return nil
}

// follow returns what an implant follows after a new communicator has brought
// documents. The communicator is no more to be believed than the link: the root
// is the one in force or its successor, the model is the same, and no version
// falls.
func (s *shelf) follow(now, brought documents) (documents, error) {
	next := now
	if brought.root != now.root {
		b, err := s.vault.Blob(brought.root.hash)
		if err == nil {
			_, err = now.root.OpenNext(b)
		}
		if err != nil {
			return now, errs.Wrap(errs.Denied, err, "the claim slip names another root than the pump's")
		}
		next.root = brought.root
	}
	old, model := now.profile.machine.Profile(), brought.profile.machine.Profile()
	if model.ID != old.ID {
		return now, errs.Invalidf("the claim slip is for a pump of model %q, this is a %q", model.ID, old.ID)
	}
	if model.Version > old.Version {
		next.profile = brought.profile
	}
	if brought.keyset.newer(now.keyset) {
		next.keyset = brought.keyset
	}
	if l := brought.library; l != nil && (now.library == nil || l.Version > now.library.Version) {
		next.before, next.library = now.library, l
	}
	return next, nil
}

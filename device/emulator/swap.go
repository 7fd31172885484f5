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
	d.mu.Unlock()
	if err != nil {
		return err
	}
	who.Link, who.Enrol = link, slip.Server
	docs, cred, err := d.f.claim(ctx, slip, &who)
	if err != nil {
		return fmt.Errorf("swap the communicator of pump %s: %w", who.Serial, err)
	}
	err = d.safe.AppendWait(journal.Write{Items: []journal.Item{
		{Key: itemIdentity, Value: encode(who)}, {Key: itemCredential, Value: encode(cred)}, {Key: itemDocuments, Value: encode(docs.kept())},
	}})
	if err != nil {
		return err
	}
	who.Key = nil
	d.mu.Lock()
	defer d.mu.Unlock()
	d.who, d.docs = who, docs
	d.pendingKey, d.asked, d.certDue = nil, time.Time{}, time.Time{}
	d.hangUp()
	d.nextDial, d.fails = time.Time{}, 0
	d.wakeLocked()
	return nil
}

package recall

import (
	"context"
	"fmt"
	"slices"

	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// callers may log that they reached a patient; the rest of the list is the
// engineers' work.
var callers = []auth.Role{auth.Engineer, auth.Prescriber, auth.Verifier, auth.Nurse, auth.Pharmacist}

// Add puts a device on a recall's list that the rule left out, or puts one back
// that was removed. Errors: Conflict if it is on the list, or if the recall
// concerns another kind of device.
func (s *Service) Add(ctx context.Context, actor auth.Actor, id int64, t Target, why string) (Device, error) {
	why, err := registry.Text("reason", why, 300, true)
	if err != nil {
		return Device{}, err
	}
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		serial, site, err := lockTarget(ctx, tx, actor, t)
		if err != nil {
			return err
		}
		r, err := lockRecall(ctx, tx, id)
		if err != nil {
			return err
		}
		if r.State != Open {
			return errs.Conflictf("Recall %s was %s.", r.Reference, r.State)
		}
		if r.Device != t.kind() {
			return errs.Conflictf("Recall %s concerns %ss, and this is a %s.", r.Reference, r.Device, t.kind())
		}
		ok, err := addDevice(ctx, tx, Device{Recall: id, Target: t, Site: site, Why: why, AddedBy: actor.String(), AddedAt: s.now()})
		if err != nil {
			return err
		}
		if !ok {
			return errs.Conflictf("%s is on the list already.", serial)
		}
		if err := s.raise(ctx, tx, id, r.Notice, t, site); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{Kind: "recall.add", Actor: actor.String(), Object: object(id), Reason: why, Site: site, Pump: t.Pump, Device: t.Comm})
	})
	if err != nil {
		return Device{}, err
	}
	return s.device(ctx, actor.Scope(), id, t)
}

// lockTarget keeps a device from changing and refuses who is no engineer of its
// site.
func lockTarget(ctx context.Context, tx *postgres.Tx, actor auth.Actor, t Target) (serial string, site int64, err error) {
	if t.Comm != "" {
		c, err := registry.LockCommunicator(ctx, tx, actor, t.Comm, auth.Engineer)
		return "Communicator " + c.Serial, c.Site, err
	}
	p, err := registry.LockPump(ctx, tx, actor, t.Pump, auth.Engineer)
	return "Pump " + p.Serial, p.Site, err
}

// Confirm says that a device which might match does: somebody has looked.
func (s *Service) Confirm(ctx context.Context, actor auth.Actor, id int64, t Target, why string) (Device, error) {
	return s.act(ctx, actor, id, t, why, []DeviceState{DeviceCheck}, func(tx *postgres.Tx, r Recall, d *Device) (audit.Entry, error) {
		d.State = DeviceOpen
		return audit.Entry{Kind: "recall.confirm"}, s.raise(ctx, tx, id, r.Notice, t, d.Site)
	})
}

// Remove takes a device off the list: the recall does not concern it, and why.
func (s *Service) Remove(ctx context.Context, actor auth.Actor, id int64, t Target, why string) (Device, error) {
	return s.act(ctx, actor, id, t, why, []DeviceState{DeviceCheck, DeviceOpen}, func(tx *postgres.Tx, _ Recall, d *Device) (audit.Entry, error) {
		d.State = DeviceRemoved
		return audit.Entry{Kind: "recall.remove"}, s.clear(ctx, tx, id, t, d.Site, "not concerned")
	})
}

// CloseDevice says what was done about a device, with the evidence for it.
func (s *Service) CloseDevice(ctx context.Context, actor auth.Actor, id int64, t Target, outcome Outcome, evidence string) (Device, error) {
	if !slices.Contains(Outcomes(), outcome) {
		return Device{}, errs.InvalidField("outcome", "The outcome is one of %v.", Outcomes())
	}
	return s.act(ctx, actor, id, t, evidence, []DeviceState{DeviceOpen}, func(tx *postgres.Tx, _ Recall, d *Device) (audit.Entry, error) {
		d.State, d.Outcome = DeviceClosed, outcome
		return audit.Entry{Kind: "recall.device_close", Payload: map[string]Outcome{"outcome": outcome}}, s.clear(ctx, tx, id, t, d.Site, string(outcome))
	})
}

// Reopen takes back a closure.
func (s *Service) Reopen(ctx context.Context, actor auth.Actor, id int64, t Target, why string) (Device, error) {
	return s.act(ctx, actor, id, t, why, []DeviceState{DeviceClosed}, func(tx *postgres.Tx, r Recall, d *Device) (audit.Entry, error) {
		d.State, d.Outcome = DeviceOpen, ""
		return audit.Entry{Kind: "recall.reopen"}, s.raise(ctx, tx, id, r.Notice, t, d.Site)
	})
}

// act is what all acts on one device of an open recall share.
func (s *Service) act(ctx context.Context, actor auth.Actor, id int64, t Target, why string, from []DeviceState, step func(*postgres.Tx, Recall, *Device) (audit.Entry, error)) (Device, error) {
	why, err := registry.Text("reason", why, 300, true)
	if err != nil {
		return Device{}, err
	}
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		r, d, err := s.lockDevice(ctx, tx, actor, id, t, auth.Engineer)
		if err != nil {
			return err
		}
		if !slices.Contains(from, d.State) {
			return errs.Conflictf("The device is in state %s: that is not possible from there.", d.State)
		}
		e, err := step(tx, r, &d)
		if err != nil {
			return err
		}
		d.StateWhy, d.StateBy, d.StateAt = why, actor.String(), s.now()
		if err := updateDevice(ctx, tx, d); err != nil {
			return err
		}
		e.Actor, e.Object, e.Reason, e.Site, e.Pump, e.Device = actor.String(), object(id), why, d.Site, t.Pump, t.Comm
		return audit.Append(ctx, tx, e)
	})
	if err != nil {
		return Device{}, err
	}
	return s.device(ctx, actor.Scope(), id, t)
}

// lockDevice locks a recall and one device of it that the actor may work on.
func (s *Service) lockDevice(ctx context.Context, tx *postgres.Tx, actor auth.Actor, id int64, t Target, roles ...auth.Role) (Recall, Device, error) {
	r, err := lockRecall(ctx, tx, id)
	if err != nil {
		return Recall{}, Device{}, err
	}
	d, err := lockDevice(ctx, tx, id, t)
	if err != nil {
		return Recall{}, Device{}, err
	}
	if err := registry.May(actor, d.Site, "device on this recall's list", roles...); err != nil {
		return Recall{}, Device{}, err
	}
	if r.State != Open {
		return Recall{}, Device{}, errs.Conflictf("Recall %s was %s.", r.Reference, r.State)
	}
	return r, d, nil
}

// AddContact logs an attempt to reach somebody about a device.
func (s *Service) AddContact(ctx context.Context, actor auth.Actor, id int64, t Target, c Contact) (Device, error) {
	if c.Caller == "" {
		c.Caller = actor.Name
	}
	c, err := c.check(s.now())
	if err != nil {
		return Device{}, err
	}
	c.NotedBy, c.NotedAt = actor.String(), s.now()
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		_, d, err := s.lockDevice(ctx, tx, actor, id, t, callers...)
		if err != nil {
			return err
		}
		if d.State == DeviceRemoved {
			return errs.Conflictf("The device was taken off the list.")
		}
		if err := insertContact(ctx, tx, d.ID, c); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "recall.contact", Actor: actor.String(), Object: object(id), Reason: oneLine(c.Note), Site: d.Site, Pump: t.Pump, Device: t.Comm,
			Payload: map[string]string{"contacted": c.Contacted, "caller": c.Caller, "way": c.Way, "outcome": c.Outcome},
		})
	})
	if err != nil {
		return Device{}, err
	}
	return s.device(ctx, actor.Scope(), id, t)
}

func (s *Service) device(ctx context.Context, scope auth.Scope, id int64, t Target) (Device, error) {
	all, err := s.withContacts(ctx, id, scope)
	if err != nil {
		return Device{}, err
	}
	for _, d := range all {
		if d.Target == t {
			return d, nil
		}
	}
	return Device{}, fmt.Errorf("%+v is not on the list of recall %d", t, id)
}

func (s *Service) withContacts(ctx context.Context, id int64, scope auth.Scope) ([]Device, error) {
	devices, err := devicesOf(ctx, s.db, id, scope)
	if err != nil {
		return nil, err
	}
	contacts, err := contactsOf(ctx, s.db, id)
	if err != nil {
		return nil, err
	}
	for i := range devices {
		devices[i].Contacts = contacts[devices[i].ID]
	}
	return devices, nil
}

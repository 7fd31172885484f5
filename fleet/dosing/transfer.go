package dosing

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"cisterna/device/order"
	"cisterna/fleet/keyset"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// RootTransfer is what the root signs to take a pump to another site in the place of its
// own, which cannot sign any more: it was closed, or its people are gone. The server makes
// the body and carries what was signed; it has no key that could sign it.
type RootTransfer struct {
	ID           int64
	Pump         int64
	From, To     int64 // sites
	Body         []byte
	Hash         order.Digest
	Prescription order.Prescription // that Body is
	Keyset       order.Keyset       // enclosed in it
	Reason       string
	Maker        Person
	At           time.Time
	Expires      time.Time
	Letter       *Letter // nil: nobody has handed it in signed
	leaf         int64
}

// People are those whose keys count at the new site, by the keyset that goes along.
func (t *RootTransfer) People() []order.PersonKey { return t.Keyset.At(t.Prescription.Transfer.Site) }

// transferBody is what the root signs: that the pump of a view, as it is, belongs to
// another site from now on, with a keyset.
func transferBody(v *order.View, id, to order.ID, k *keyset.Version, reason string) order.Prescription {
	return order.Prescription{
		V: 1, Act: order.ActTransfer, ID: id, Pump: v.Pump, Serial: v.Serial, Site: v.Site, Patient: v.Patient, Epoch: v.State.Epoch, State: v.State.Hash(),
		NotBefore: v.Now, Expires: v.Now + order.LifeOf(order.ActTransfer), Keyset: k.Version, Reason: reason,
		Transfer: &order.Transfer{Site: to, Keyset: k.Document},
	}
}

// canOrder reports whether the people of a keyset could order anything at a site: two, of
// whom one prescribes (ORDERS.md, Quorum).
func canOrder(k *order.Keyset, site order.ID) bool {
	people, prescribes := map[string]bool{}, false
	for _, p := range k.At(site) {
		if slices.ContainsFunc(p.Roles, func(r order.Role) bool { return r <= order.RolePharmacist }) {
			people[p.Person] = true
		}
		prescribes = prescribes || slices.Contains(p.Roles, order.RolePrescriber)
	}
	return prescribes && len(people) >= 2
}

// administers returns a pump that the actor may have transferred by the root: a person who
// manages people at its site. Whoever takes part in orders does not.
func (s *Service) administers(ctx context.Context, actor auth.Actor, pump int64) (registry.Pump, error) {
	p, err := s.Registry.Pump(ctx, actor.Scope(), pump)
	if err != nil {
		return p, err
	}
	if actor.ID == 0 || actor.IsToken() || !actor.Has(p.Site, auth.Admin) {
		return p, refusal.Denied(refusal.Role, "Administrators of the pump's site have it transferred by the root, in person.")
	}
	return p, nil
}

// MakeRootTransfer makes what the root signs to take a pump to another site. Nothing
// leaves by it: somebody takes it to the root's offline machine (cisterna keys transfer),
// and another administrator hands in what was signed there.
func (s *Service) MakeRootTransfer(ctx context.Context, actor auth.Actor, pump, to int64, reason string) (RootTransfer, error) {
	if _, err := s.administers(ctx, actor, pump); err != nil {
		return RootTransfer{}, err
	}
	if reason = strings.TrimSpace(reason); reason == "" || len(reason) > 200 {
		return RootTransfer{}, refusal.Invalid("reason", "Say why, in at most 200 bytes of plain text.")
	}
	sit, err := s.read(ctx, actor.Scope(), pump)
	if err != nil {
		return RootTransfer{}, err
	}
	if err := s.whither(ctx, &Wish{Site: to}, sit); err != nil {
		return RootTransfer{}, err
	}
	if sit.view.Patient.IsZero() {
		return RootTransfer{}, refusal.Conflict(refusal.Patient, "Pump %s says that it is in nobody, and a transfer names the patient. Explant or retire it, and have it enrolled anew at the other site.", sit.pump.Serial)
	}
	k, site := s.Keysets.Current(), registry.OrderSite(to)
	if !canOrder(&k.Keyset, site) {
		return RootTransfer{}, refusal.Conflict(order.ErrQuorum, "By keyset %d nobody could order anything at that site: it needs two people whose keys count there, one of them a prescriber. Have a keyset signed that lists them first.", k.Version)
	}
	p := transferBody(&sit.view, newID(), site, k, reason)
	t := RootTransfer{
		Pump: pump, From: sit.pump.Site, To: to, Body: p.Encode(), Prescription: p, Keyset: k.Keyset, Reason: reason, Maker: personOf(actor), At: s.Now(), Expires: unix(p.Expires),
	}
	t.Hash = order.PrescriptionHash(t.Body)
	if _, err := order.DecodePrescription(t.Body); order.CodeOf(err) == order.ErrSize {
		return RootTransfer{}, refusal.Wrap(errs.Conflict, order.ErrSize, err, "Keyset %d lists too many people to go along in a transfer. Have one signed that is for fewer.", k.Version)
	} else if err != nil {
		return RootTransfer{}, refusal.Wrap(errs.Invalid, refusal.Input, err, "Say why, in at most 200 bytes of plain text.")
	}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		ref, err := audit.AppendRef(ctx, tx, audit.Entry{
			Kind: "order.transfer_made", Actor: actor.String(), Object: object("pump", pump), Site: t.From, Pump: pump, NewHash: t.Hash[:], Reason: reason, Evidence: t.Body,
			Payload: map[string]int64{"from": t.From, "to": to},
		})
		if err != nil {
			return err
		}
		t.leaf = ref.ID
		return insertTransfer(ctx, tx, &t)
	})
	return t, err
}

// RootTransfers returns what the root was asked to sign for a pump, newest first, with what
// became of it, and the site where the pump is.
func (s *Service) RootTransfers(ctx context.Context, actor auth.Actor, pump int64) (all []RootTransfer, at int64, err error) {
	p, err := s.administers(ctx, actor, pump)
	if err != nil {
		return nil, 0, err
	}
	if all, err = readTransfers(ctx, s.DB, pump); err != nil {
		return nil, 0, err
	}
	for i := range all {
		if err := s.enclosed(&all[i]); err != nil {
			return nil, 0, err
		}
	}
	return all, p.Site, nil
}

// enclosed reads the body of a transfer, and the keyset in it.
func (s *Service) enclosed(t *RootTransfer) (err error) {
	if t.Prescription, err = order.DecodePrescription(t.Body); err != nil {
		return err
	}
	if t.Prescription.Transfer == nil {
		return errors.New("dosing: a transfer that is none")
	}
	t.Keyset, err = s.Root.OpenKeyset(t.Prescription.Transfer.Keyset)
	return err
}

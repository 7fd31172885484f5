package dosing

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"cisterna/device/order"
	"cisterna/device/pump"
	"cisterna/fleet/refusal"
	"cisterna/fleet/telemetry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Preview is what a proposal would come to.
type Preview struct {
	Prescription *order.Prescription
	Document     []byte
	Hash         order.Digest
	Finding      Finding
	Report       order.Report // of the pump, that it was judged by
	Profile      string
	Bridge       *Bridging       // computed for a program while a bridge runs; nil if none does
	Rehearsal    pump.Rehearsal  // seven days, by the machine that runs in the pump
	Same         *pump.Rehearsal // of a visit: of its branch with the same dose
}

// Check judges a wish as the pump would, without keeping anything. What it finds
// stands in the preview; it is an error only if nothing can be said.
func (s *Service) Check(ctx context.Context, actor auth.Actor, on int64, w Wish) (Preview, error) {
	p, err := s.Registry.Pump(ctx, actor.Scope(), on)
	if err != nil {
		return Preview{}, err
	}
	if err := may(actor, p.Site, "pump", checkers...); err != nil {
		return Preview{}, err
	}
	sit, err := s.read(ctx, actor.Scope(), on)
	if err != nil {
		return Preview{}, err
	}
	out, err := s.preview(ctx, &w, sit, actor.Login)
	if err != nil {
		return out, err
	}
	if out.Rehearsal, err = s.rehearse(ctx, sit, out.Document, 0); err != nil || w.Act != order.ActVisit {
		return out, err
	}
	same, err := s.rehearse(ctx, sit, out.Document, order.BranchSame)
	out.Same = &same
	return out, err
}

// rehearse runs the exact bytes for seven days; of a visit the branch, the planned
// one for 0.
func (s *Service) rehearse(ctx context.Context, sit *situation, document []byte, branch order.BranchNo) (pump.Rehearsal, error) {
	if p, err := order.DecodePrescription(document); err == nil && p.Act == order.ActVisit && branch == 0 {
		branch = order.BranchPlanned
	}
	zone, err := s.zone(ctx, sit.pump.Site)
	if err != nil {
		return pump.Rehearsal{}, err
	}
	filled, err := s.filled(ctx, sit.pump.ID)
	if err != nil {
		return pump.Rehearsal{}, err
	}
	r, err := pump.New(sit.profile).Rehearse(document, branch, &sit.view, zone, filled)
	if err != nil {
		return pump.Rehearsal{Refused: err.Error()}, nil // the finding says it as well
	}
	return r, nil
}

// filled returns when a pump's reservoir was filled last, by its own journal, in Unix
// seconds; 0 if the journal that is here tells of no filling. Of the pump's clock and the
// arrival the earlier counts: contents are never taken for younger than they are.
func (s *Service) filled(ctx context.Context, on int64) (int64, error) {
	last, err := s.Telemetry.EventsOf(ctx, on, telemetry.Codes{Only: []string{pump.EventRefilled}}, telemetry.Mark{}, 1)
	if err != nil || len(last) == 0 {
		return 0, err
	}
	return last[0].At.Unix(), nil
}

// zone returns a site's time now, in seconds east of UTC.
func (s *Service) zone(ctx context.Context, site int64) (int32, error) {
	loc, err := s.location(ctx, site)
	if err != nil {
		return 0, err
	}
	_, off := s.Now().In(loc).Zone()
	return int32(off), nil
}

// Rehearse runs an order's document for seven days, for whoever may see it. Of a
// visit both branches are signed, and either may be released: each is rehearsed by
// its own, the planned one for 0 (DESIGN.md 5).
func (s *Service) Rehearse(ctx context.Context, actor auth.Actor, id int64, branch order.BranchNo) (pump.Rehearsal, error) {
	o, err := s.Get(ctx, actor.Scope(), id)
	if err != nil {
		return pump.Rehearsal{}, err
	}
	if o.Document == nil {
		return pump.Rehearsal{}, refusal.Conflict(refusal.Step, "The order is a draft. There is nothing to rehearse yet.")
	}
	if blind, err := s.Blind(ctx, actor, &o); err != nil || blind {
		if err == nil {
			err = refusal.New(errs.Conflict, refusal.Blind, "Enter the key numbers from your own source first.")
		}
		return pump.Rehearsal{}, err
	}
	sit, err := s.read(ctx, actor.Scope(), o.Pump)
	if err != nil {
		return pump.Rehearsal{}, err
	}
	if branch != 0 && o.Act != order.ActVisit {
		return pump.Rehearsal{}, refusal.Invalid("branch", "Only a refill visit has branches.")
	}
	return s.rehearse(ctx, sit, o.Document, branch)
}

func (s *Service) preview(ctx context.Context, w *Wish, sit *situation, proposer string) (Preview, error) {
	p, err := s.compose(ctx, w, sit)
	if err != nil {
		return Preview{}, err
	}
	out := Preview{Prescription: p, Document: p.Encode(), Report: sit.report, Profile: sit.profile.ID, Bridge: sit.bridge}
	out.Hash = order.PrescriptionHash(out.Document)
	out.Finding = sit.examine(p, proposer)
	return out, s.guide(ctx, sit, p, &out.Finding)
}

// Proposal is a wish that becomes a document.
type Proposal struct {
	Pump     int64
	Draft    int64 // id of the draft that it comes from, 0 for none
	Replaces int64 // id of an open order that it takes the place of, 0 for none
	Wish     Wish
}

// Propose makes the document that people sign. What the pump would refuse is
// refused now, noted as something that a check caught, and can be mended and
// proposed again.
func (s *Service) Propose(ctx context.Context, actor auth.Actor, in Proposal) (Order, error) {
	p, err := s.Registry.Pump(ctx, actor.Scope(), in.Pump)
	if err != nil {
		return Order{}, err
	}
	if err := may(actor, p.Site, "pump", proposers...); err != nil {
		return Order{}, err
	}
	sit, err := s.read(ctx, actor.Scope(), in.Pump)
	if err != nil {
		return Order{}, err
	}
	pre, err := s.preview(ctx, &in.Wish, sit, actor.Login)
	if err != nil {
		return Order{}, err
	}
	if err := s.patientGroup(sit, &in.Wish); err != nil {
		return Order{}, err
	}
	if len(pre.Finding.Refusals) > 0 {
		return Order{}, s.caught(ctx, actor, sit, pre.Finding)
	}
	seen, err := s.seen(ctx, sit)
	if err != nil {
		return Order{}, err
	}
	report := sit.report.Encode()
	var o Order
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		was := State("")
		o = Order{Pump: in.Pump, Site: sit.pump.Site, State: Draft, Proposer: personOf(actor), CreatedAt: s.Now(), Replaces: in.Replaces}
		if in.Draft != 0 {
			if o, err = lockOrder(ctx, tx, in.Draft); err != nil {
				return err
			}
			if o.State != Draft || o.Proposer.ID != actor.ID || o.Pump != in.Pump {
				return refusal.Conflict(refusal.Step, "Order %d is no draft of yours for this pump.", in.Draft)
			}
			if o.late(s.Now()) {
				return errLate(&o)
			}
			if o.Site != sit.pump.Site {
				return refusal.Conflict(refusal.Step, "Draft %d was made at a site that the pump has left since. Draft it again.", in.Draft)
			}
			was, o.Replaces = Draft, in.Replaces
		} else if err := insertOrder(ctx, tx, &o); err != nil {
			return err
		}
		if err := s.replace(ctx, tx, actor, &o); err != nil {
			return err
		}
		o.Patient, o.Act, o.State, o.Wish = sit.patient.ID, in.Wish.Act, Proposed, in.Wish
		o.Document, o.Hash, o.Base, o.FactsRev = pre.Document, pre.Hash, pre.Prescription.State, factsOf(in.Wish.Act, sit.patient.FactsRev, sit.patient.ForVisit)
		o.Class, o.People, o.Finding = pre.Finding.Class, pre.Finding.People, pre.Finding
		o.seen = &seen
		o.ProposedAt, o.ExpiresAt, o.Mismatches, o.Escalated, o.Asked, o.AskedAll, o.AskedUntil = s.Now(), unix(pre.Prescription.Expires), 0, 0, 0, nil, time.Time{}
		if err := s.fresh(ctx, tx, &o, Proposed); err != nil {
			return err
		}
		if err := keepReport(ctx, tx, o.ID, report); err != nil {
			return err
		}
		for _, f := range in.Wish.Flags {
			if err := insertCatch(ctx, tx, &o, actor.ID, s.Now(), "override", flagName(f.Code), f.Reason); err != nil {
				return err
			}
		}
		return s.finish(ctx, tx, actor, &o, was, audit.Entry{
			// The reason is among the details: people write doses into it, and whoever
			// verifies reads the entry before they have entered theirs.
			Kind: "order.propose", OldHash: o.Base[:], NewHash: o.Hash[:], Evidence: o.Document,
			Payload: map[string]any{"act": o.Act, "people": o.People, "reason": in.Wish.Reason, "flags": in.Wish.Flags, "report": hex.EncodeToString(sumOf(report))},
		}, "proposed")
	})
	if err != nil {
		return Order{}, err
	}
	return o, nil
}

// patientGroup refuses limits of a group that the patient is not in.
func (s *Service) patientGroup(sit *situation, w *Wish) error {
	if w.Group == 0 || sit.patient.ID == 0 || len(sit.patient.Groups) == 0 {
		return nil
	}
	if !slices.Contains(sit.patient.Groups, w.Group.String()) {
		return refusal.InvalidAs(refusal.Patient, "group", "Patient %s is in the groups %s, and the order uses the limits of %s.", sit.patient.Token, strings.Join(sit.patient.Groups, ", "), w.Group)
	}
	return nil
}

// replace closes the order that a proposal takes the place of. One that was
// released may still apply, and is withdrawn instead.
func (s *Service) replace(ctx context.Context, tx *postgres.Tx, actor auth.Actor, o *Order) error {
	if o.Replaces == 0 {
		return nil
	}
	old, err := lockOrder(ctx, tx, o.Replaces)
	if err != nil {
		return err
	}
	if old.Pump != o.Pump || !old.State.Open() || old.State.Away() {
		return refusal.Conflict(refusal.Step, "Order %d is %s. Only an open order of the same pump that was not released can be replaced; withdraw one that was.", old.ID, old.State)
	}
	was := old.State
	old.State = Superseded
	return s.finish(ctx, tx, actor, &old, was, audit.Entry{Kind: "order.supersede", OldHash: hashOf(&old)}, fmt.Sprintf("replaced by order %d", o.ID))
}

// caught notes what a check kept from being proposed and says all of it.
func (s *Service) caught(ctx context.Context, actor auth.Actor, sit *situation, f Finding) error {
	first := f.Refusals[0]
	err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		o := Order{Pump: sit.pump.ID, Site: sit.pump.Site}
		if err := insertCatch(ctx, tx, &o, actor.ID, s.Now(), "refused", string(first.Code), first.Detail); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "order.caught", Actor: actor.String(), Object: object("pump", sit.pump.ID), Site: sit.pump.Site, Pump: sit.pump.ID, Reason: string(first.Code), Payload: f.Refusals,
		})
	})
	if err != nil {
		return err
	}
	return &CheckError{Refusals: f.Refusals}
}

// CheckError is what the pump would refuse a proposal for.
type CheckError struct{ Refusals []order.Found }

// Error says all of it.
func (e *CheckError) Error() string {
	var b strings.Builder
	for i, r := range e.Refusals {
		if i > 0 {
			b.WriteString(" ")
		}
		fmt.Fprintf(&b, "%s: %s. %s", r.Code, r.Detail, refusal.Remedy(r.Code))
	}
	return b.String()
}

// Unwrap makes it an error for people.
func (e *CheckError) Unwrap() error {
	return refusal.New(errs.Conflict, e.Refusals[0].Code, "%s", e.Error())
}

func flagName(c order.FlagCode) string {
	if c == order.FlagSoftStep {
		return "soft_step"
	}
	return "soft_limit"
}

// prescription reads an order's document back.
func (o *Order) prescription() (order.Prescription, error) {
	p, err := order.DecodePrescription(o.Document)
	if err != nil {
		return p, fmt.Errorf("the prescription of order %d: %w", o.ID, err)
	}
	return p, nil
}

func hashOf(o *Order) []byte {
	if o.Document == nil {
		return nil
	}
	return o.Hash[:]
}

func object(kind string, id int64) string { return fmt.Sprintf("%s:%d", kind, id) }

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "{}" // values of this package always encode
	}
	return string(b)
}

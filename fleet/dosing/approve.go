package dosing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cisterna/device/order"
	"cisterna/fleet/refusal"
	"cisterna/fleet/registry"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Signing is what an authenticator is asked to sign.
type Signing struct {
	Document  []byte       // statement, release, stop or withdrawal
	Challenge order.Digest // the hash that is signed
	Key       order.Digest
	RPID      string
	Person    string
}

// signSkew is how far a client's clock may be off when somebody signs.
const signSkew = 10 * time.Minute

// signer returns the record of a key if the actor may sign with it at a site.
func (s *Service) signer(ctx context.Context, actor auth.Actor, site int64, key order.Digest, roles ...order.Role) (*order.PersonKey, error) {
	k, err := s.Keysets.Lists(ctx, key, site)
	if err != nil {
		return nil, err
	}
	switch {
	case k.Person != actor.Login:
		return nil, refusal.New(errs.Denied, order.ErrKey, "This is not your signing key.")
	case k.Usage != order.UsageOrders:
		return nil, refusal.New(errs.Conflict, order.ErrKey, "This key signs no orders.")
	case !k.Covers(registry.OrderSite(site)):
		return nil, refusal.New(errs.Conflict, order.ErrKey, "Your signing key does not count at this site. Use the one that does, or have it listed.")
	case s.Now().Unix() < k.NotBefore || s.Now().Unix() > k.NotAfter:
		return nil, refusal.New(errs.Conflict, order.ErrKey, "Your signing key does not count today: it does from %s to %s.", unix(k.NotBefore).Format(time.DateOnly), unix(k.NotAfter).Format(time.DateOnly))
	case !slices.ContainsFunc(roles, func(r order.Role) bool { return slices.Contains(k.Roles, r) }):
		return nil, refusal.New(errs.Denied, order.ErrRole, "The keyset does not let you sign this.")
	}
	return k, nil
}

// meaningOf returns the role at the site that somebody needs to say something by
// an approval.
var meaningOf = map[order.Meaning][]auth.Role{
	order.MeansPrescribe:  {auth.Prescriber},
	order.MeansVerify:     {auth.Verifier},
	order.MeansPharmacist: {auth.Pharmacist},
	order.MeansPolicy:     {auth.Prescriber},
}

// mayApprove refuses whoever may not say this of an order.
func (s *Service) mayApprove(ctx context.Context, actor auth.Actor, o *Order, m order.Meaning) error {
	roles, ok := meaningOf[m]
	if !ok {
		return refusal.Invalid("meaning", "There is no such meaning.")
	}
	if err := may(actor, o.Site, "order", roles...); err != nil {
		return err
	}
	own := actor.ID == o.Proposer.ID
	if own && m != order.MeansPrescribe && m != order.MeansPolicy {
		return refusal.New(errs.Denied, refusal.Own, "You proposed this order. You sign to prescribe it; somebody else verifies it.")
	}
	if own {
		return nil
	}
	entered, err := hasMatched(ctx, s.DB, o.ID, actor.ID, o.Hash)
	if err != nil {
		return err
	}
	if !entered {
		return refusal.New(errs.Conflict, refusal.Blind, "Enter the key numbers from your own source first. You see the proposal's and sign after they agree.")
	}
	return nil
}

// PrepareApproval returns the statement that the actor signs to approve an order.
func (s *Service) PrepareApproval(ctx context.Context, actor auth.Actor, id int64, key order.Digest, m order.Meaning, client order.Digest) (Signing, error) {
	o, err := s.Get(ctx, actor.Scope(), id)
	if err != nil {
		return Signing{}, err
	}
	if err := may(actor, o.Site, "order", checkers...); err != nil {
		return Signing{}, err
	}
	if o.Document == nil {
		return Signing{}, refusal.New(errs.Conflict, refusal.Step, "The order is a draft. There is nothing to sign yet.")
	}
	if err := s.mayApprove(ctx, actor, &o, m); err != nil {
		return Signing{}, err
	}
	k, err := s.signer(ctx, actor, o.Site, key, order.Role(m))
	if err != nil {
		return Signing{}, err
	}
	a := order.Approval{V: 1, Prescription: o.Hash, Person: actor.Login, Key: key, Meaning: m, SignedAt: s.Now().Unix(), Client: client}
	doc := a.Encode()
	return Signing{Document: doc, Challenge: order.ApprovalChallenge(doc), Key: key, RPID: k.RPID, Person: actor.Login}, nil
}

// Approve takes a signed statement. The one that makes the quorum makes the order
// approved. How many people it needs is computed again each time, from the pump as
// it is and the keyset in force.
func (s *Service) Approve(ctx context.Context, actor auth.Actor, id int64, statement []byte, assertion order.Assertion) (Order, error) {
	o, err := s.Get(ctx, actor.Scope(), id)
	if err != nil {
		return Order{}, err
	}
	if err := may(actor, o.Site, "order", checkers...); err != nil {
		return Order{}, err
	}
	a, err := order.DecodeApproval(statement)
	if err != nil {
		return Order{}, refusal.Wrap(errs.Invalid, order.ErrSig, err, "The statement cannot be read.")
	}
	if err := s.mayApprove(ctx, actor, &o, a.Meaning); err != nil {
		return Order{}, err
	}
	now := s.Now()
	switch {
	case a.Person != actor.Login:
		return Order{}, refusal.InvalidAs(order.ErrSig, "statement", "The statement is somebody else's.")
	case a.Prescription != o.Hash:
		return Order{}, refusal.InvalidAs(order.ErrSig, "statement", "The statement is about another document. Read the order again and sign what it says now.")
	case absolute(now.Sub(unix(a.SignedAt))) > signSkew:
		return Order{}, refusal.InvalidAs(refusal.Clock, "statement", "The statement was signed at %s, and it is %s. Sign again; check the clock of your device.", unix(a.SignedAt).Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if _, err := s.signer(ctx, actor, o.Site, a.Key, order.Role(a.Meaning)); err != nil {
		return Order{}, err
	}
	if err := s.Keysets.Current().Keyset.CheckAssertion(a.Key, order.ApprovalChallenge(statement), assertion); err != nil {
		return Order{}, refusal.Wrap(errs.Invalid, order.ErrSig, err, "The signature does not hold: %v. Sign again with the key that is listed.", err)
	}
	sit, err := s.read(ctx, actor.Scope(), o.Pump)
	if err != nil {
		return Order{}, err
	}
	return s.change(ctx, actor, id, func(tx *postgres.Tx, o *Order) (audit.Entry, string, error) {
		if err := s.fresh(ctx, tx, o, Proposed, Verified); err != nil {
			return audit.Entry{}, "", err
		}
		if a.Prescription != o.Hash {
			return audit.Entry{}, "", refusal.New(errs.Conflict, refusal.Step, "The order has changed. Read it again.")
		}
		f, err := s.judge(sit, o)
		if err != nil {
			return audit.Entry{}, "", err
		}
		ap := Approval{User: actor.ID, Person: actor.Login, Name: actor.Name, Key: a.Key, Meaning: a.Meaning, SignedAt: unix(a.SignedAt), At: now, Statement: statement, Assertion: assertion}
		if err := insertApproval(ctx, tx, o.ID, &ap); err != nil {
			return audit.Entry{}, "", err
		}
		o.Approvals = append(o.Approvals, ap)
		o.Class, o.People, o.Finding = f.Class, f.People, f
		if f.met(o.Approvals) && (o.State == Verified || f.Class == order.ClassOne) {
			o.State = Approved
			if f.Class == order.ClassOne {
				if err := insertReview(ctx, tx, review{site: o.Site, pump: o.Pump, order: o.ID, what: o.Act.String(), by: personOf(actor), at: now}); err != nil {
					return audit.Entry{}, "", err
				}
			}
		}
		return audit.Entry{
			Kind: "order.approve", NewHash: o.Hash[:], Evidence: evidence(statement, assertion),
			Payload: map[string]any{"meaning": a.Meaning, "signer": ap.Name, "key": a.Key, "signed": len(o.Approvals), "needed": f.People},
		}, fmt.Sprintf("%s signed to %s, %d of %d", actor.Name, a.Meaning, len(o.Approvals), f.People), nil
	})
}

// judge examines an order's document against the pump as it is, and refuses what
// the pump would.
func (s *Service) judge(sit *situation, o *Order) (Finding, error) {
	p, err := o.prescription()
	if err != nil {
		return Finding{}, err
	}
	f := sit.examine(&p, o.Proposer.Login)
	if len(f.Refusals) > 0 {
		return f, &CheckError{Refusals: f.Refusals}
	}
	// What the library says beside the signed document was judged when it was proposed.
	f.Raised, f.Notices = o.Finding.Raised, o.Finding.Notices
	return f, nil
}

// evidence is what the record keeps of a signature: an envelope of statement and
// assertion.
func evidence(document []byte, a order.Assertion) []byte {
	e := order.NewEnvelope(nil, []order.Approved{{Statement: document, Assertion: a}}, nil, order.Assertion{})
	return e.Encode()
}

func absolute(d time.Duration) time.Duration { return max(d, -d) }

// asRefusal returns the refusal in an error, if there is one.
func asRefusal(err error) (*order.Refusal, bool) { return errors.AsType[*order.Refusal](err) }

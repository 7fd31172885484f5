package library

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/refusal"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// approvers may agree to what a pharmacist wrote.
var approvers = []auth.Role{auth.Pharmacist, auth.Verifier, auth.Prescriber}

func mayJudge(actor auth.Actor) error {
	if !actor.HasAnywhere(approvers...) || actor.HasAnywhere(auth.Admin) || actor.IsToken() {
		return refusal.Denied(refusal.Role, "A pharmacist, verifier or prescriber judges a drug library.")
	}
	return nil
}

// Approve is a second person's agreement. Reject sends the version back for good;
// its author drafts another.
func (s *Service) Approve(ctx context.Context, actor auth.Actor, version uint64) (Version, error) {
	v, err := s.judge(ctx, actor, version, "library.approve", "", StateApproved)
	if err != nil {
		return v, err
	}
	for _, signer := range s.Demo {
		pub, err := wire.NewPublicKey(signer.Public())
		if err != nil {
			return v, err
		}
		sig, err := wire.SignBytes(rand.Reader, signer, order.SigningBytes(order.TypeLibrary, v.Body))
		if err != nil {
			return v, err
		}
		id := order.IDOf(pub)
		if err := s.Sign(ctx, auth.System("demo"), version, order.Signature{Key: id[:], Sig: sig}); err != nil {
			return v, err
		}
	}
	return s.Version(ctx, version)
}

// Reject is a second person's disagreement.
func (s *Service) Reject(ctx context.Context, actor auth.Actor, version uint64, why string) (Version, error) {
	if err := mayJudge(actor); err != nil {
		return Version{}, err
	}
	if why == "" || len(why) > 300 {
		return Version{}, refusal.Invalid("reason", "Say why, in at most 300 characters.")
	}
	return s.judge(ctx, actor, version, "library.reject", why, StateRejected)
}

func (s *Service) judge(ctx context.Context, actor auth.Actor, version uint64, kind, why string, to State) (Version, error) {
	if err := mayJudge(actor); err != nil {
		return Version{}, err
	}
	return s.move(ctx, actor, version, kind, why, func(v *Version) error {
		switch {
		case v.State != StateReview:
			return refusal.Conflict(refusal.Step, "Version %d is %s. Only one in review is judged.", version, v.State)
		case v.Author == actor.ID:
			return refusal.Denied(refusal.Second, "You wrote version %d. A second person judges it.", version)
		}
		v.State, v.Approver, v.ApproverName, v.ApprovedAt = to, actor.ID, actor.Name, s.Now()
		return nil
	})
}

func (s *Service) move(ctx context.Context, actor auth.Actor, version uint64, kind, why string, step func(*Version) error) (Version, error) {
	var v Version
	err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) (err error) {
		if v, err = readVersion(ctx, tx, version, true); err != nil {
			return err
		}
		if err := step(&v); err != nil {
			return err
		}
		if err := updateState(ctx, tx, v); err != nil {
			return err
		}
		return audit.Append(ctx, tx, leaf(kind, actor, v, why))
	})
	return v, err
}

// Sign takes a signature over an approved version by one of the keys that the root
// names for libraries. The one that makes it enough makes the version active.
func (s *Service) Sign(ctx context.Context, actor auth.Actor, version uint64, sig order.Signature) error {
	if !actor.HasAnywhere(approvers...) || actor.IsToken() {
		return refusal.Denied(refusal.Role, "Pharmacists and their second approvers sign drug libraries.")
	}
	var done *Version
	err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		if _, err := lockVersions(ctx, tx); err != nil {
			return err
		}
		v, err := readVersion(ctx, tx, version, true)
		if err != nil {
			return err
		}
		if v.State != StateApproved {
			return refusal.Conflict(refusal.Step, "Version %d is %s. Only an approved one is signed.", version, v.State)
		}
		if cur := s.Current(); v.Version <= cur.Version {
			return refusal.Conflict(refusal.Newer, "Version %d is active already; pumps take no older one. Draft another.", cur.Version)
		}
		if !s.Root.Library.Signs(order.TypeLibrary, v.Body, sig) {
			return refusal.InvalidAs(refusal.Root, "signature", "This is no signature, by a key that the root names for libraries, over version %d.", version)
		}
		if err := insertSignature(ctx, tx, version, sig, actor, s.Now()); err != nil {
			return err
		}
		sigs, err := readSignatures(ctx, tx, version)
		if err != nil || len(sigs) < int(s.Root.Library.Threshold) {
			return err
		}
		v.Document = order.Assemble(v.Body, sigs...)
		if v.Library, err = s.Root.OpenLibrary(v.Document); err != nil {
			return refusal.Wrap(errs.Conflict, refusal.Root, err, "Version %d does not hold under the root.", version)
		}
		v.Hash, v.State, v.ActiveAt = order.Hash(v.Document), StateActive, s.Now()
		if err := supersede(ctx, tx); err != nil {
			return err
		}
		if err := updateState(ctx, tx, v); err != nil {
			return err
		}
		done = &v
		return audit.Append(ctx, tx, activated(actor, v))
	})
	if err != nil || done == nil {
		return err
	}
	s.mu.Lock()
	s.byHash[done.Hash], s.active = done, done
	s.mu.Unlock()
	s.events.Publish(Activated{Version: done.Version})
	return nil
}

func leaf(kind string, actor auth.Actor, v Version, why string) audit.Entry {
	hash := order.Hash(v.Body)
	return audit.Entry{Kind: kind, Actor: actor.String(), Object: fmt.Sprintf("library:%d", v.Version), NewHash: hash[:], Reason: why, Evidence: v.Body, Payload: v.Annex}
}

func activated(actor auth.Actor, v Version) audit.Entry {
	return audit.Entry{Kind: "library.activate", Actor: actor.String(), Object: fmt.Sprintf("library:%d", v.Version), NewHash: v.Hash[:], Reason: v.Note, Evidence: v.Document, Payload: v.Annex}
}

// Signed is a signature that was brought for a version.
type Signed struct {
	Key   order.KeyID
	Actor string
	At    time.Time
}

// Signatures returns who has signed a version, and how many signatures the root
// asks for.
func (s *Service) Signatures(ctx context.Context, version uint64) ([]Signed, int, error) {
	all, err := readSigned(ctx, s.DB, version)
	return all, int(s.Root.Library.Threshold), err
}

package library

import (
	"context"

	"cisterna/device/order"
	"cisterna/fleet/refusal"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

func mayWrite(actor auth.Actor) error {
	if !actor.HasAnywhere(auth.Pharmacist) || actor.IsToken() {
		return refusal.Denied(refusal.Role, "The drug library is written by pharmacists who are signed in.")
	}
	return nil
}

// Content is what an author writes.
type Content struct {
	Library order.Library
	Annex   Annex
	Note    string // what changes and why
}

// check says all that is wrong with it, by field, and puts its lists in order.
func (c *Content) check() error {
	bad := Faults(&c.Library)
	if c.Note == "" || len(c.Note) > 1000 {
		bad = append(bad, errs.Field{Name: "note", Message: "Say what changes and why, in at most 1000 characters."})
	}
	arrange(&c.Library)
	if c.Annex.Sources == nil {
		c.Annex.Sources = []Source{}
	}
	if c.Annex.Paces == nil {
		c.Annex.Paces = []Pace{}
	}
	if bad = append(bad, c.Annex.check(&c.Library)...); len(bad) > 0 {
		return refusal.InvalidFields("The library cannot be kept as it is. Each field says what to change.", bad...)
	}
	return nil
}

// Save keeps a draft: version 0 makes a new one after all others, else rev must be
// the draft's. What a pump would not take is refused now.
func (s *Service) Save(ctx context.Context, actor auth.Actor, version uint64, rev int64, c Content) (Version, error) {
	if err := mayWrite(actor); err != nil {
		return Version{}, err
	}
	if err := c.check(); err != nil {
		return Version{}, err
	}
	l := c.Library
	var v Version
	err := postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		top, err := lockVersions(ctx, tx)
		if err != nil {
			return err
		}
		now := s.Now()
		v = Version{Version: top + 1, State: StateDraft, Author: actor.ID, AuthorName: actor.Name, CreatedAt: now}
		if version != 0 {
			if v, err = readVersion(ctx, tx, version, true); err != nil {
				return err
			}
			if v.State != StateDraft || v.Author != actor.ID {
				return refusal.Conflict(refusal.Step, "Version %d is %s, by %s. Only its author changes a draft.", version, v.State, v.AuthorName)
			}
			if v.Rev != rev {
				return refusal.Conflict(refusal.Step, "The draft has changed since you read it. Read it again.")
			}
		}
		l.V, l.Version, l.Issued = 1, v.Version, now.Unix()
		body := l.Encode()
		if len(body) > order.MaxDocument-1024 {
			return refusal.InvalidAs(refusal.Candidate, "library", "The library has %d bytes; a pump takes %d.", len(body), order.MaxDocument-1024)
		}
		if _, err := order.DecodeLibrary(body); err != nil {
			return refusal.Wrap(errs.Invalid, refusal.Candidate, err, "A pump would refuse this library: %v.", err)
		}
		v.Library, v.Body, v.Annex, v.Note, v.Rev = l, body, c.Annex, c.Note, v.Rev+1
		if version == 0 {
			err = insert(ctx, tx, v)
		} else {
			err = updateDraft(ctx, tx, v)
		}
		if err != nil {
			return err
		}
		return audit.Append(ctx, tx, leaf("library.draft", actor, v, c.Note))
	})
	return v, err
}

// Submit hands a draft to a second person. Its content never changes again.
func (s *Service) Submit(ctx context.Context, actor auth.Actor, version uint64) (Version, error) {
	if err := mayWrite(actor); err != nil {
		return Version{}, err
	}
	return s.move(ctx, actor, version, "library.submit", "", func(v *Version) error {
		if v.State != StateDraft || v.Author != actor.ID {
			return refusal.Conflict(refusal.Step, "Version %d is %s, by %s. Its author submits a draft.", version, v.State, v.AuthorName)
		}
		v.State, v.SubmittedAt = StateReview, s.Now()
		return nil
	})
}

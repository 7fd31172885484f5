package lists

import (
	"context"
	"slices"
	"time"

	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// Action is what a run does to each pump.
type Action string

// The actions.
const (
	ActTag     Action = "tag"     // gives tags
	ActUntag   Action = "untag"   // takes tags away
	ActGroup   Action = "group"   // puts into a group
	ActUngroup Action = "ungroup" // takes out of a group
	ActClaim   Action = "claim"   // makes claim slips; see Advance
	ActRevoke  Action = "revoke"  // withdraws trust from the link
)

// Actions lists all actions.
func Actions() []Action {
	return []Action{ActTag, ActUntag, ActGroup, ActUngroup, ActClaim, ActRevoke}
}

// roles says who may begin a run. Each item is judged again by what does it.
func (a Action) roles() []auth.Role {
	switch a {
	case ActClaim, ActRevoke:
		return []auth.Role{auth.Engineer}
	case ActTag, ActUntag, ActGroup, ActUngroup:
	}
	return editors
}

// Work is what to do to all pumps of a frozen list.
type Work struct {
	Action Action   `json:"action"`
	Tags   []string `json:"tags,omitempty"`
	Group  int64    `json:"group,omitempty"`
	Reason string   `json:"reason,omitempty"`
}

func (w Work) check() (Work, error) {
	if !slices.Contains(Actions(), w.Action) {
		return w, errs.InvalidField("action", "There is no action %q.", clip(string(w.Action)))
	}
	tags, group, reason := w.Action == ActTag || w.Action == ActUntag, w.Action == ActGroup || w.Action == ActUngroup, w.Action == ActRevoke
	var err error
	if w.Tags, err = checkTags("tags", w.Tags); err != nil {
		return w, err
	}
	if w.Reason, err = line("reason", w.Reason, maxReason, reason); err != nil {
		return w, err
	}
	switch {
	case tags != (len(w.Tags) > 0):
		return w, errs.InvalidField("tags", "tags belong to %s and %s, which need at least one.", ActTag, ActUntag)
	case group != (w.Group != 0):
		return w, errs.InvalidField("group", "group belongs to %s and %s, which need one.", ActGroup, ActUngroup)
	}
	return w, nil
}

// RunState says how far a run is.
type RunState string

// The states of a run.
const (
	Running RunState = "running"
	Done    RunState = "done"    // every item has an outcome
	Stopped RunState = "stopped" // by its owner, or because they or their token may not go on
)

// Run is work on a frozen list.
type Run struct {
	ID    int64
	Owner int64
	Token int64 // of the API token that it was begun with, 0: by the owner themselves
	Site  int64 // of all its pumps, 0 = of several
	Work
	Filter    string
	Count     int64
	State     RunState
	Why       string // it was stopped
	CreatedAt time.Time
	EndedAt   time.Time // zero: it has not ended

	// Outcomes so far.
	Waiting, Finished, Refused int64
}

// Item is what became of one pump of a run.
type Item struct {
	Pump   int64
	State  string // waiting, done, refused
	Detail string // why it was refused
	At     time.Time
}

// Begin starts a run over a frozen list of the actor's. The list can be used
// once: two runs need two looks. Errors: Invalid (names the field), NotFound,
// Denied, and Conflict if the list has expired.
func (s *Service) Begin(ctx context.Context, actor auth.Actor, frozen int64, w Work) (Run, error) {
	w, err := w.check()
	if err != nil {
		return Run{}, err
	}
	if !actor.HasAnywhere(w.Action.roles()...) {
		return Run{}, errs.Deniedf("Your role does not allow %s.", w.Action)
	}
	if w.Group != 0 {
		g, err := s.Group(ctx, actor.Scope(), w.Group)
		if err != nil {
			return Run{}, err
		}
		if g.Filter != "" {
			return Run{}, errs.Conflictf("The group %s goes by a filter: no pump is put into it or taken out by hand.", g.Name)
		}
	}
	r := Run{Owner: actor.ID, Token: actor.Program(), Work: w, State: Running, CreatedAt: s.Now()}
	err = postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		f, pumps, err := takeFrozen(ctx, tx, frozen)
		switch {
		case err != nil:
			return err
		case !own(actor, f.Owner, f.Token):
			return errs.NotFoundf("There is no such frozen list.")
		case !s.Now().Before(f.ExpiresAt):
			return expired(f)
		}
		r.Filter, r.Count, r.Waiting = f.Filter, f.Count, f.Count
		r.Site = s.siteOf(pumps)
		if err := insertRun(ctx, tx, &r, pumps); err != nil {
			return err
		}
		tx.OnCommit(s.nudge)
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "bulk.begin", Actor: actor.String(), Object: object("run", r.ID), Reason: w.Reason, Site: r.Site,
			Payload: struct {
				Work
				Filter string `json:"filter"`
				Picked bool   `json:"picked,omitempty"`
				Count  int64  `json:"count"`
				Epoch  string `json:"epoch"`
				Rev    uint64 `json:"rev"`
			}{w, f.Filter, f.Picked, f.Count, f.Epoch, f.Rev},
		})
	})
	if err != nil {
		return Run{}, err
	}
	return r, nil
}

// siteOf returns the site that all pumps belong to, 0 if they are of several.
func (s *Service) siteOf(pumps []int64) (site int64) {
	for i, id := range pumps {
		p, _ := s.Registry.Directory().ByID(id)
		if i > 0 && p.Site != site {
			return 0
		}
		site = p.Site
	}
	return site
}

// Stop ends a run of the actor's. What is done stays done.
func (s *Service) Stop(ctx context.Context, actor auth.Actor, id int64) (Run, error) {
	if _, err := s.Progress(ctx, actor, id); err != nil {
		return Run{}, err
	}
	if err := s.end(ctx, actor.String(), id, Stopped, "Stopped by "+actor.Name+"."); err != nil {
		return Run{}, err
	}
	return s.Progress(ctx, actor, id)
}

// end closes a run that is still running.
func (s *Service) end(ctx context.Context, actor string, id int64, state RunState, why string) error {
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		r, err := lockRun(ctx, tx, id)
		if err != nil || r.State != Running {
			return err
		}
		if state == Done && r.Waiting > 0 {
			return nil // somebody else is at the last ones
		}
		if err := endRun(ctx, tx, id, state, why, s.Now()); err != nil {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{
			Kind: "bulk.end", Actor: actor, Object: object("run", id), Reason: why, Site: r.Site,
			Payload: struct {
				Action  Action   `json:"action"`
				State   RunState `json:"state"`
				Done    int64    `json:"done"`
				Refused int64    `json:"refused"`
				Left    int64    `json:"left"`
			}{r.Action, state, r.Finished, r.Refused, r.Waiting},
		})
	})
}

// Progress returns a run of the actor's with its outcomes so far, or errs.NotFound.
func (s *Service) Progress(ctx context.Context, actor auth.Actor, id int64) (Run, error) {
	r, err := getRun(ctx, s.DB, id)
	if err == nil && !own(actor, r.Owner, r.Token) {
		err = errs.NotFoundf("There is no such run.")
	}
	if err != nil {
		return Run{}, err
	}
	return r, nil
}

// Runs returns the actor's newest runs; a program is told of its own alone.
func (s *Service) Runs(ctx context.Context, actor auth.Actor, limit int) ([]Run, error) {
	return listRuns(ctx, s.DB, actor.ID, actor.Program(), limit)
}

// Items returns outcomes of a run of the actor's by pump id, after the pump given;
// state narrows them unless it is empty.
func (s *Service) Items(ctx context.Context, actor auth.Actor, id int64, state string, after int64, limit int) ([]Item, error) {
	if _, err := s.Progress(ctx, actor, id); err != nil {
		return nil, err
	}
	return listItems(ctx, s.DB, id, state, after, limit)
}

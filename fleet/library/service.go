package library

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"cisterna/device/order"
	"cisterna/device/wire"
	"cisterna/fleet/refusal"
	"cisterna/internal/audit"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/event"
	"cisterna/internal/postgres"
)

// Options is what a Service is made of. All but Demo are required.
type Options struct {
	DB       *sqlx.DB
	Root     order.Root
	Document []byte // that the ceremony signed
	Now      func() time.Time
	Log      *slog.Logger
	// Demo signs what was approved by itself; refused but under a demo's root.
	Demo []crypto.Signer
}

// Activated tells of a version that pumps are given from now on.
type Activated struct{ Version uint64 }

// Service keeps the versions of the drug library. It is safe for concurrent use.
type Service struct {
	Options
	events event.Bus[Activated]

	mu     sync.RWMutex
	byHash map[order.Digest]*Version
	active *Version
}

// New returns a service that knows the active library. The ceremony's is taken
// over if there is no newer one.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.DB == nil || o.Now == nil || o.Log == nil || len(o.Document) == 0 {
		return nil, errors.New("library: DB, Root, Document, Now and Log are required")
	}
	if len(o.Demo) > 0 && !o.Root.Demo {
		return nil, errors.New("library: only a demo's root lets a server hold a pharmacist's key")
	}
	s := &Service{Options: o, byHash: map[order.Digest]*Version{}}
	if err := s.takeOver(ctx); err != nil {
		return nil, err
	}
	return s, s.reload(ctx)
}

// Events tells of versions that became active through this process.
func (s *Service) Events() *event.Bus[Activated] { return &s.events }

// Current returns the active version. It is not to be changed.
func (s *Service) Current() *Version {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.active
}

// ByHash returns the signed version that a pump says it has.
func (s *Service) ByHash(hash []byte) (*Version, bool) {
	if len(hash) != len(order.Digest{}) {
		return nil, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, ok := s.byHash[order.Digest(hash)]
	return v, ok
}

// Before returns the newest signed version older than v, false if there is none.
func (s *Service) Before(v *Version) (*Version, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out *Version
	for _, w := range s.byHash {
		if w.Version < v.Version && (out == nil || w.Version > out.Version) {
			out = w
		}
	}
	return out, out != nil
}

func (s *Service) takeOver(ctx context.Context) error {
	l, err := s.Root.OpenLibrary(s.Document)
	if err != nil {
		return fmt.Errorf("the drug library of the ceremony: %w", err)
	}
	return postgres.InTx(ctx, s.DB, func(tx *postgres.Tx) error {
		top, err := lockVersions(ctx, tx)
		if err != nil || top >= l.Version {
			return err
		}
		now := s.Now()
		v := Version{
			Version: l.Version, State: StateActive, Rev: 1, Library: l, Body: l.Encode(), Note: "signed at the ceremony", AuthorName: "ceremony", CreatedAt: now,
			ActiveAt: now, Document: s.Document, Hash: order.Hash(s.Document),
		}
		if l.Sample {
			v.Annex = SampleAnnex()
		}
		if err := supersede(ctx, tx); err != nil {
			return err
		}
		if err := insert(ctx, tx, v); err != nil {
			return err
		}
		return audit.Append(ctx, tx, activated(auth.System("keys"), v))
	})
}

func (s *Service) reload(ctx context.Context) error {
	all, err := readVersions(ctx, s.DB)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range all {
		v := &all[i]
		if v.Document == nil {
			continue
		}
		if v.Library, err = s.Root.OpenLibrary(v.Document); err != nil {
			s.Log.Error("a stored drug library does not hold under the root and is left out", "version", v.Version, "error", err)
			continue
		}
		s.byHash[v.Hash] = v
		if v.State == StateActive {
			s.active = v
		}
	}
	if s.active == nil {
		return errors.New("library: no active drug library holds under the root: hold a ceremony")
	}
	return nil
}

// Versions returns all versions, newest first.
func (s *Service) Versions(ctx context.Context) ([]Version, error) {
	all, err := readVersions(ctx, s.DB)
	for i := range all {
		if all[i].Library, err = order.DecodeLibrary(all[i].Body); err != nil {
			return nil, fmt.Errorf("drug library %d: %w", all[i].Version, err)
		}
	}
	return all, err
}

// Version returns one version, or errs.NotFound.
func (s *Service) Version(ctx context.Context, version uint64) (Version, error) {
	v, err := readVersion(ctx, s.DB, version, false)
	if err != nil {
		return Version{}, err
	}
	v.Library, err = order.DecodeLibrary(v.Body)
	return v, err
}

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

// StatedTx notes which library a pump says it has, in the transaction in which it
// said so.
func (s *Service) StatedTx(ctx context.Context, tx *postgres.Tx, pump, site int64, hash []byte, at time.Time) error {
	if len(hash) == 0 {
		return nil
	}
	return noteHolding(ctx, tx, pump, site, hash, at)
}

// PumpHolding is which version one pump says it has.
type PumpHolding struct {
	Pump, Site int64
	Version    uint64 // 0: one that is not known here
	Hash       []byte
	Since      time.Time
}

// Pumps returns which version each pump in scope says it has. One that never said
// so is not there.
func (s *Service) Pumps(ctx context.Context, scope auth.Scope) ([]PumpHolding, error) {
	all, err := readPumps(ctx, s.DB, scope)
	for i := range all {
		if v, ok := s.ByHash(all[i].Hash); ok {
			all[i].Version = v.Version
		}
	}
	return all, err
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

// Holding is how many pumps of one's sites have a version now.
type Holding struct {
	Version uint64 // 0: one that is not known here
	Hash    []byte
	Pumps   int64
}

// Adopted is how many pumps had taken a version by a day.
type Adopted struct {
	Day   time.Time
	Pumps int64
}

// Holdings returns which versions the pumps in scope have.
func (s *Service) Holdings(ctx context.Context, scope auth.Scope) ([]Holding, error) {
	all, err := readHoldings(ctx, s.DB, scope)
	for i := range all {
		if v, ok := s.ByHash(all[i].Hash); ok {
			all[i].Version = v.Version
		}
	}
	return all, err
}

// Adoption returns, day by day, how many pumps in scope had taken a version.
func (s *Service) Adoption(ctx context.Context, scope auth.Scope, version uint64) ([]Adopted, error) {
	v, err := s.Version(ctx, version)
	if err != nil {
		return nil, err
	}
	if v.Document == nil {
		return []Adopted{}, nil
	}
	return readAdoption(ctx, s.DB, scope, v.Hash[:])
}

// Same reports whether two hashes name one library.
func Same(a []byte, b order.Digest) bool { return bytes.Equal(a, b[:]) }

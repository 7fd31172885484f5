// Package registry knows sites, people's roles at them, pumps, communicators,
// which of them belong together, and which patient a pump is in.
//
// # Invariants
//
//   - A pump's device key is bound at its first enrolment and never changes: a
//     pump with another key is another pump.
//   - A pump is paired with at most one communicator at a time, and a
//     communicator with at most one pump. Pairings are history: they end, they
//     are not overwritten. Only an enrolment begins one; nothing that a pump
//     says over its link (a hello) changes one.
//   - A certificate opens the link only while the pump is active, the pairing is
//     open and the certificate is not revoked. What ended is not restored: a
//     pump that is trusted again enrols again, with the same key.
//   - One-time codes are stored as hashes only.
//   - Every change is one transaction with one leaf in the record.
//
// The [Directory] is the part that answers from memory, because the endpoint and
// ingest may not wait for the database.
package registry

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/event"
	"cisterna/internal/postgres"
)

// Changed says that a pump, its pairing, its certificates or whom it is in changed.
type Changed struct{ Pump PumpRef }

// Documents is what an enrolled pump is given beside its certificate: signed
// documents, as their kinds carry them, and where the endpoint is.
type Documents struct {
	Root, Keyset, Library, Profile []byte
	MQTT                           string // host:port
}

// SignFunc issues a client certificate for the CSR's name and key, and returns it
// with its chain, leaf first, DER: pki.Authority.IssueClient.
type SignFunc func(csr *x509.CertificateRequest, now time.Time) (*x509.Certificate, [][]byte, error)

// Options is what a Service is made of. All but Accounts, Shut, Profiles, Known,
// KnownCommunicators, Gone, Moved and Kick are required.
type Options struct {
	DB   *sqlx.DB
	Now  func() time.Time
	Sign SignFunc
	// Accounts are those of the people; without them nobody is added or shut, and
	// every account counts as open.
	Accounts *auth.Service
	// Shut ends what else ends when an account is shut, in the same transaction.
	Shut func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, user int64, reason string) error
	// Documents returns what a pump of the profile is given. With an empty
	// profile only Root must be set.
	Documents func(ctx context.Context, profile string) (Documents, error)
	// Profiles reports whether a device profile of that id exists. nil takes any.
	Profiles func(id string) bool
	// Known, if not nil, hears in the same transaction of pumps that were
	// registered, or of which other facts are known now. An error rolls back.
	Known func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, pumps []Pump) error
	// KnownCommunicators, if not nil, hears in the same transaction of
	// communicators that were registered, or that enrolled. An error rolls back.
	KnownCommunicators func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, list []Communicator) error
	// Gone, if not nil, hears in the same transaction of a pump that was explanted
	// or retired and will say nothing any more. An error rolls back.
	Gone func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, p Pump, why string) error
	// Unheard, if not nil, hears in the same transaction of a pump that people read by
	// hand from now on. An error rolls back.
	Unheard func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, p Pump, why string) error
	// Unlinked, if not nil, hears in the same transaction that the communicator which p
	// names speaks for the pump no more. An error rolls back.
	Unlinked func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, p Pump, why string) error
	// Moved, if not nil, hears in the same transaction of a pump that goes to another
	// site. p is as it was. An error rolls back.
	Moved func(ctx context.Context, tx *postgres.Tx, actor auth.Actor, p Pump, site int64) error
	// Kick cuts a link's connection (gateway.Transport). It is called after the
	// commit of an act that ended the link's trust, once the directory refuses it.
	Kick func(link, reason string)
}

func (o Options) validate() error {
	if o.DB == nil || o.Now == nil || o.Sign == nil || o.Documents == nil {
		return errors.New("registry: DB, Now, Sign and Documents are required")
	}
	return nil
}

// Service is the registry. It is safe for concurrent use.
type Service struct {
	Options
	dir    *Directory
	events event.Bus[Changed]
	leaves refusalLimit
	doubt  chan struct{} // wakes Run
}

// New returns a registry with its directory loaded.
func New(ctx context.Context, o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Service{Options: o, dir: newDirectory(), doubt: make(chan struct{}, 1)}
	if err := s.Reload(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Directory returns the part of the registry that answers from memory.
func (s *Service) Directory() *Directory { return s.dir }

// Events tells of committed changes made through this process.
func (s *Service) Events() *event.Bus[Changed] { return &s.events }

// may refuses an actor without one of the roles at a site. A site that the actor
// cannot see does not exist for them.
func may(actor auth.Actor, site int64, thing string, roles ...auth.Role) error {
	switch {
	case actor.Has(site, roles...):
		return nil
	case !actor.Scope().Allows(site):
		return errs.NotFoundf("There is no such %s.", thing)
	}
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return errs.Deniedf("This needs the role %s at the site.", strings.Join(names, " or "))
}

// text checks a line that a person typed: trimmed, of at most limit characters,
// without control characters. With required it may not be empty.
func text(field, s string, limit int, required bool) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "" && required:
		return "", errs.InvalidField(field, "%s is missing.", field)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return "", errs.InvalidField(field, "%s contains characters that cannot be printed.", field)
	case utf8.RuneCountInString(s) > limit:
		return "", errs.InvalidField(field, "%s is longer than %d characters.", field, limit)
	}
	return s, nil
}

// lines checks what a person typed over several lines: as text, but line breaks
// and tabs may be there.
func lines(field, s string, limit int, required bool) (string, error) {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\r\n", "\n")
	_, err := text(field, strings.NewReplacer("\n", " ", "\t", " ").Replace(s), limit, required)
	return s, err
}

// Text checks a line that a person typed: trimmed, printable, of at most limit
// characters. It is what all packages about devices use.
func Text(field, s string, limit int, required bool) (string, error) {
	return text(field, s, limit, required)
}

// Lines is Text for words that may run over several lines.
func Lines(field, s string, limit int, required bool) (string, error) {
	return lines(field, s, limit, required)
}

// May refuses an actor without one of the roles at a site; what the actor cannot
// see does not exist for them.
func May(actor auth.Actor, site int64, thing string, roles ...auth.Role) error {
	return may(actor, site, thing, roles...)
}

// reason checks the words that an act must be given.
func reason(s string) (string, error) { return text("reason", s, 300, true) }

package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"cisterna/device/gateway"
	"cisterna/device/wire"
	"cisterna/internal/auth"
	"cisterna/internal/errs"
	"cisterna/internal/postgres"
)

// only turns "no rows" into an errs.NotFound.
func only(err error, thing string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errs.NotFoundf("There is no such %s.", thing)
	}
	return err
}

const selectEntries = `
SELECT p.id, p.wire_id, p.site_id, COALESCE(p.device_key, ''), COALESCE(g.link, ''), COALESCE(g.id, 0), p.profile, p.status, p.serial, p.model, p.label, p.rev,
       ARRAY(SELECT c.serial FROM registry_certificates c WHERE c.pump_id = p.id AND c.link = g.link AND c.revoked_at IS NULL)
FROM registry_pumps p LEFT JOIN registry_pairings g ON g.pump_id = p.id AND g.to_at IS NULL`

func scanEntry(row interface{ Scan(...any) error }) (*entry, error) {
	var e entry
	var id []byte
	var key string
	var certs pq.StringArray
	err := row.Scan(&e.ID, &id, &e.Site, &key, &e.Link, &e.pairing, &e.Profile, &e.Status, &e.Serial, &e.Model, &e.Label, &e.Rev, &certs)
	if err != nil {
		return nil, err
	}
	if key != "" {
		if e.Key, err = wire.ParsePublicKey(key); err != nil {
			return nil, fmt.Errorf("pump %d: %w", e.ID, err)
		}
		e.Wire = e.Key.PumpID()
		if string(id) != string(e.Wire[:]) {
			return nil, fmt.Errorf("pump %d: stored wire id %x is not its key's", e.ID, id)
		}
	}
	e.certs = make(map[string]struct{}, len(certs))
	for _, c := range certs {
		e.certs[c] = struct{}{}
	}
	return &e, nil
}

func queryEntries(ctx context.Context, q sqlx.QueryerContext, query string, args ...any) ([]*entry, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []*entry
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, rows.Err()
}

// changed raises the pump's revision and, once the transaction has committed,
// takes the pump over into the directory, cuts the links named (the directory
// must refuse them first, or they are back before they are gone) and tells
// everybody. Every change to a pump, its pairing or its certificates ends with
// it; the pump stays locked until the commit.
func (s *Service) changed(ctx context.Context, tx *postgres.Tx, pump int64, kick ...string) error {
	if _, err := tx.ExecContext(ctx, `UPDATE registry_pumps SET rev = rev + 1 WHERE id = $1`, pump); err != nil {
		return err
	}
	entries, err := entriesOf(ctx, tx, pump)
	if err != nil {
		return err
	}
	tx.OnDoubt(s.inDoubt)
	tx.OnCommit(func() {
		_, news := s.dir.put(entries[0])
		for _, link := range kick {
			if link != "" && s.Kick != nil {
				s.Kick(link, gateway.ReasonRevoked)
			}
		}
		if news {
			s.events.Publish(Changed{Pump: entries[0].PumpRef})
		}
	})
	return nil
}

// rebound tells everybody that pumps are in another patient than before, or in none.
// A binding is no part of the pump, so that its revision stays and no lock is needed.
// It is told as well if nobody knows what became of the commit: who hears it reads.
func (s *Service) rebound(tx *postgres.Tx, pumps ...int64) {
	tell := func() {
		for _, id := range pumps {
			if p, ok := s.dir.ByID(id); ok {
				s.events.Publish(Changed{Pump: p})
			}
		}
	}
	tx.OnCommit(tell)
	tx.OnDoubt(tell)
}

// announce makes new pumps known once the transaction has committed.
func (s *Service) announce(ctx context.Context, tx *postgres.Tx, pumps ...int64) error {
	entries, err := entriesOf(ctx, tx, pumps...)
	if err != nil {
		return err
	}
	tx.OnDoubt(s.inDoubt)
	tx.OnCommit(func() { s.take(entries) })
	return nil
}

// take puts entries into the directory, cuts links that are not trusted any more
// and tells of what is news.
func (s *Service) take(entries []*entry) {
	for _, e := range entries {
		old, news := s.dir.put(e)
		if !news {
			continue
		}
		if s.Kick != nil && old.lostTrust(e) {
			s.Kick(old.Link, gateway.ReasonRevoked)
		}
		s.events.Publish(Changed{Pump: e.PumpRef})
	}
}

// entriesOf reads pumps as the transaction leaves them.
func entriesOf(ctx context.Context, tx *postgres.Tx, pumps ...int64) ([]*entry, error) {
	entries, err := queryEntries(ctx, tx, selectEntries+` WHERE p.id = ANY($1)`, pq.Int64Array(pumps))
	if err == nil && len(entries) != len(pumps) {
		err = fmt.Errorf("%d of %d pumps found", len(entries), len(pumps))
	}
	return entries, err
}

// RaiseFacts says that something changed about the patient of a pump that whoever
// approves a dose must have seen: open approvals compare the number. It does
// nothing if the pump has no patient.
func RaiseFacts(ctx context.Context, tx *postgres.Tx, pump int64) error {
	_, err := tx.ExecContext(ctx, `
UPDATE registry_patients SET facts_rev = facts_rev + 1
WHERE id = (SELECT patient_id FROM registry_bindings WHERE pump_id = $1 AND to_at IS NULL)`, pump)
	if err != nil {
		return fmt.Errorf("raise the facts of pump %d: %w", pump, err)
	}
	return nil
}

// RaiseForVisit is RaiseFacts of an alarm that says no more than that a pump needs a
// visit. Such facts are counted apart too, in reservoir_rev, since it is the visit that
// was made for them (ORDERS.md, When the pump is busy or in trouble).
func RaiseForVisit(ctx context.Context, tx *postgres.Tx, pump int64) error {
	_, err := tx.ExecContext(ctx, `
UPDATE registry_patients SET facts_rev = facts_rev + 1, reservoir_rev = reservoir_rev + 1
WHERE id = (SELECT patient_id FROM registry_bindings WHERE pump_id = $1 AND to_at IS NULL)`, pump)
	if err != nil {
		return fmt.Errorf("raise the facts that call for a visit of pump %d: %w", pump, err)
	}
	return nil
}

// scopeArgs are the two parameters of a condition ($n OR site_id = ANY($n+1)).
func scopeArgs(s auth.Scope) (all bool, sites any) { return s.All, pq.Int64Array(s.Sites) }

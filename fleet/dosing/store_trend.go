package dosing

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"cisterna/device/order"
	"cisterna/internal/auth"
)

// mostRan bounds how far back applied orders are looked at.
const mostRan = 200

// readRan returns the newest orders of a pump that it applied and that can change what
// it gives, oldest first. Those of sites out of scope have no number.
func (s *Service) readRan(ctx context.Context, db *sqlx.DB, scope auth.Scope, pump int64) ([]ran, error) {
	rows, err := db.QueryContext(ctx, `SELECT o.id, o.site_id, o.pump_id, coalesce(o.patient_id, 0), o.document, o.report, o.seen, l.at, l.answered_at, l.document
FROM dosing_letters l JOIN dosing_orders o ON o.id = l.order_id
WHERE l.pump_id = $1 AND l.kind = 'release' AND l.state = 'applied' AND o.act IN ('program', 'visit', 'erase', 'adopt') ORDER BY l.id DESC LIMIT $2`, pump, mostRan)
	all, err := collect(rows, err, func(rows *sql.Rows) (ran, error) {
		var r ran
		var site, on int64
		var document, report, seen, release []byte
		if err := rows.Scan(&r.order, &site, &on, &r.patient, &document, &report, &seen, &r.from, &r.at, &release); err != nil {
			return r, err
		}
		if err := r.read(document, report, release); err != nil {
			return r, fmt.Errorf("order %d: %w", r.order, err)
		}
		var then Seen
		if seen != nil {
			if err := json.Unmarshal(seen, &then); err != nil {
				return r, fmt.Errorf("order %d: %w", r.order, err)
			}
		}
		if p, ok := s.Profile(then.Profile); ok {
			r.limits = &p.Range
		}
		if !scope.AllowsPump(site, on) {
			r.order = 0
		}
		return r, nil
	})
	slices.Reverse(all)
	return all, err
}

// read takes what an order was and left from its signed documents. What is kept of
// before counts only if it is of the state that the signers signed for.
func (r *ran) read(document, report, release []byte) error {
	p, err := order.DecodePrescription(document)
	if err != nil {
		return err
	}
	r.act, r.is = p.Act, p.Checks
	if p.Visit != nil {
		l, err := order.DecodeRelease(release)
		if err != nil {
			return err
		}
		r.is = p.Visit.Planned.Checks
		if l.Branch == order.BranchSame {
			r.is = p.Visit.Same.Checks
		}
	}
	if before, err := order.DecodeReport(report); err == nil && before.State.Hash() == p.State {
		r.before = &before
	}
	return nil
}

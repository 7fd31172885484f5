package dosing

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"cisterna/device/order"
	"cisterna/internal/postgres"
)

// bedsides returns the orders of a pump that wait at the bedside, as far as is known, and
// the one that a release let go.
func bedsides(ctx context.Context, tx *postgres.Tx, pump int64, release order.Digest) ([]int64, error) {
	return ids(tx.QueryContext(ctx, `SELECT id FROM dosing_orders WHERE pump_id = $1 AND bedside_until IS NOT NULL
UNION SELECT order_id FROM dosing_letters WHERE pump_id = $1 AND kind = 'release' AND state IN ('open', 'sent') AND hash = $2 ORDER BY id`, pump, release[:]))
}

// openUntil reports until when a release of an order may apply, and whether nobody has
// answered it.
func openUntil(ctx context.Context, tx *postgres.Tx, orderID int64, release order.Digest) (notAfter time.Time, open bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT not_after FROM dosing_letters WHERE order_id = $1 AND kind = 'release' AND state IN ('open', 'sent') AND hash = $2`, orderID, release[:]).Scan(&notAfter)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, false, nil
	}
	return notAfter, err == nil, err
}

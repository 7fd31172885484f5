package dosing

import (
	"context"
	"database/sql"

	"github.com/jmoiron/sqlx"

	"cisterna/internal/postgres"
)

// watchedStop is a stop of which nothing good is known yet. decided says that people
// decided something since: a newer stop was carried out, or what the pump is to run was
// ordered and applied.
type watchedStop struct {
	Letter
	decided bool
}

// watchedPumps returns the pumps that have such stops, only the one if it is not 0.
func watchedPumps(ctx context.Context, db *sqlx.DB, pump int64) ([]int64, error) {
	return ids(db.QueryContext(ctx, `SELECT DISTINCT pump_id FROM dosing_letters WHERE watch <> '' AND ($1 = 0 OR pump_id = $1) ORDER BY pump_id`, pump))
}

// lockWatched returns those of a pump, oldest first.
func lockWatched(ctx context.Context, tx *postgres.Tx, pump int64) ([]watchedStop, error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+letterColumns+`,
    EXISTS (SELECT FROM dosing_letters n WHERE n.pump_id = l.pump_id AND n.kind = 'stop' AND n.id > l.id AND n.state = 'applied' AND n.watch = '')
    OR EXISTS (SELECT FROM dosing_letters r JOIN dosing_orders o ON o.id = r.order_id
        WHERE r.pump_id = l.pump_id AND r.kind = 'release' AND r.state = 'applied' AND r.at > l.at AND o.act IN ('program', 'visit', 'erase', 'resume'))
FROM dosing_letters l WHERE pump_id = $1 AND watch <> '' ORDER BY id FOR UPDATE OF l`, pump)
	return collect(rows, err, func(r *sql.Rows) (w watchedStop, err error) {
		w.Letter, err = scanLetter(r, &w.decided)
		return w, err
	})
}

func setWatch(ctx context.Context, tx *postgres.Tx, letter int64, to watch) error {
	_, err := tx.ExecContext(ctx, `UPDATE dosing_letters SET watch = $2 WHERE id = $1`, letter, to)
	return err
}

func anyFailed(ctx context.Context, tx *postgres.Tx, pump int64) (yes bool, err error) {
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM dosing_letters WHERE pump_id = $1 AND watch = 'failed')`, pump).Scan(&yes)
	return yes, err
}

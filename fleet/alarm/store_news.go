package alarm

import (
	"context"
	"fmt"
	"time"

	"cisterna/device/wire"
	"cisterna/internal/postgres"
)

// News is a change of an alarm as others are told of it.
type News struct {
	ID       int64 // of the change
	Alarm    int64
	Pump     int64
	Site     int64
	Code     string
	Source   Source
	Change   Change
	Priority wire.Priority // after the change
	State    State         // after the change
	At       time.Time
	Actor    string
	Note     string
}

// TakeNews removes at most limit changes from the list of those that nobody was
// told of, and returns them in the order of their ids. The transaction that
// tells of them must be tx. One at a time may take: the caller sees to that.
func TakeNews(ctx context.Context, tx *postgres.Tx, limit int) ([]News, error) {
	rows, err := tx.QueryContext(ctx, `WITH taken AS (
    DELETE FROM alarm_news WHERE change_id IN (SELECT change_id FROM alarm_news ORDER BY change_id LIMIT $1) RETURNING change_id
)
SELECT h.id, h.alarm_id, a.pump_id, a.site_id, a.code, a.source, h.change, h.new_priority, h.new_state, h.at, h.actor, h.note
FROM taken JOIN alarm_changes h ON h.id = taken.change_id JOIN alarm_alarms a ON a.id = h.alarm_id ORDER BY h.id`, limit)
	if err != nil {
		return nil, fmt.Errorf("take the news of alarms: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []News
	for rows.Next() {
		var n News
		if err := rows.Scan(&n.ID, &n.Alarm, &n.Pump, &n.Site, &n.Code, &n.Source, &n.Change, &n.Priority, &n.State, &n.At, &n.Actor, &n.Note); err != nil {
			return nil, fmt.Errorf("take the news of alarms: %w", err)
		}
		all = append(all, n)
	}
	return all, rows.Err()
}
